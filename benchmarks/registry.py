"""Assess a generated registry: whole `assess` against reading the same columns, and the same rules as a pandas loop.

Called by `run.py`. Every measured step runs in a process of its own, so that its peak memory is its own:
`python benchmarks/registry.py floor|assess all|laboratory FOLDER` prints seconds and peak memory as JSON.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

SIZES = (1_000, 10_000, 100_000)
LABORATORY = [
    "ctcae_coagulation",
    "ctcae_creatinine",
    "ctcae_liver",
    "ctcae_neutrophils",
    "ctcae_other_chemistry",
    "ctcae_platelets_hemoglobin",
    "ctcae_white_cells",
]
READ_AT_ONCE = 1_000_000


def read_once(folder: Path, columns: dict[str, tuple[str, ...]]) -> None:
    """The floor: every column that the assessment reads, a million rows at a time, and nothing done with it."""
    from aftercart.study import schema

    for name in schema.tables():
        if columns.get(name) == ():
            continue
        scan = pl.scan_parquet(folder / f"{name}.parquet")
        if name in columns:
            required = [c.name for c in schema.tables()[name].columns if c.required]
            scan = scan.select(list(dict.fromkeys([*required, *columns[name]])))
        rows = scan.select(pl.len()).collect().item()
        for start in range(0, rows, READ_AT_ONCE):
            scan.slice(start, READ_AT_ONCE).collect()


def assess(folder: Path, keys: list[str] | None, out: Path) -> int:
    """The whole way: read, check, assess and write every result."""
    from aftercart.assessment.partitions import write_parquet
    from aftercart.assessment.run import columns
    from aftercart.criteria import registry
    from aftercart.sources import parts

    write_parquet(parts(folder, columns=columns(keys or registry.names())), out, keys)
    return int(pl.scan_parquet(out).select(pl.len()).collect().item())


def step(what: str, which: str, folder: Path) -> dict[str, Any]:
    """One measured step, in this process."""
    from aftercart.assessment.run import columns
    from aftercart.criteria import registry

    keys = LABORATORY if which == "laboratory" else None
    start, results = time.perf_counter(), 0
    if what == "floor":
        read_once(folder, columns(keys or registry.names()))
    else:
        with tempfile.TemporaryDirectory() as out:
            results = assess(folder, keys, Path(out) / "assessments.parquet")
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak_gib": peak_gib(), "results": results}


def peak_gib() -> float:
    """Largest resident memory of this process; not `getrusage`, which carries over that of the process it came from."""
    status = Path("/proc/self/status").read_text("utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**20


def measured(what: str, which: str, folder: Path) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, what, which, str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def scale(sizes: tuple[int, ...] = SIZES) -> list[tuple[str, float, str]]:
    """Ratios for studies of several sizes; the largest first says what the others are compared with."""
    lines: list[tuple[str, float, str]] = []
    per_subject = {}
    with tempfile.TemporaryDirectory() as room:
        for size in sizes:
            folder = Path(room) / str(size)
            generator = Path(__file__).with_name("generated_study.py")
            subprocess.run([sys.executable, str(generator), str(size), str(folder)], check=True)
            rows = pl.scan_parquet(folder / "observations.parquet").select(pl.len()).collect().item()
            label = f"{size:,} subjects, {rows / 1e6:.1f} million observations"
            if size == sizes[-1]:
                for which in ("all", "laboratory"):
                    floor, whole = (measured(what, which, folder) for what in ("floor", "assess"))
                    per_subject[size] = whole["seconds"] / size if which == "all" else per_subject[size]
                    name = "all criteria" if which == "all" else "laboratory grading"
                    made = f"{whole['results'] / 1e6:.1f} million results"
                    what = f"assess {label}: {name}, {made}, written to Parquet"
                    lines.append((what, whole["seconds"] / floor["seconds"], "times reading the same columns"))
                    lines.append(
                        (f"the same: peak memory {whole['peak_gib']:.2f} GiB", whole["peak_gib"] / 2, "of 2 GiB")
                    )
            else:
                per_subject[size] = measured("assess", "all", folder)["seconds"] / size
    first = sizes[0]
    for size in sizes[1:]:
        ratio = per_subject[size] / per_subject[first]
        lines.append((f"time per subject at {size:,} subjects", ratio, f"times that at {first:,}"))
    return lines


def peer(subjects: int = 150) -> list[tuple[str, float, str]]:
    """The same rules written as the usual pandas code: a function per row, a loop per patient."""
    import pandas as pd
    from generated_study import write

    from aftercart import criteria, read
    from aftercart.assessment import assess as assess_study

    with tempfile.TemporaryDirectory() as room:
        study = read(write(subjects, Path(room) / "sample"))
    counts = study.observations.filter(pl.col("code").is_in(["ANC", "PLT", "WBC", "ALC"]))
    infused = study.infusions.select("subject_id", infused=pl.col("start").str.slice(0, 10))
    loop = counts.join(infused, on="subject_id").to_pandas()

    start = time.perf_counter()
    loop["day"] = (pd.to_datetime(loop["datetime"].str[:10]) - pd.to_datetime(loop["infused"])).dt.days
    loop["grade"] = loop.apply(graded, axis=1)
    icaht = {subject: early_icaht(group) for subject, group in loop[loop["code"] == "ANC"].groupby("subject_id")}
    pandas_seconds = time.perf_counter() - start

    keys = ["ctcae_neutrophils", "ctcae_white_cells", "ctcae_platelets_hemoglobin", "icaht_early_2023"]
    assess_study(study, keys)
    start = time.perf_counter()
    done = assess_study(study, keys)
    ours = time.perf_counter() - start
    results = sum(frame.height for frame in done.wide.values())

    counts_ = (pl.Series(range(1_000_000)) % 4000).cast(pl.Float64)
    million = pl.DataFrame({"anc_per_ul": counts_}).with_columns(anc_lln_per_ul=pl.lit(1800.0))
    criteria.ctcae_neutrophils(million)
    seconds = []
    for _ in range(7):
        start = time.perf_counter()
        criteria.ctcae_neutrophils(million)
        seconds.append(time.perf_counter() - start)
    on_a_frame = statistics.median(seconds)
    rows = loop[loop["code"] == "ANC"]
    start = time.perf_counter()
    rows.apply(graded, axis=1)
    by_row = (time.perf_counter() - start) / len(rows) * 1e6
    per_row, per_result = pandas_seconds / (len(loop) + len(icaht)), ours / results
    return [
        (
            f"CTCAE neutrophils of 1,000,000 rows in {on_a_frame:.3f} s: a pandas function per row",
            by_row / on_a_frame,
            "times ours",
        ),
        (
            "blood counts and early ICAHT through `assess`, with both CTCAE versions and all evidence, for each result:"
            " a pandas loop that gives the grade alone",
            per_row / per_result,
            "times ours",
        ),
    ]


LIMITS = {"ANC": (0.5, 1.0, 1.5), "PLT": (25.0, 50.0, 75.0), "WBC": (1.0, 2.0, 3.0), "ALC": (0.2, 0.5, 0.8)}


def graded(row: Any) -> int | None:
    """CTCAE grade of one row of a pandas frame, as most people write it."""
    import pandas as pd

    four, three, two = LIMITS[row["code"]]
    value = row["value"]
    if pd.isna(value):
        return None
    if value < four:
        return 4
    if value < three:
        return 3
    if value < two:
        return 2
    return 1 if row["ref_low"] is not None and value < row["ref_low"] else 0


def early_icaht(group: Any) -> int:
    """Early ICAHT (longest streak of neutrophils, days 0 to 30) of one patient, as most people write it."""
    below = {500: 0, 100: 0}
    for limit in below:
        run = longest = 0
        for day in range(31):
            values = group[group["day"] == day]["value"]
            if len(values):
                run = run + 1 if values.min() * 1000 <= limit else 0
            longest = max(longest, run)
        below[limit] = longest
    if below[500] == 0:
        return 0
    if below[100] >= 14 or below[500] > 30:
        return 4
    if below[100] >= 7 or below[500] >= 14:
        return 3
    return 2 if below[500] >= 7 else 1


if __name__ == "__main__":
    print(json.dumps(step(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
