from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aftercart import criteria


def decide(definition: str | None, **record: Any) -> dict[str, Any]:
    frame = pl.DataFrame({"definition": [definition]} | {k: [v] for k, v in record.items()})
    return criteria.ssc_ild_progression(frame).row(0, named=True)


def lungs(fvc: tuple[Any, Any] = (None, None), dlco: tuple[Any, Any] = (None, None)) -> dict[str, Any]:
    return {
        "baseline_fvc_percent_predicted": fvc[0],
        "followup_fvc_percent_predicted": fvc[1],
        "baseline_dlco_percent_predicted": dlco[0],
        "followup_dlco_percent_predicted": dlco[1],
    }


@pytest.mark.parametrize(
    ("fvc", "dlco", "progression", "clause"),
    [
        ((80, 72), (60, 60), True, "omeract_fvc"),
        ((80, 72), (None, None), True, "omeract_fvc"),
        ((80, 72.1), (60, 60), False, "omeract_none"),
        ((80, 72.1), (60, 51), True, "omeract_fvc_with_dlco"),
        ((80, 76), (60, 51), True, "omeract_fvc_with_dlco"),
        ((80, 76), (60, 51.1), False, "omeract_none"),
        ((80, 76.1), (60, 30), False, "omeract_none"),
        ((80, 76.1), (None, None), False, "omeract_none"),
        ((80, 76), (None, 51), None, None),
        ((80, 76), (60, None), None, None),
        ((80, None), (60, 60), None, None),
        ((None, 76), (60, 40), None, None),
        ((80, 85), (60, 40), False, "omeract_none"),
        ((0, 0), (60, 40), None, None),
    ],
)
def test_omeract(fvc: tuple[Any, Any], dlco: tuple[Any, Any], progression: bool | None, clause: str | None) -> None:
    found = decide("omeract_2015", **lungs(fvc, dlco))
    assert (found["progression"], found["clause"]) == (progression, clause)
    assert (found["category"], found["criteria_met"]) == (None, None)


@pytest.mark.parametrize(
    ("fvc", "absolute", "relative"),
    [
        ((80, 59.9), "major", "major"),
        ((80, 60), "significant", "major"),
        ((100, 79.9), "major", "major"),
        ((100, 80), "significant", "significant"),
        ((100, 89.9), "significant", "significant"),
        ((100, 90), "moderate", "moderate"),
        ((100, 95), "moderate", "moderate"),
        ((100, 95.1), "stable", "stable"),
        ((100, 104.9), "stable", "stable"),
        ((100, 105), "improved", "improved"),
        ((60, 57), "stable", "moderate"),
        ((60, 63), "stable", "improved"),
    ],
)
def test_eustar_categories(fvc: tuple[float, float], absolute: str, relative: str) -> None:
    for change_type, category in (("absolute", absolute), ("relative", relative)):
        found = decide("eustar_2021", **lungs(fvc), change_type=change_type)
        assert (found["category"], found["clause"]) == (category, f"eustar_{category}")
        assert found["progression"] is (category in ("moderate", "significant", "major"))
        assert found["criteria_met"] is None
    assert decide("eustar_2021", **lungs(fvc))["category"] == absolute


@pytest.mark.parametrize("change", [{"change_type": None}, {"followup_fvc_percent_predicted": None}])
def test_eustar_needs_both_values_and_a_kind_of_change(change: dict[str, Any]) -> None:
    found = decide("eustar_2021", **(lungs((80, 70)) | change))
    assert (found["progression"], found["category"], found["clause"]) == (None, None, None)
    assert found["missing"] == next(iter(change))


# FVC, DLCO, symptoms, imaging, months -> progression, criteria, clause
PPF = [
    ((70, 65), (50, 50), True, False, 12, True, 2, "ppf_two_of_three"),
    ((70, 65.1), (50, 50), True, False, 12, False, 1, "ppf_fewer"),
    ((70, 70), (50, 40), True, False, 12, True, 2, "ppf_two_of_three"),
    ((70, 70), (50, 40.1), True, False, 12, False, 1, "ppf_fewer"),
    ((70, 60), (50, 35), False, False, 12, False, 1, "ppf_fewer"),
    ((70, 70), (50, 50), True, True, 12, True, 2, "ppf_two_of_three"),
    ((70, 60), (50, 50), True, True, 12, True, 3, "ppf_two_of_three"),
    ((70, 60), (50, 50), True, True, 12.1, False, 3, "ppf_too_late"),
    ((70, 70), (50, 50), False, False, 13, False, 0, "ppf_too_late"),
    ((70, 70), (50, 50), False, False, 0, False, 0, "ppf_fewer"),
    ((70, 60), (50, 50), True, True, None, None, 3, None),
    ((70, 70), (50, 50), False, False, None, False, 0, "ppf_fewer"),
    ((70, 65), (None, None), True, None, 6, True, 2, "ppf_two_of_three"),
    ((70, 70), (None, None), True, False, 6, None, 1, None),
    ((70, 70), (50, 50), True, None, 6, None, 1, None),
    ((70, 70), (50, 50), None, False, 6, False, 0, "ppf_fewer"),
    ((None, None), (None, None), True, True, 6, True, 2, "ppf_two_of_three"),
]


@pytest.mark.parametrize(("fvc", "dlco", "symptoms", "imaging", "months", "progression", "met", "clause"), PPF)
def test_ppf(
    fvc: tuple[Any, Any],
    dlco: tuple[Any, Any],
    symptoms: bool | None,
    imaging: bool | None,
    months: float | None,
    progression: bool | None,
    met: int,
    clause: str | None,
) -> None:
    found = decide(
        "ppf_2022",
        **lungs(fvc, dlco),
        worse_respiratory_symptoms=symptoms,
        radiological_progression=imaging,
        months_between=months,
    )
    assert (found["progression"], found["criteria_met"], found["clause"]) == (progression, met, clause)
    assert found["category"] is None


# FVC, symptoms, imaging, months -> progression, clause
INBUILD = [
    ((80, 72), False, False, 24, True, "inbuild_fvc"),
    ((80, 72), None, None, 24, True, "inbuild_fvc"),
    ((80, 72.1), False, False, 24, False, "inbuild_none"),
    ((80, 72.1), True, False, 24, True, "inbuild_fvc_with_other"),
    ((80, 76), False, True, 24, True, "inbuild_fvc_with_other"),
    ((80, 76.1), False, True, 24, False, "inbuild_none"),
    ((80, 80), True, True, 24, True, "inbuild_symptoms_and_imaging"),
    ((80, None), True, True, 24, True, "inbuild_symptoms_and_imaging"),
    ((80, 72), True, True, 24.1, False, "inbuild_too_late"),
    ((80, 80), False, False, 25, False, "inbuild_too_late"),
    ((80, 72), True, True, None, None, None),
    ((80, 72), True, True, -1, None, None),
    ((80, 76), None, False, 24, None, None),
    ((80, 80), True, None, 24, None, None),
    ((80, 80), None, False, 24, False, "inbuild_none"),
    ((80, None), True, False, 24, None, None),
]


@pytest.mark.parametrize(("fvc", "symptoms", "imaging", "months", "progression", "clause"), INBUILD)
def test_inbuild(
    fvc: tuple[Any, Any],
    symptoms: bool | None,
    imaging: bool | None,
    months: float | None,
    progression: bool | None,
    clause: str | None,
) -> None:
    found = decide(
        "inbuild",
        **lungs(fvc),
        worse_respiratory_symptoms=symptoms,
        radiological_progression=imaging,
        months_between=months,
    )
    assert (found["progression"], found["clause"]) == (progression, clause)
    assert (found["category"], found["criteria_met"]) == (None, None)


@pytest.mark.parametrize("definition", ["ppf_2022", "inbuild"])
def test_a_time_that_is_not_listed_is_within_the_window(definition: str) -> None:
    symptoms = {"worse_respiratory_symptoms": True, "radiological_progression": True}
    assert decide(definition, **lungs((70, 60)), **symptoms)["progression"] is True


@pytest.mark.parametrize("definition", [None, "ats_2011"])
def test_without_a_known_definition_there_is_no_result(definition: str | None) -> None:
    found = decide(definition, **lungs((80, 60), (60, 30)))
    assert (found["progression"], found["category"], found["criteria_met"], found["clause"]) == (None,) * 4
    assert found["missing"] == "definition"


@pytest.mark.parametrize(
    ("definition", "missing"),
    [
        ("omeract_2015", "followup_fvc_percent_predicted; followup_dlco_percent_predicted"),
        ("eustar_2021", "followup_fvc_percent_predicted"),
        (
            "ppf_2022",
            "followup_fvc_percent_predicted; followup_dlco_percent_predicted; worse_respiratory_symptoms; "
            "radiological_progression",
        ),
        ("inbuild", "followup_fvc_percent_predicted; worse_respiratory_symptoms; radiological_progression"),
    ],
)
def test_only_what_the_definition_reads_is_named_as_missing(definition: str, missing: str) -> None:
    assert decide(definition, **lungs((80, None), (60, None)))["missing"] == missing


def test_falls_are_reported_in_points_and_percent() -> None:
    found = decide("eustar_2021", **lungs((80, 72), (50, 55)))
    names = ("fvc_fall_points", "fvc_fall_percent", "dlco_fall_points", "dlco_fall_percent")
    assert [found[n] for n in names] == [8, 10, -5, -10]
