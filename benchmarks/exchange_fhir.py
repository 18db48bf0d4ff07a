"""Import of FHIR bulk files against `json.loads` of the same lines, time and peak memory: one process for each.

`python benchmarks/exchange_fhir.py [RESOURCES]` prints a table. The source is one Synthea patient, over and over
(observations, encounters, claims and the rest in their natural mix), each copy with identifiers of its own, as
one NDJSON file a type.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

TEMPLATE = Path(__file__).parents[1] / "tests" / "data" / "fhir" / "bundle_p1.json"


def write(resources: int, folder: Path) -> int:
    """Write so many resources (whole patients) as bulk files; returns how many there are."""
    entries = json.loads(TEMPLATE.read_text("utf-8"))["entry"]
    kinds = {e["fullUrl"]: e["resource"]["resourceType"] for e in entries}
    texts = []
    for entry in entries:
        found = entry["resource"]
        found.pop("text", None)
        text = json.dumps(found, ensure_ascii=False)
        for url, kind in kinds.items():
            number = url.removeprefix("urn:uuid:")
            text = text.replace(url, f"{kind}/{number}").replace(number, f"{number[:-6]}@COPY@")
        texts.append((found["resourceType"], text))
    streams: dict[str, IO[str]] = {}
    copies = -(-resources // len(texts))
    for copy in range(copies):
        for kind, text in texts:
            if kind not in streams:
                streams[kind] = (folder / f"{kind}.000.ndjson").open("w", encoding="utf-8")
            streams[kind].write(text.replace("@COPY@", f"{copy:06d}") + "\n")
    for stream in streams.values():
        stream.close()
    return copies * len(texts)


def loads(folder: Path) -> None:
    """The floor: every line parsed, and nothing kept."""
    for path in sorted(folder.glob("*.ndjson")):
        with path.open("rb") as lines:
            for line in lines:
                json.loads(line)


def import_(folder: Path) -> None:
    """The whole import: study and reconciliation."""
    from aftercart.sources import importing

    done = importing.read("fhir", folder)
    assert done.reconciliation["rows_read"].sum() > 0


def step(what: str, folder: Path) -> dict[str, float]:
    """Measure one step in a process of its own: seconds of the processor and peak memory in GiB."""
    done = subprocess.run([sys.executable, __file__, what, str(folder)], check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def run(resources: int = 100_000) -> list[tuple[str, float, str]]:
    """Seconds and memory of an import of so many resources."""
    with tempfile.TemporaryDirectory() as room:
        count = write(resources, Path(room))
        floor, ours = step("loads", Path(room)), step("import", Path(room))
    what = f"FHIR: import {count:,} resources of NDJSON ({ours['seconds']:.1f} s here)"
    return [
        (what, ours["seconds"] / floor["seconds"], "times `json.loads` of the lines"),
        ("the same, per 100,000 resources", ours["seconds"] / count * 100_000 / 30, "of 30 s"),
        (f"the same: peak memory {ours['gib']:.2f} GiB", ours["gib"], "of 1 GiB"),
    ]


if __name__ == "__main__":
    if sys.argv[1:2] in (["loads"], ["import"]):
        start = time.process_time()
        {"loads": loads, "import": import_}[sys.argv[1]](Path(sys.argv[2]))
        seconds = time.process_time() - start
        from registry import peak_gib

        print(json.dumps({"seconds": seconds, "gib": peak_gib()}))
    else:
        for what, ratio, to in run(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000):
            print(f"| {what} | {ratio:.1f} | {to} |")
