"""Rebuild the reference cohort that ships with the package: `python scripts/build_reference_cohort.py [FOLDER]`.

The same code and seed give the same bytes. Without a folder the packaged data are replaced.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from reference_cohort import plan, tables
from reference_cohort.recorder import Recorder

from aftercart.study import schema

HOME = Path(__file__).parents[1] / "src" / "aftercart" / "data" / "reference_cohort"

NOTE = (
    "Reconstructed, not patient data. Published figures of 15 patients (congress report OP0027, Ann Rheum Dis "
    "2024;83:137) fix the totals; most single values are simulated, and provenance/ says of every cell whether it is "
    "published, constrained by totals, or simulated. The journal report of the same patients (N Engl J Med "
    "2024;390:687-700, an earlier data cut) counts 10 patients with CRS of grade 1 and 1 of grade 2; the congress "
    "report counts 8 and 1. The congress report is followed here; the two are never averaged."
)


def study_toml() -> str:
    """The declarations of the study."""
    lines = [
        'title = "Reference cohort: CD19 CAR-T in 15 patients with autoimmune disease (reconstructed)"',
        f'study_id = "{plan.STUDY_ID}"',
        f"data_cut_off = {plan.CUT_OFF.isoformat()}",
        "reference_infusion = 1",
        "simulated = true",
        f'note = "{NOTE}"',
        "",
        "[baseline]",
        'rule = "last_before_lymphodepletion"',
        "lookback_days = 28",
        "",
        "[records]",
        "complete_drug_classes = [",
        *(f'  "{c}",' for c in COMPLETE),
        "]",
    ]
    for name, target, before, after in plan.VISITS:
        lines += [
            "",
            "[[visits]]",
            f'name = "{name}"',
            f"target_day = {target}",
            f"before = {before}",
            f"after = {after}",
        ]
    return "\n".join(lines) + "\n"


COMPLETE = (
    "anticytokine",
    "antifibrotic",
    "antimalarial",
    "antipyretic",
    "biologic",
    "glucocorticoid",
    "immunoglobulin",
    "immunosuppressant",
    "lymphodepletion",
    "vasopressin",
    "vasopressor",
)


def build(folder: Path) -> None:
    """Write the tables, their provenance and study.toml into a folder."""
    columns = {name: [c.name for c in table.columns] for name, table in schema.tables().items()}
    recorder = Recorder(columns)
    tables.build(recorder)
    folder.mkdir(parents=True, exist_ok=True)
    recorder.write(folder)
    (folder / "study.toml").write_text(study_toml(), "utf-8")


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else HOME)
