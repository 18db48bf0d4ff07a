"""Speed as ratios measured in one run: `python benchmarks/run.py [--write]`. Nothing here is asserted."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
from exchange_fhir import run as fhir_import
from exchange_sdtm import run as sdtm_import
from registry import peer, scale
from report import report as report_page

ROUNDS = 7


def best(action: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median wall time in seconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def python(*code: str) -> Callable[[], object]:
    """A fresh interpreter with these arguments."""
    return lambda: subprocess.run([sys.executable, *code], check=True, capture_output=True)


def start_up() -> list[tuple[str, float, str]]:
    """Help and import against an empty interpreter and against the data-frame library."""
    floor = best(python("-c", "pass"))
    library = best(python("-c", "import polars"))
    helped = best(python("-m", "aftercart.cli", "--help"))
    imported = best(python("-c", "import aftercart"))
    return [
        ("`aftercart --help`", helped / floor, "times `python -c pass`"),
        ("`aftercart --help`", helped / library, "times importing polars"),
        ("`import aftercart`", imported / floor, "times `python -c pass`"),
    ]


def demo_report() -> list[tuple[str, float, str]]:
    """The reference cohort from raw tables to grades and to the report."""
    library = best(python("-c", "import polars"))
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "demo")
        demo = best(python("-m", "aftercart.cli", "demo", "--out", out), 3)
        assess = best(python("-c", "import aftercart as ac; ac.assess(ac.reference_cohort())"), 3)
    return [
        ("assess the reference cohort (15 patients, all criteria)", assess / library, "times importing polars"),
        ("`aftercart demo` (the whole report)", demo / library, "times importing polars"),
    ]


def grading(rows: int = 1_000_000) -> list[tuple[str, float, str]]:
    """One million CRS rows against the floor: reading the same rows from Parquet."""
    from aftercart import criteria

    devices = ["room_air", "nasal_cannula", "high_flow_nasal_cannula", "cpap"]
    frame = pl.DataFrame({"i": range(rows)}).select(
        temperature_c=36.5 + (pl.col("i") % 30) / 10,
        hypotension_present=pl.col("i") % 7 == 0,
        n_vasopressors_excl_vasopressin=(pl.col("i") % 3).cast(pl.Int64),
        oxygen_device=(pl.col("i") % 4).replace_strict(dict(enumerate(devices)), return_dtype=pl.String),
        oxygen_flow_l_per_min=(pl.col("i") % 9).cast(pl.Float64),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        frame.write_parquet(path)
        read = best(lambda: pl.read_parquet(path), 5)
        grade = best(lambda: criteria.crs_astct_2019(frame), 5)
    per_second = rows / grade / 1e6
    return [
        (
            f"CRS grades of 1,000,000 rows ({per_second:.1f} million rows a second here)",
            grade / read,
            "times reading them",
        ),
    ]


def report() -> str:
    """All ratios as a Markdown table."""
    lines = ["| what | ratio | to |", "|---|---|---|"]
    for part in (start_up, demo_report, report_page, grading, sdtm_import, fhir_import, peer, scale):
        lines += [f"| {what} | {ratio:.1f} | {to} |" for what, ratio, to in part()]
    return "\n".join(lines)


if __name__ == "__main__":
    text = report()
    print(text)
    if "--write" in sys.argv:
        page = Path(__file__).parent / "README.md"
        head, _, _ = page.read_text("utf-8").partition("<!-- results -->")
        page.write_text(f"{head}<!-- results -->\n\n{text}\n", "utf-8")
