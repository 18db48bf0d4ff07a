"""FHIR R4 resources as a study: bundles, bulk NDJSON and single resources, of one file or a folder of any mix."""

from __future__ import annotations

import tomllib
from pathlib import Path

import polars as pl

from aftercart.errors import SourceError
from aftercart.sources.assembly import Imported, assemble
from aftercart.sources.declarations import declarations_of
from aftercart.sources.fhir import files, proposal
from aftercart.sources.fhir.collecting import Collected
from aftercart.sources.fhir.placing import Placing, place
from aftercart.sources.fhir.subjects import own_section
from aftercart.sources.mapping import Proposal, SourceMapping
from aftercart.sources.pseudonyms import Pseudonyms
from aftercart.standards.fhir import Meanings
from aftercart.standards.fhir.rows import READERS
from aftercart.study import problems
from aftercart.study.model import StudyMeta

OPTIONS: tuple[str, ...] = ()


def read(src: str | Path, *, mapping: SourceMapping | None = None, pseudonyms: Pseudonyms | None = None) -> Imported:
    """Read FHIR R4 resources: a folder of bundles, NDJSON files (`Type.000.ndjson`) and single resources, or one file.

    Files may be compressed (`.gz`), and references may be `urn:uuid:`, relative, whole or contained, in any order of
    files. Names, addresses, record numbers and full dates of birth are not read, and said. mapping: `[codes]` by code
    (`4711` or `system|4711`), `[units]`, `[drugs]`, `[visits]` and `[fhir]` (`indication`, `subject_system`,
    `infusions`, `instruments`, `items`). A `study.toml` beside the files declares the study.

    Every resource is kept or listed, by type. Raises `SourceError` when a file cannot be read whole or there is no
    Patient.
    """
    mapping = mapping or SourceMapping()
    own = own_section(mapping)
    meanings = Meanings(
        codes={k: (t.code, t.unit) for k, t in mapping.codes.items()},
        left_out=mapping.left_out,
        units=mapping.units,
        drugs={k.strip().lower(): v for k, v in mapping.drugs.items()},
        infusions=own.infusions,
        instruments=own.instruments,
        items=own.items,
    )
    collected = Collected(meanings, own.subject_system)
    collected.read(files.files_of(src))
    if not collected.counts["Patient"]:
        listed = problems.gather(
            [collected.lines(), problems.one("no_subjects", "Patient", "no Patient", "a Patient each", "add them.")]
        )
        raise SourceError("The source has no resource Patient.", listed)
    placing = Placing(collected.frames(), mapping, own)
    studies = placing.take("studies", "_study", "_title")
    meta, said = _meta(Path(src), studies, mapping, collected.is_test)
    tables = place(placing, meta.reference_infusion)
    placing.used.append(_studies_used(studies, tables["subjects"]))
    read_rows = {
        name: pl.int_range(1, count + 1, eager=True)
        for name, count in [*sorted(collected.counts.items()), *sorted(collected.odd.items())]
    }
    return assemble(
        "FHIR",
        tables,
        meta,
        read=read_rows,
        listed=[*said, collected.lines(), *_without_place(collected), *placing.listed],
        used=pl.concat(placing.used),
        pseudonyms=pseudonyms,
    )


def propose(src: str | Path) -> Proposal:
    """Look at FHIR resources and propose a mapping file: codes, units, medicines and questionnaires without a place."""
    collected = Collected(Meanings(), with_names=True)
    collected.read(files.files_of(src))
    return proposal.of(collected)


def _without_place(collected: Collected) -> list[pl.DataFrame]:
    """A line for every resource of a type that a study does not hold."""
    return [
        problems.of_rows(
            pl.DataFrame({"_row": pl.int_range(1, count + 1, eager=True)}),
            rule="resource_not_placed",
            file=kind,
            found=pl.lit(f"a resource {kind}"),
            expected="a type of resource that a study holds",
            remedy="nothing to do unless a criterion needs it. It is not used.",
            severity="warning",
        )
        for kind, count in sorted(collected.counts.items())
        if kind not in READERS
    ]


def _studies_used(studies: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """What a ResearchStudy says went into the declarations of the study, for every subject."""
    return (
        studies.join(people.select(parent_table="_table", parent_row="_row").head(1), how="cross")
        .select("parent_table", "parent_row", source_table="_table", source_row="_row")
        .select("source_table", "source_row", "parent_table", "parent_row")
    )


def _meta(
    src: Path, studies: pl.DataFrame, mapping: SourceMapping, is_test: bool
) -> tuple[StudyMeta, list[pl.DataFrame]]:
    """The declarations: the mapping's, else those beside the files, else what a ResearchStudy says."""
    raw = {}
    beside = (src if src.is_dir() else src.parent) / "study.toml"
    if beside.exists():
        try:
            raw = tomllib.loads(beside.read_text("utf-8-sig"))
        except (OSError, ValueError, RecursionError) as error:
            listed = problems.one("study_toml", "study.toml", str(error), "a TOML file in UTF-8", "correct the file.")
            raise SourceError("The study.toml beside the resources cannot be read.", listed) from error
    stated = {}
    if studies.height == 1:
        told = studies.row(0, named=True)
        stated = {k: told[c] for k, c in (("study_id", "_study"), ("title", "_title")) if told[c]}
    whole = {**stated, **raw, **mapping.study}
    if is_test:
        whole["simulated"] = True
    name = "study.toml" if raw else mapping.file if mapping.study else "ResearchStudy"
    meta, _, listed_ = declarations_of(whole, name, src.name)
    return meta, listed_


__all__ = ["OPTIONS", "propose", "read"]
