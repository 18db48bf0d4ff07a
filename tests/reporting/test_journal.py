"""Texts for a paper: the reference cohort word for word, thin studies in good English, checklists and bibliography."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from syrupy.assertion import SnapshotAssertion

import aftercart as ac
from aftercart.criteria import registry
from aftercart.reporting.journal import Journal, references
from aftercart.reporting.journal.texts import FILES
from aftercart.reporting.rendering import render
from aftercart.study.model import Study

Make = Callable[..., Study]


@pytest.fixture(scope="module")
def cohort() -> Journal:
    return ac.journal(ac.reference_cohort())


def texts(found: Journal) -> str:
    return "\n".join(p.text for p in (*found.methods, *found.results))


def paragraph(found: Journal, heading: str) -> str:
    (text,) = [p.text for p in (*found.methods, *found.results) if p.heading == heading]
    return text


def test_methods_of_the_reference_cohort(cohort: Journal, snapshot: SnapshotAssertion) -> None:
    assert [(p.heading, p.text) for p in cohort.methods] == snapshot


def test_results_of_the_reference_cohort(cohort: Journal, snapshot: SnapshotAssertion) -> None:
    assert [(p.heading, p.text) for p in cohort.results] == snapshot


def test_the_numbers_are_those_of_the_analysis(cohort: Journal) -> None:
    analysis = ac.analyze(ac.reference_cohort())
    crs = analysis.estimate("crs_any")
    assert f"syndrome occurred in {crs['numerator']:g} of {crs['denominator']:g} patients" in texts(cohort)
    lasting = analysis.estimate("in_remission", time="month 12")
    assert f"(95% CI {lasting['ci_low']:.0%} to 100%)".replace("% to", " to") in paragraph(cohort, "Durability")
    assert analysis.about["content_hash"] in paragraph(cohort, "Reproducibility")


def test_every_text_says_that_the_data_are_simulated(cohort: Journal, tmp_path: Path) -> None:
    cohort.write(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(FILES)
    for name in ("methods.md", "results.md", "checklist.md", "references.bib"):
        assert "simulated or reconstructed" in (tmp_path / name).read_text("utf-8"), name
    page = render("_journal.html.j2", journal=cohort, simulated=True)
    assert "Simulated data" in page


def test_every_citation_of_the_methods_is_in_the_list_and_the_bibliography(cohort: Journal) -> None:
    numbers = {int(n) for marks in re.findall(r"\[([\d, ]+)\]", texts(cohort)) for n in marks.split(", ")}
    assert numbers == set(range(1, len(cohort.cited) + 1))
    assert {r.key for r in cohort.cited} <= {r.key for r in cohort.references}


def test_one_patient_is_told_in_the_singular(make_study: Make) -> None:
    found = ac.journal(make_study())
    patients = paragraph(found, "Patients and follow-up")
    assert patients.startswith(
        "One patient, a woman with systemic lupus erythematosus, was infused on 1 March 2022. Age was 30 years."
    )
    assert "Follow-up was 34 months (2.8 patient-years in all)." in patients
    assert "Median" not in patients
    for wrong in ("1 patients", "1 days", "1 years", "patient were", "None", "nan"):
        assert wrong not in texts(found), wrong


def test_without_events_or_efficacy_the_text_says_so(make_study: Make) -> None:
    found = ac.journal(make_study())
    safety = paragraph(found, "Safety")
    assert "Cytokine release syndrome could not be evaluated in any patient: no record in 1." in safety
    assert "An infection could not be evaluated in any patient: events not recorded or refused in 1." in safety
    assert "No patient died: 0 of 1 (95% CI 0.00 to 0.97)." in safety
    assert paragraph(found, "B cells") == "B-cell counts were not evaluable in any patient."
    assert paragraph(found, "Efficacy") == "No efficacy criterion could be assessed from these data."
    assert "Remission at any visit could not be evaluated in any patient" in paragraph(found, "Durability")
    items = {i.number: i for i in found.checklists[0].items}
    assert items["10d"].status == "author to supply"
    assert "these data record no events" in items["10d"].author
    assert items["10a"].status == "author to supply"


def test_a_disease_without_a_remission_to_follow(make_study: Make) -> None:
    found = ac.journal(make_study(subjects=[{"subject_id": "P1", "indication": "OTHER", "sex": "U"}]))
    assert "a person whose sex is not stated with another autoimmune disease" in texts(found)
    assert paragraph(found, "Durability").startswith("No remission could be assessed from these data")


def test_nobody_infused(make_study: Make) -> None:
    found = ac.journal(make_study(infusions=[]))
    assert [p.text for p in found.results] == ["No patient had a fully dated infusion; there are no results."]
    assert {i.status for c in found.checklists for i in c.items} == {"author to supply"}
    assert "Day 0 was the day of the infusion." in texts(found)


def test_no_event_in_some_who_were_evaluable(make_study: Make) -> None:
    people = [f"P{i}" for i in range(1, 7)]
    found = ac.journal(
        make_study(
            subjects=[{"subject_id": s, "indication": "SLE", "sex": "M"} for s in people],
            infusions=[{"subject_id": s, "infusion_seq": 1, "start": "2022-03-01"} for s in people],
            events=[{"subject_id": "P1", "category": "ae", "start": "2022-04-01", "term_text": "headache"}],
        )
    )
    assert "An infection was recorded in none of 6 patients (0%; 95% CI 0 to 46%)." in paragraph(found, "Safety")
    assert "Six patients, all with systemic lupus erythematosus (6 men), were infused on 1 March 2022." in texts(found)
    assert "Age was not recorded." in texts(found)
    assert "rate of infections" not in texts(found)


def test_what_a_study_is_called_cannot_break_out_of_a_text(make_study: Make, tmp_path: Path) -> None:
    from dataclasses import replace

    study = make_study()
    bad = "<script>alert(1)</script> | *x* [link](y) \u60a3\u8005"
    found = ac.journal(replace(study, meta=replace(study.meta, title=bad)))
    found.write(tmp_path)
    first = (tmp_path / "results.md").read_text("utf-8").splitlines()[0]
    assert first == r"# Results: \<script\>alert(1)\</script\> \| \*x\* \[link\](y) 患者"
    named = replace(study.meta.visits[0], name="<b>one</b>")
    visits = ac.journal(replace(study, meta=replace(study.meta, visits=(named,))))
    page = render("_journal.html.j2", journal=visits, simulated=True)
    assert "&lt;b&gt;one&lt;/b&gt;" in page
    assert "<b>one</b>" not in page


def test_the_checklists_hold_every_item_once(cohort: Journal) -> None:
    care, strobe = cohort.checklists
    assert {re.sub("[a-z]", "", i.number) for i in care.items} == {str(n) for n in range(1, 14)}
    assert {re.sub("[a-z]", "", i.number) for i in strobe.items} == {str(n) for n in range(1, 23)}
    for checklist in cohort.checklists:
        assert len({i.number for i in checklist.items}) == len(checklist.items)
        assert checklist.doi in ("10.1186/1752-1947-7-223", "10.1371/journal.pmed.0040296")
        for item in checklist.items:
            assert (item.status == "author to supply") == (not item.places), item.number
            assert item.places or item.author
            assert (item.status == "in part") == bool(item.places and item.author), item.number
    assert {i.number: i.status for i in care.items}["13"] == "author to supply"


def test_keys_stay_the_same_whatever_the_study(make_study: Make, cohort: Journal) -> None:
    every = {r.text: r.key for r in references.all_references()}
    assert len(set(every.values())) == len(every)
    assert all(re.fullmatch(r"[a-z][a-z0-9]+", key) for key in every.values())
    for journal in (cohort, ac.journal(make_study())):
        assert all(every[r.text] == r.key for r in journal.references)
    crs = references.of_criteria(["crs_astct_2019"])
    assert [r.key for r in crs] == ["lee2019astct"]


def test_a_citation_is_taken_apart_only_where_nothing_is_guessed() -> None:
    parts = references.taken_apart(
        "van der Berg A, O'Neil-Smith BC et al. On X, v2.0: a trial. N Engl J Med 2020;12(3):e5-e9."
    )
    assert parts["authors"] == (references.Author("van der Berg", "A"), references.Author("O'Neil-Smith", "BC"))
    assert (parts["journal"], parts["year"], parts["volume"], parts["issue"]) == ("N Engl J Med", 2020, "12", "3")
    assert (parts["pages"], parts["title"], parts["et_al"]) == ("e5-e9", "On X, v2.0: a trial", True)
    for whole in (
        "National Cancer Institute. Common Terminology Criteria for Adverse Events (CTCAE) v5.0, 27 November 2017.",
        "Hagen M et al. On LICATS. Lancet Rheumatol 2025, published 30 April 2025.",
        "Golder V et al. Arthritis Res Ther 2016.",
    ):
        assert references.taken_apart(whole) == {}


def test_every_published_citation_of_the_registry_is_in_the_bibliography() -> None:
    cited = {c.doi or c.text for e in registry.all_criteria() for c in e.citations}
    listed = {r.doi or r.text for r in references.all_references()}
    left = cited - listed
    assert all(text.startswith("House ") for text in left), left


def bibtex_entries(text: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Read BibTeX back: key to type and fields, braces balanced; anything else fails."""
    found = {}
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%")).strip()
    while body:
        head = re.match(r"@(\w+)\{([a-z0-9]+),\n", body)
        assert head is not None, body[:80]
        body, fields = body[head.end() :], {}
        while not body.startswith("}"):
            name = re.match(r"  (\w+) = \{", body)
            assert name is not None, body[:80]
            depth, at = 1, name.end()
            while depth:
                if body[at] == "\\":
                    at += 1
                elif body[at] in "{}":
                    depth += 1 if body[at] == "{" else -1
                at += 1
            fields[name[1]] = body[name.end() : at - 1]
            assert body[at] == ","
            body = body[at + 1 :].lstrip("\n")
        body = body[1:].strip()
        assert head[2] not in found
        found[head[2]] = (head[1], fields)
    return found


def test_the_bibtex_is_read_back(cohort: Journal) -> None:
    found = bibtex_entries(cohort.bibtex())
    assert set(found) == {r.key for r in cohort.references}
    kind, lee = found["lee2019astct"]
    assert kind == "article"
    assert lee["author"] == "Lee, D. W. and others"
    assert (lee["journal"], lee["year"], lee["volume"], lee["pages"]) == (
        "Biol Blood Marrow Transplant",
        "2019",
        "25",
        "625--638",
    )
    kind, nci = found["nationalcancerinstitute2017"]
    assert kind == "misc"
    assert "v5.0" in nci["title"]
    for _, fields in found.values():
        assert not re.search(r"(?<!\\)[&%$#_]", fields["note"] + fields["title"])


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("50% & more_or $5 #1", r"50\% \& more\_or \$5 \#1"),
        ("a{b}c", r"a\{b\}c"),
        ("x^2~y", r"x\textasciicircum{}2\textasciitilde{}y"),
        ("c:\\d", r"c:\textbackslash{}d"),
    ],
)
def test_bibtex_escapes(text: str, escaped: str) -> None:
    made = references.bibtex([references.Reference("k", text, None, ("c",))])
    assert f"title = {{{{{escaped}}}}}" in made
    assert list(bibtex_entries(made)) == ["k"]


CSL: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["id", "type", "title"],
        "additionalProperties": False,
        "properties": {
            "id": {"type": "string", "pattern": "^[a-z0-9]+$"},
            "type": {"enum": ["article-journal", "document"]},
            "title": {"type": "string", "minLength": 5},
            "author": {
                "type": "array",
                "items": {
                    "anyOf": [
                        {
                            "required": ["family", "given"],
                            "additionalProperties": False,
                            "properties": {"family": {}, "given": {}},
                        },
                        {
                            "required": ["literal"],
                            "additionalProperties": False,
                            "properties": {"literal": {"const": "others"}},
                        },
                    ]
                },
            },
            "container-title": {"type": "string"},
            "issued": {
                "type": "object",
                "required": ["date-parts"],
                "properties": {
                    "date-parts": {
                        "type": "array",
                        "items": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
                    }
                },
            },
            "volume": {"type": "string"},
            "issue": {"type": "string"},
            "page": {"type": "string"},
            "DOI": {"type": "string", "pattern": "^10\\."},
            "note": {"type": "string"},
        },
    },
}
"""The part of the schema of CSL data that is used here."""


def test_the_csl_json_has_the_shape_of_csl_data(cohort: Journal) -> None:
    items = json.loads(cohort.csl_json())
    jsonschema.Draft202012Validator(CSL).validate(items)
    assert [i["id"] for i in items] == [r.key for r in cohort.references]
    mackensen = next(i for i in items if i["id"] == "mackensen2022anti")
    assert mackensen["issued"] == {"date-parts": [[2022]]}
    assert mackensen["author"] == [{"family": "Mackensen", "given": "A"}, {"literal": "others"}]
