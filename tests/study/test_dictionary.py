"""The code dictionary: LOINC codes, units, their spellings and conversions."""

from __future__ import annotations

import pytest

from aftercart.errors import UsageError
from aftercart.study import dictionary
from aftercart.study.dictionary import accepted_units, canonical_unit, from_standard, loinc_is_valid, to_standard

LOINC = [
    (name, number) for name, c in dictionary.codes().items() for number in (c.loinc, *c.loinc_alternatives) if number
]
UNITS = [(code, unit) for code in dictionary.codes() for unit in accepted_units(code)]


@pytest.mark.parametrize(("name", "number"), LOINC)
def test_every_loinc_code_passes_its_check_digit_and_no_other_digit_does(name: str, number: str) -> None:
    stem, digit = number.split("-")
    assert [d for d in "0123456789" if loinc_is_valid(f"{stem}-{d}")] == [digit]


def test_no_two_codes_share_a_loinc_code() -> None:
    numbers = [number for _, number in LOINC]
    assert len(numbers) > 60
    assert sorted(set(numbers)) == sorted(numbers)


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        ("3150-0", True),  # inhaled oxygen concentration
        ("3150-6", False),  # its easily mis-remembered form
        ("2951-2", True),
        ("2591-2", False),  # two digits exchanged
        ("29512", False),
        ("2951-", False),
        ("-2", False),
        ("2951-22", False),
        ("2951-2 ", False),
        ("2951-2-2", False),
        ("", False),
        ("75²-8", False),  # a digit to Python's isdigit, not to int
        ("\u0663\u0661\u0665\u0660-\u0660", False),  # Arabic digits
    ],
)
def test_check_digit(number: str, valid: bool) -> None:
    assert loinc_is_valid(number) is valid


@pytest.mark.parametrize(
    ("code", "loinc", "unit"),
    [
        ("ANC", "751-8", "10*9/L"),
        ("HGB", "718-7", "g/L"),
        ("CD19", "8116-6", "10*6/L"),
        ("CREAT", "2160-0", "umol/L"),
        ("DSDNA", "5130-0", "[IU]/mL"),
        ("UPCR", "2890-2", "g/g"),
        ("UPROT24", "2889-4", "g/(24.h)"),
        ("DDIMER", "48065-7", "mg/L{FEU}"),
        ("TEMP", "8310-5", "Cel"),
        ("MAP", "8478-0", "mm[Hg]"),
        ("SPO2", "59408-5", "%"),
        ("FIO2", "3150-0", "1"),
        ("DLCO", "19911-7", "mmol/min/kPa"),
        ("CARCOPY", None, "{copies}/ug"),
    ],
)
def test_code_loinc_and_standard_unit(code: str, loinc: str | None, unit: str) -> None:
    found = dictionary.codes()[code]
    assert (found.loinc, found.unit) == (loinc, unit)


def test_a_code_is_a_number_with_unit_and_limits_or_a_text_with_answers() -> None:
    for code in dictionary.codes().values():
        if code.text:
            assert (code.unit, code.minimum, code.maximum) == (None, None, None), code.name
            assert code.allowed, code.name
        else:
            assert code.unit, code.name
            assert code.minimum is not None, code.name
            assert code.maximum is not None, code.name
            assert code.minimum < code.maximum, code.name


def test_domains_follow_the_kind_of_test() -> None:
    domains = {name: code.domain for name, code in dictionary.codes().items()}
    assert [domains[n] for n in ("DSDNA", "ANA", "CD19", "TEMP", "FVC", "RCL", "CRP")] == [
        "IS", "IS", "CP", "VS", "RE", "MB", "LB",
    ]  # fmt: skip


@pytest.mark.parametrize(("code", "unit"), UNITS)
@pytest.mark.parametrize("value", [0.25, 7.0, 4321.0])
def test_there_and_back_gives_the_value(code: str, unit: str, value: float) -> None:
    factor, offset = to_standard(code, unit) or pytest.fail("an accepted unit without conversion")
    back, back_offset = from_standard(code, unit)
    assert (value * factor + offset) * back + back_offset == pytest.approx(value, rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("code", [n for n, c in dictionary.codes().items() if c.unit])
def test_the_standard_unit_comes_first_and_changes_nothing(code: str) -> None:
    unit = dictionary.codes()[code].unit
    assert accepted_units(code)[0] == unit
    assert to_standard(code, unit) == (1.0, 0.0)
    assert from_standard(code, unit) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("code", "value", "unit", "standard"),
    [
        ("ANC", 1.5, "10*3/uL", 1.5),
        ("PLT", 150_000, "/uL", 150),
        ("WBC", 4200, "/mm3", 4.2),
        ("CD19", 12, "cells/uL", 12),
        ("HGB", 12.5, "g/dL", 125),
        ("HGB", 8, "mmol/L", 128.912),
        ("CRP", 1.2, "mg/dL", 12),
        ("FERRITIN", 500, "ng/mL", 500),
        ("FERRITIN", 1000, "pmol/L", 445),
        ("IL6", 35, "pg/mL", 35),
        ("CREAT", 1.0, "mg/dL", 88.42),
        ("BILI", 1.0, "mg/dL", 17.104),
        ("CK", 10, "ukat/L", 600),
        ("C3", 90, "mg/dL", 0.9),
        ("IGG", 700, "mg/dL", 7),
        ("FIB", 150, "mg/dL", 1.5),
        ("ALB", 3.5, "g/dL", 35),
        ("UPCR", 0.5, "mg/mg", 0.5),
        ("UPCR", 500, "mg/g", 0.5),
        ("UPCR", 100, "mg/mmol", 0.884),
        ("UREA", 28, "mg/dL{urea nitrogen}", 9.996),
        ("TG", 100, "mg/dL", 1.129),
        ("TNT", 0.014, "ng/mL", 14),
        ("NTPROBNP", 100, "pmol/L", 845.7),
        ("DDIMER", 0.5, "ug/mL FEU", 0.5),
        ("TEMP", 100.4, "degF", 38),
        ("MAP", 10, "kPa", 75.0062),
        ("FIO2", 40, "%", 0.4),
        ("DLCO", 20, "mL/min/mmHg", 6.696),
        ("WT", 150, "[lb_av]", 68.0388555),
        ("HT", 65, "[in_i]", 165.1),
    ],
)
def test_published_factors(code: str, value: float, unit: str, standard: float) -> None:
    factor, offset = to_standard(code, unit) or pytest.fail("refused")
    assert value * factor + offset == pytest.approx(standard, rel=1e-12)


@pytest.mark.parametrize(
    ("given", "unit"),
    [
        ("K/uL", "10*3/uL"),
        ("x10E3/uL", "10*3/uL"),
        ("thou/mcL", "10*3/uL"),
        ("G/l", "10*9/L"),
        ("10^9/L", "10*9/L"),
        ("\u00b5mol/L", "umol/L"),  # micro sign
        ("\u03bcmol/L", "umol/L"),  # Greek mu
        ("mcmol/L", "umol/L"),
        ("mcg/L", "ug/L"),
        ("pg/mL", "ng/L"),
        ("mmHg", "mm[Hg]"),
        ("IU/mL", "[IU]/mL"),
        ("C", "Cel"),
        ("fraction of 1", "1"),
        ("g/day", "g/(24.h)"),
        (" mg/dL ", "mg/dL"),
        ("furlong", "furlong"),
    ],
)
def test_spellings(given: str, unit: str) -> None:
    assert canonical_unit(given) == unit


def test_every_spelling_converts_as_its_unit_does() -> None:
    table = {(code, unit): (factor, offset) for code, unit, factor, offset in dictionary.conversion_table().iter_rows()}
    assert len(table) > len(UNITS)
    assert {key: to_standard(*key) for key in table} == table


@pytest.mark.parametrize(
    ("code", "unit"),
    [
        ("CREAT", "mg/L"),
        ("CRP", "g/dL"),
        ("IL6", "IU/mL"),  # has no conversion
        ("DDIMER", "mg/L"),  # which D-dimer unit is not said
        ("DDIMER", "ug/mL DDU"),
        ("UREA", "mg/dL"),  # urea or urea nitrogen is not said
        ("CD19", "%"),  # another quantity
        ("UPROT24", "mg/dL"),  # a concentration
        ("UPCR", "g/(24.h)"),
        ("ANC", "10*9/ML"),
        ("HCG", "[IU]/L"),
        ("NOCODE", "mg/L"),
        ("CRP", ""),
    ],
)
def test_a_wrong_unit_is_refused(code: str, unit: str) -> None:
    assert to_standard(code, unit) is None
    with pytest.raises(UsageError, match="accepted units"):
        from_standard(code, unit)


def test_the_refusal_names_the_accepted_units() -> None:
    with pytest.raises(UsageError) as caught:
        from_standard("CREAT", "mg/L")
    assert caught.value.message == "CREAT has no unit 'mg/L'."
    assert caught.value.hint == "accepted units: umol/L, mg/dL."
