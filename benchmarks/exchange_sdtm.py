"""A million laboratory rows of SDTM (XPT v5) to a study, against what the reading library alone needs.

`python benchmarks/exchange_sdtm.py` prints the ratio; every measured step runs in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

ROWS = 1_000_000
TESTS = [("NEUT", "10^9/L"), ("PLAT", "10^9/L"), ("HGB", "g/L"), ("ALT", "U/L"), ("CREAT", "umol/L"), ("CRP", "mg/L")]


def write(folder: Path, rows: int = ROWS) -> None:
    """DM and LB of a generated study."""
    from aftercart.exchange.dataset_files import write_xpt
    from aftercart.standards.dataset import Dataset, Variable

    n = pl.int_range(rows, eager=True)
    subject = pl.select(pl.format("REG-P{}", n // 500)).to_series()
    test = n % len(TESTS)
    lb = pl.DataFrame({"USUBJID": subject}).with_columns(
        STUDYID=pl.lit("REG"),
        DOMAIN=pl.lit("LB"),
        LBSEQ=(n % 500 + 1).cast(pl.Float64),
        LBTESTCD=test.replace_strict(dict(enumerate(t for t, _ in TESTS)), return_dtype=pl.String),
        LBORRES=((n % 997) / 10 + 20).cast(pl.String),
        LBORRESU=test.replace_strict(dict(enumerate(u for _, u in TESTS)), return_dtype=pl.String),
        LBSTRESC=((n % 997) / 10 + 20).cast(pl.String),
        LBSTRESN=(n % 997) / 10 + 20,
        LBSTRESU=test.replace_strict(dict(enumerate(u for _, u in TESTS)), return_dtype=pl.String),
        LBDTC=pl.select(
            pl.format(
                "2023-{}-{}T08:00", (n % 12 + 1).cast(pl.String).str.zfill(2), (n % 28 + 1).cast(pl.String).str.zfill(2)
            )
        ).to_series(),
    )
    people = pl.DataFrame({"USUBJID": subject.unique(maintain_order=True)}).with_columns(
        STUDYID=pl.lit("REG"), SUBJID=pl.col("USUBJID").str.slice(4), SEX=pl.lit("F"), AGE=pl.lit(30.0)
    )
    for name, frame in (("LB", lb), ("DM", people)):
        variables = tuple(Variable(c, c, "string" if t == pl.String else "float") for c, t in frame.schema.items())
        write_xpt(Dataset(name, name, variables, frame), folder)


def step(what: str, folder: Path) -> float:
    """Seconds of one way of reading, in this process."""
    start = time.perf_counter()
    if what == "library":
        import pyreadstat

        for name in ("lb.xpt", "dm.xpt"):
            pyreadstat.read_xport(folder / name, output_format="polars")
    else:
        from aftercart.sources import sdtm

        done = sdtm.read(folder)
        kept = done.reconciliation.filter(pl.col("source_table") == "lb.xpt")["rows_kept"].item()
        if kept != pl.scan_parquet(folder / "rows.parquet").select("n").collect().item():
            raise SystemExit(f"{kept} rows kept")
    return time.perf_counter() - start


def run(rows: int = ROWS) -> list[tuple[str, float, str]]:
    """The ratio as a line of the table of results."""
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room)
        write(folder, rows)
        pl.DataFrame({"n": [rows]}).write_parquet(folder / "rows.parquet")
        seconds = {}
        for what in ("library", "study"):
            command = [sys.executable, __file__, what, room]
            seconds[what] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    label = f"{rows / 1e6:.1f} million laboratory rows of SDTM (XPT) to a study, every row checked"
    return [(label, seconds["study"] / seconds["library"], "times the reading library alone")]


if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(json.dumps(step(sys.argv[1], Path(sys.argv[2]))))
    else:
        for what, ratio, to in run():
            print(f"{what}: {ratio:.1f} {to}")
