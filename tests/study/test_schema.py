"""The eight tables: what is declared, and what the empty tables and the description make of it."""

from __future__ import annotations

import json

import polars as pl
import pytest

from aftercart.study import schema
from aftercart.study.model import empty_tables

LEADING = ["study_id", "subject_id", "row_id", "source", "source_ref", "status"]

COLUMNS = {
    "subjects": "site_id birth_year age_at_infusion sex race ethnicity country indication indication_subtype "
    "diagnosis_date consent_date consent_scope cohort last_contact_date death_date",
    "infusions": "infusion_seq start end product product_class target source_cell vector costim construct dose_cells "
    "dose_per_kg weight_kg lot coi_id viability_pct vcn route planned_dose_met bridging retreatment",
    "exposures": "drug_text drug atc rxnorm purpose dose dose_unit frequency daily_dose_mg route start end ongoing "
    "indication_row",
    "observations": "code code_system code_original value comparator value_text unit value_original unit_original "
    "ref_low ref_high datetime specimen method lab lloq not_done reason derived method_version visit",
    "events": "category aesi term_text term term_system term_version start end ongoing grade grade_scale serious "
    "serious_death serious_life_threatening serious_hospitalisation serious_disability serious_congenital "
    "serious_other serious_intervention related suspect_row outcome action site insertion_site_tested level_of_care "
    "pregnancy_outcome death_cause",
    "assessments": "instrument instrument_version administration_id item value value_text attributable rater "
    "lookback_days datetime visit not_done reason",
    "visits": "visit visit_num planned_day start end mode occurred reason_missed phase",
    "disposition": "milestone date reason phase",
}


def test_eight_tables_are_declared_in_order() -> None:
    assert list(schema.tables()) == list(COLUMNS)
    assert [name for name, table in schema.tables().items() if table.required] == ["subjects", "infusions"]


@pytest.mark.parametrize("name", COLUMNS)
def test_every_table_has_the_leading_columns_and_its_own(name: str) -> None:
    names = schema.tables()[name].names
    assert list(names[:6]) == LEADING
    assert set(COLUMNS[name].split()) <= set(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("table", "column", "allowed"),
    [
        ("subjects", "status", "final amended entered_in_error"),
        ("subjects", "sex", "F M U INTERSEX"),
        ("subjects", "indication", "SLE LN IIM SSC OTHER"),
        ("subjects", "consent_scope", "trial registry recontact biobank data_sharing"),
        ("infusions", "product_class", "CAR_T CAR_NK CAAR_T TCE OTHER"),
        ("infusions", "source_cell", "autologous allogeneic in_vivo"),
        ("infusions", "vector", "lentiviral gammaretroviral transposon mrna lnp none other"),
        ("observations", "comparator", "= < <= > >="),
        (
            "events",
            "category",
            "ae aesi infection hospitalisation procedure death malignancy pregnancy flare medical_history",
        ),
        (
            "events",
            "aesi",
            "CRS ICANS IEC_HS ICAHT LICATS B_CELL_APLASIA HYPOGAMMA PROLONGED_CYTOPENIA SECONDARY_MALIGNANCY "
            "T_CELL_MALIGNANCY RCL INFECTION_SERIOUS",
        ),
        ("events", "related", "unrelated unlikely possible probable related unknown"),
        ("events", "insertion_site_tested", "not_done transgene_negative transgene_positive"),
        ("events", "level_of_care", "ward ICU ER outpatient"),
        ("assessments", "attributable", "disease other unknown"),
        ("assessments", "rater", "investigator patient caregiver central"),
        ("visits", "mode", "onsite remote_phone video record_review registry_linkage"),
        ("visits", "phase", "screening lymphodepletion acute_D0_28 D29_365 ltfu"),
        (
            "disposition",
            "milestone",
            "screened consented apheresis lymphodepletion infused completed_primary entered_ltfu completed_ltfu "
            "discontinued lost withdrew_consent died",
        ),
    ],
)
def test_admissible_values(table: str, column: str, allowed: str) -> None:
    assert schema.tables()[table][column].allowed == tuple(allowed.split())


def test_values_are_listed_for_enums_and_lists_and_for_nothing_else() -> None:
    odd = [
        (t.name, c.name)
        for t in schema.tables().values()
        for c in t.columns
        if bool(c.allowed) != (c.type in ("enum", "list"))
    ]
    assert odd == []


def test_every_column_has_a_known_type_and_a_description() -> None:
    types = {"str", "int", "float", "bool", "enum", "list", "date", "datetime"}
    columns = [c for t in schema.tables().values() for c in t.columns]
    assert {c.type for c in columns} == types
    assert [c.name for c in columns if not c.description.endswith(".")] == []
    assert [c.name for c in columns if (c.minimum is None) != (c.maximum is None)] == []


@pytest.mark.parametrize(
    ("table", "column", "words"),
    [
        ("subjects", "sex", "one of F, M, U, INTERSEX"),
        ("infusions", "target", "one or more of CD19, BCMA, CD20, OTHER, separated by semicolons"),
        ("events", "grade", "a whole number from 1 to 5"),
        ("infusions", "weight_kg", "a number from 1 to 400 in kg"),
        ("events", "serious", "true or false"),
        ("subjects", "death_date", "a date such as 2024-03-05, 2024-03 or 2024"),
        ("events", "start", "a date or time such as 2024-03-05T14:20, 2024-03-05 or 2024-03"),
        ("events", "action", "text"),
    ],
)
def test_the_expectation_is_in_words(table: str, column: str, words: str) -> None:
    assert schema.tables()[table][column].expectation == words


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        ("subject_id", pl.String()),
        ("category", pl.String()),  # enum
        ("start", pl.String()),  # datetime: kept as given, possibly partial
        ("grade", pl.Int64()),
        ("serious", pl.Boolean()),
    ],
)
def test_polars_types(column: str, dtype: pl.DataType) -> None:
    assert schema.polars_schema("events")[column] == dtype
    assert schema.polars_schema("observations")["value"] == pl.Float64()


def test_empty_tables_have_every_column_and_no_row() -> None:
    tables = empty_tables()
    assert list(tables) == list(COLUMNS)
    for name, table in tables.items():
        assert table.height == 0
        assert tuple(table.columns) == schema.tables()[name].names
        assert dict(table.schema) == schema.polars_schema(name)


def test_the_description_is_plain_data_of_the_whole_schema() -> None:
    described = json.loads(json.dumps(schema.describe()))
    assert list(described) == list(COLUMNS)
    assert [len(t["columns"]) for t in described.values()] == [len(t.columns) for t in schema.tables().values()]
    assert described["subjects"]["required"] is True
    sex = next(c for c in described["subjects"]["columns"] if c["name"] == "sex")
    assert sex == {
        "name": "sex",
        "type": "enum",
        "unit": None,
        "required": True,
        "unique": False,
        "expectation": "one of F, M, U, INTERSEX",
        "description": "Sex, by the CDISC code list SEX.",
    }
