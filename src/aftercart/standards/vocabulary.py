"""Standard vocabularies of OMOP as the user has them: concepts, and what they map to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from aftercart.errors import UsageError

CONCEPT: dict[str, Any] = {
    "concept_id": pl.Int64,
    "vocabulary_id": pl.String,
    "concept_code": pl.String,
    "concept_name": pl.String,
}
MAPS: dict[str, Any] = {"concept_id_1": pl.Int64, "concept_id_2": pl.Int64}


@dataclass(frozen=True)
class Vocabulary:
    """Concepts with vocabulary, code and name, and the standard concepts that others map to; both may be empty."""

    concepts: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CONCEPT))
    maps: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MAPS))

    def coded(self, vocabulary: str) -> dict[int, str]:
        """Concept to its code in a vocabulary: its own code, else that of the standard concept it maps to."""
        own = self.concepts.filter(pl.col("vocabulary_id") == vocabulary).select("concept_id", "concept_code")
        through = self.maps.join(own, left_on="concept_id_2", right_on="concept_id").select(
            concept_id="concept_id_1", concept_code="concept_code"
        )
        both = pl.concat([own, through.sort("concept_id", "concept_code")]).unique(
            "concept_id", keep="first", maintain_order=True
        )
        return dict(both.iter_rows())

    def names(self) -> dict[int, str]:
        """Concept to its name."""
        return dict(self.concepts.select("concept_id", "concept_name").drop_nulls().iter_rows())

    def ids(self, vocabulary: str) -> dict[str, int]:
        """Code in a vocabulary to its concept, the smallest where there are several."""
        own = self.concepts.filter(pl.col("vocabulary_id") == vocabulary).sort("concept_id", descending=True)
        return dict(own.select("concept_code", "concept_id").drop_nulls().iter_rows())


def of(concepts: pl.DataFrame, relationships: pl.DataFrame | None = None) -> Vocabulary:
    """A vocabulary from tables of text cells; a concept whose identifier is no number is left out."""
    plain = concepts.select(pl.col(n).cast(t, strict=False) for n, t in CONCEPT.items()).drop_nulls("concept_id")
    if relationships is None:
        return Vocabulary(plain)
    maps = relationships.filter(pl.col("relationship_id") == "Maps to")
    return Vocabulary(plain, maps.select(pl.col(n).cast(t, strict=False) for n, t in MAPS.items()).drop_nulls())


def with_ids(folder: str | Path, wanted: pl.Series) -> Vocabulary:
    """The concepts of a folder that are wanted, with those that they map to; raises `UsageError` as `scanned`."""
    ids = wanted.cast(pl.Int64)
    relationships = scanned(folder, "concept_relationship")
    maps = pl.DataFrame(schema=MAPS)
    if relationships is not None:
        first = pl.col("concept_id_1").cast(pl.Int64, strict=False)
        found = relationships.filter((pl.col("relationship_id") == "Maps to") & first.is_in(ids.implode()))
        maps = found.select(pl.col(n).cast(t, strict=False) for n, t in MAPS.items()).drop_nulls().collect()
    every = pl.concat([ids, maps["concept_id_2"].rename(ids.name)]).unique()
    return Vocabulary(_concepts(folder, pl.col("concept_id").is_in(every.implode())), maps)


def with_codes(folder: str | Path, wanted: dict[str, set[str]], names: set[str]) -> Vocabulary:
    """The concepts of a folder by vocabulary and code, and those of SNOMED by name in lower case."""
    chosen = pl.lit(value=False)
    for vocabulary, codes in wanted.items():
        chosen = chosen | ((pl.col("vocabulary_id") == vocabulary) & pl.col("concept_code").is_in(sorted(codes)))
    named = (pl.col("vocabulary_id") == "SNOMED") & pl.col("concept_name").str.to_lowercase().is_in(sorted(names))
    return Vocabulary(_concepts(folder, chosen | named))


def _concepts(folder: str | Path, chosen: pl.Expr) -> pl.DataFrame:
    scan = scanned(folder, "concept")
    if scan is None:
        raise UsageError(
            f"The folder {folder} holds no vocabulary: there is no CONCEPT.csv or concept.parquet.",
            hint="unpack there the vocabularies that Athena gives.",
        )
    missing = [n for n in CONCEPT if n not in scan.collect_schema().names()]
    if missing:
        raise UsageError(
            f"The table of concepts in {folder} has no column {missing[0]}.", hint="download the vocabularies again."
        )
    typed = scan.select(pl.col(n).cast(t, strict=False) for n, t in CONCEPT.items()).drop_nulls("concept_id")
    try:
        return typed.filter(chosen).collect().sort("concept_id")
    except (OSError, pl.exceptions.PolarsError) as error:
        found = str(error).splitlines()[0]
        raise UsageError(f"The vocabulary in {folder} cannot be read: {found}.", hint="download it again.") from error


def scanned(folder: str | Path, table: str) -> pl.LazyFrame | None:
    """A vocabulary table of a folder, its columns in lower case; None where there is none.

    A CSV file is separated by tabs, without quotes, as Athena gives it, unless its header has commas only.
    Raises `UsageError` when there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", hint="give the folder that holds CONCEPT.csv.")
    found = {p.name.lower(): p for p in sorted(folder.iterdir()) if p.is_file()}
    try:
        if f"{table}.parquet" in found:
            scan = pl.scan_parquet(found[f"{table}.parquet"])
        elif f"{table}.csv" in found:
            path = found[f"{table}.csv"]
            with path.open("rb") as stream:
                tabs = b"\t" in stream.readline()
            how: dict[str, Any] = {"separator": "\t", "quote_char": None} if tabs else {}
            scan = pl.scan_csv(path, infer_schema=False, encoding="utf8-lossy", **how)
        else:
            return None
        names = scan.collect_schema().names()
    except (OSError, pl.exceptions.PolarsError) as error:
        found_ = str(error).splitlines()[0]
        raise UsageError(f"The vocabulary in {folder} cannot be read: {found_}.", hint="download it again.") from error
    return scan.rename({n: n.strip().lower() for n in names})
