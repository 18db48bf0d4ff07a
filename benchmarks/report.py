"""The report: how long it takes, how large the page is, and whether it scrolls without long tasks in a browser.

`python benchmarks/report.py` measures the report of the reference cohort and that of 200 patients followed for 15
years; `run.py` prints the same lines with the others.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

import aftercart as ac
from aftercart.study.model import Study, VisitWindow

PATIENTS, YEARS = 200, 15
LONG_TASK_MS = 50
"""From here on a browser calls a task long: a frame is missed."""

AGAIN_AFTER = 100
"""From this day on, what was recorded is recorded again every three years."""
PERIOD_DAYS = 3 * 365

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def long_study(patients: int = PATIENTS, years: int = YEARS) -> Study:
    """Copies of the reference cohort whose later course is repeated until it lasts so many years."""
    study = ac.reference_cohort()
    copies = -(-patients // study.tables["subjects"].height)
    start = study.tables["infusions"].select("subject_id", _start=pl.col("start").str.slice(0, 10).str.to_date())
    rounds = years * 365 // PERIOD_DAYS
    tables = {name: _copied(table, start, copies, rounds, patients) for name, table in study.tables.items()}
    plan = [*study.meta.visits, *(VisitWindow(f"year {y}", y * 365, 180, 180) for y in range(4, years + 1))]
    cut_off = study.meta.data_cut_off
    assert cut_off is not None
    meta = replace(
        study.meta,
        title="Generated for benchmarks",
        visits=tuple(plan),
        data_cut_off=cut_off.replace(year=cut_off.year + years, day=28),
    )
    return Study(meta, tables)


DATES = ("datetime", "start", "end", "last_contact_date")


def _copied(table: pl.DataFrame, start: pl.DataFrame, copies: int, rounds: int, patients: int) -> pl.DataFrame:
    columns = table.columns
    dated = next((c for c in ("datetime", "start") if c in columns), None)
    parts = [table]
    if dated and "infusion_seq" not in columns:
        day = pl.col(dated).str.slice(0, 10).str.to_date(strict=False) - pl.col("_start")
        later = table.join(start, on="subject_id").filter(day.dt.total_days() > AGAIN_AFTER).select(columns)
        parts += [_moved(later, k * PERIOD_DAYS, f"-again{k}") for k in range(1, rounds)]
    if "last_contact_date" in columns:
        parts = [_moved(table, (rounds - 1) * PERIOD_DAYS, "")]
    whole = pl.concat(parts)
    numbered = [
        whole.with_columns(
            [pl.concat_str(pl.lit(f"{i:03}-"), c).alias(c) for c in columns if c in ("subject_id", "row_id")]
        )
        for i in range(copies)
    ]
    made = pl.concat(numbered)
    return made.filter(pl.col("subject_id").rank("dense") <= patients)


def _moved(table: pl.DataFrame, days: int, suffix: str) -> pl.DataFrame:
    changes = [pl.concat_str("row_id", pl.lit(suffix)).alias("row_id")]
    for column in (c for c in DATES if c in table.columns):
        date = pl.col(column).str.slice(0, 10).str.to_date(strict=False) + pl.duration(days=days)
        text = pl.concat_str(date.dt.strftime("%Y-%m-%d"), pl.col(column).str.slice(10))
        changes.append(pl.coalesce(text, column).alias(column))
    return table.with_columns(changes)


def measured(study: Study, folder: Path) -> tuple[float, float, int]:
    """CPU seconds of the assess step and of the report after it, and the size of the page in bytes."""
    from aftercart.reporting.page import write_report

    started = time.process_time()
    done = ac.assess(study)
    assessed = time.process_time()
    write_report(done, folder)
    return assessed - started, time.process_time() - assessed, (folder / "report.html").stat().st_size


def scrolled(page: Path) -> dict[str, Any] | None:
    """Long tasks in milliseconds while the page is opened and while it is scrolled; None without a browser."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        return None
    from playwright.sync_api import sync_playwright

    watch = """window.tasks = [];
        new PerformanceObserver(l => tasks.push(...l.getEntries().map(e => e.duration))).observe({type: 'longtask'})"""
    scroll = """async () => {
        tasks.length = 0;
        const step = innerHeight / 2, end = document.documentElement.scrollHeight;
        for (let y = 0; y < Math.min(end, 100 * step); y += step) {
            scrollTo({top: y, behavior: 'instant'});
            await new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)));
        }
        return tasks;
    }"""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.add_init_script(watch)
        started = time.perf_counter()
        tab.goto(page.as_uri())
        opened = time.perf_counter() - started
        loading = tab.evaluate("tasks.slice()")
        scrolling = tab.evaluate(scroll)
        browser.close()
    return {"opened": opened, "loading": loading, "scrolling": scrolling}


def _import_seconds() -> float:
    """CPU seconds of importing the drawing library, in a fresh interpreter."""
    code = "import time, altair; print(time.process_time())"

    def once() -> float:
        return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)

    return statistics.median(once() for _ in range(3))


def report() -> list[tuple[str, float, str]]:
    """The lines of the benchmark table: what, ratio, to what."""
    return list(_lines())


def _lines() -> Iterator[tuple[str, float, str]]:
    drawing = _import_seconds()
    studies: tuple[tuple[str, Callable[[], Study], float], ...] = (
        ("the reference cohort (15 patients)", ac.reference_cohort, 3e6),
        (f"{PATIENTS} patients followed for {YEARS} years", long_study, 25e6),
    )
    for name, make, aim in studies:
        with tempfile.TemporaryDirectory() as folder:
            assess, written, size = measured(make(), Path(folder))
            whole = assess + written
            yield (
                f"report of {name}, {whole:.1f} s of CPU with the assess step",
                written / assess,
                "times the assess step",
            )
            yield f"the same, {written:.1f} s after it", written / drawing, "times importing the drawing library"
            yield f"the same: page of {size / 1e6:.2f} MB", size / aim, f"of {aim / 1e6:.0f} MB"
            seen = scrolled(Path(folder) / "report.html")
            if seen is not None:
                tasks = seen["scrolling"]
                what = f"the same: longest of {len(tasks)} long tasks while scrolling, opened in {seen['opened']:.1f} s"
                yield what, max(tasks, default=0) / LONG_TASK_MS, "times 50 ms"


if __name__ == "__main__":
    for what, ratio, to in report():
        print(f"| {what} | {ratio:.1f} | {to} |")
