"""One way in for every kind of source: read it by name, write it as a study folder with what became of its rows."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aftercart.errors import UsageError
from aftercart.outputs import write_atomically
from aftercart.sources.assembly import Imported
from aftercart.sources.mapping import SOURCES, Proposal, SourceMapping, read_mapping
from aftercart.sources.pseudonyms import Pseudonyms


def read(
    source: str,
    src: str | Path,
    *,
    mapping: str | Path | SourceMapping | None = None,
    pseudonyms: Pseudonyms | None = None,
    **options: str,
) -> Imported:
    """Read a source of one of the kinds `redcap`, `sdtm`, `fhir` and `omop`.

    mapping: a mapping file. options: what only this kind of source needs, as its `read` takes it.

    Raises `SourceError` when the source cannot be read as a whole, `UsageError` for an option that does not exist.
    """
    module = _module(source)
    _refuse_unknown(source, module.OPTIONS, options)
    done: Imported = module.read(src, mapping=read_mapping(mapping, source), pseudonyms=pseudonyms, **options)
    return done


def propose(source: str, src: str | Path, **options: str) -> Proposal:
    """Look at a source and propose its mapping file, with what could not be placed."""
    module = _module(source)
    _refuse_unknown(source, module.OPTIONS, options)
    found: Proposal = module.propose(src, **options)
    return found


def write(done: Imported, folder: Path, *, parquet: bool = False) -> Path:
    """Write an imported study into a folder, with `import/reconciliation.csv` and `import/problems.csv`."""
    done.study.write(folder, format="parquet" if parquet else "csv")
    (folder / "import").mkdir(exist_ok=True)
    write_atomically(folder / "import" / "reconciliation.csv", done.reconciliation.write_csv().encode())
    write_atomically(folder / "import" / "problems.csv", done.study.problems.write_csv().encode())
    return folder


def pseudonyms(key_file: Path | None, *, out: Path, shift_dates: bool, keep_text: bool) -> Pseudonyms:
    """The pseudonyms of an import; raises `UsageError` for a key that lies in the folder of the study."""
    if key_file is not None and key_file.absolute().is_relative_to(out.absolute()):
        raise UsageError(
            "The key for pseudonyms lies in the folder of the study.", hint="keep it where the study does not go."
        )
    return Pseudonyms.from_environment(key_file, shift_dates=shift_dates, keep_text=keep_text)


def parsed(options: Sequence[str]) -> dict[str, str]:
    """Options given as NAME=VALUE; raises `UsageError` for one without an equals sign."""
    found: dict[str, str] = {}
    for option in options:
        name, sign, value = option.partition("=")
        if not sign or not name:
            raise UsageError(f"The option {option!r} is not NAME=VALUE.", hint="for example: --option encoding=cp1252")
        found[name.replace("-", "_")] = value
    return found


def _module(source: str) -> Any:
    if source not in SOURCES:
        raise UsageError(f"There is no kind of source {source!r}.", hint=f"kinds are {', '.join(SOURCES)}.")
    return importlib.import_module(f"aftercart.sources.{source}")


def _refuse_unknown(source: str, known: Sequence[str], options: dict[str, str]) -> None:
    unknown = [name for name in options if name not in known]
    if unknown:
        raise UsageError(
            f"A source of kind {source} has no option {unknown[0]!r}.",
            hint=f"its options are {', '.join(known)}." if known else "it has no options.",
        )
