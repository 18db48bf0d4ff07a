"""A study whose texts try to break a document: markup, control words, other scripts, lengths, control characters."""

from __future__ import annotations

from typing import Any

CYRILLIC, JAPANESE, EMOJI = "Пациент Ёж", "患者さん全身性エリテマトーデス", "𠮷😀"
MARKUP = '<script>alert(1)</script> & "quotes" ]]>'
RTF = "\\par {\\b bold} \\u1234? } \\'e9"
DASHES = "1\u20132, ≥ 3, µ, é"
LONG = "verylongword" * 30
CONTROL = "a\u0007b\u001bc\u0085d"

PATIENTS = (CYRILLIC, JAPANESE)


def tables() -> dict[str, list[dict[str, Any]]]:
    terms = [MARKUP, RTF, DASHES, LONG, EMOJI, CONTROL]
    return {
        "subjects": [
            {"subject_id": p, "indication": "SLE", "indication_subtype": MARKUP, "sex": "F", "age_at_infusion": 30}
            for p in PATIENTS
        ],
        "infusions": [
            {"subject_id": p, "infusion_seq": 1, "start": "2022-03-01", "product": MARKUP, "product_class": "CAR_T"}
            for p in PATIENTS
        ],
        "events": [
            {
                "subject_id": p,
                "category": "ae",
                "term_text": t,
                "start": "2022-03-20",
                "grade": 3,
                "related": "possible",
            }
            for p in PATIENTS
            for t in terms
        ],
    }
