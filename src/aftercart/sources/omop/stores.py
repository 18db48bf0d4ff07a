"""Where CDM tables are kept: Parquet or CSV files, a DuckDB file, a PostgreSQL database. Every cell is read as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import polars as pl
import polars.selectors as cs

from aftercart.errors import MissingExtraError, SourceError, UsageError
from aftercart.standards import omop
from aftercart.study import problems

ADDRESS = re.compile(r"(?i)^postgres(?:ql)?:/*")
SUFFIXES = (".parquet", ".csv")
NAMES = (*omop.tables(), "concept", "concept_relationship", "location", "provider", "care_site", "note")
"""Tables that are looked at; whatever else a folder holds is no matter."""


@dataclass(frozen=True)
class Store:
    """Tables of a CDM by name in lower case, each with its columns in lower case to their names there."""

    tables: Mapping[str, Mapping[str, str]]
    fetch: Callable[[str, Mapping[str, str], pl.Series | None], pl.DataFrame]
    """Table, columns (name in the CDM to name there), identifiers that the first column must be among."""

    def read(self, table: str, columns: Sequence[str], among: pl.Series | None = None) -> pl.DataFrame:
        """The given columns of a table as text, those absent as empty; dates and times in ISO 8601."""
        have = self.tables[table]
        frame = self.fetch(table, {c: have[c] for c in columns if c in have}, among)
        nested = [c for c, t in frame.schema.items() if t.is_nested() or t == pl.Binary]
        if nested:
            raise refused(table, f"a column of type {frame.schema[nested[0]]}", "plain cells", column=nested[0])
        text = frame.with_columns(
            cs.datetime(time_zone=None).dt.to_string("%Y-%m-%d %H:%M:%S%.f"),
            cs.datetime(time_zone="*").dt.to_string("%Y-%m-%d %H:%M:%S%.f%:z"),
            cs.date().dt.to_string("%Y-%m-%d"),
        ).cast(pl.String)
        return text.select(
            pl.col(c).str.strip_chars().replace("", None) if c in have else pl.lit(None, dtype=pl.String).alias(c)
            for c in columns
        )


def refused(table: str, found: str, expected: str, remedy: str = "export it again.", **place: Any) -> SourceError:
    """The error of a table that cannot be read whole."""
    listed = problems.one("unreadable", table, found, expected, remedy, **place)
    return SourceError(f"The table {table} cannot be read: {found}.", listed)


@contextmanager
def opened(src: str | Path, schema: str | None = None) -> Iterator[Store]:
    """Open a source for reading only.

    Raises `UsageError` where there is none or its address holds a password, `SourceError` where it cannot be opened.
    """
    if ADDRESS.match(str(src)):
        with _postgresql(str(src), schema) as store:
            yield store
        return
    path = Path(src)
    if path.is_dir():
        if schema is not None:
            raise UsageError("A folder has no schema.", hint="leave the option schema out.")
        yield _folder(path)
    elif path.is_file():
        with _duckdb(path, schema) as store:
            yield store
    else:
        raise UsageError(
            f"There is no folder or file {path}.",
            hint="give a folder of CDM tables, a DuckDB file, or an address such as postgresql://host/database.",
        )


def _folder(path: Path) -> Store:
    found: dict[str, Path] = {}
    for suffix in SUFFIXES:
        for file in sorted(path.iterdir()):
            if file.suffix.lower() == suffix and file.stem.lower() in NAMES and file.is_file():
                found.setdefault(file.stem.lower(), file)
    scans: dict[str, pl.LazyFrame] = {}
    columns: dict[str, dict[str, str]] = {}

    def known(name: str) -> pl.LazyFrame:
        if name not in scans:
            scans[name] = _scan(name, found[name])
        return scans[name]

    def fetch(table: str, named: Mapping[str, str], among: pl.Series | None) -> pl.DataFrame:
        scan = known(table).select(pl.col(there).alias(c) for c, there in named.items())
        if among is not None:
            scan = scan.filter(pl.first().cast(pl.Int64, strict=False).is_in(among.implode()))
        with _speaking_of(table):
            return scan.collect()

    for name in found:
        with _speaking_of(name):
            columns[name] = _lower(name, known(name).collect_schema().names())
    return Store(columns, fetch)


def _scan(name: str, file: Path) -> pl.LazyFrame:
    if file.suffix.lower() == ".parquet":
        return pl.scan_parquet(file)
    try:
        with file.open("rb") as stream:
            head = stream.readline()
    except OSError as error:
        raise refused(name, str(error.strerror), "a readable file") from error
    if not head.strip():
        raise refused(name, "no header line", "a CSV file with a header")
    tabs = b"\t" in head
    how: dict[str, Any] = {"separator": "\t", "quote_char": None} if tabs else {}
    return pl.scan_csv(file, infer_schema=False, **how)


@contextmanager
def _speaking_of(table: str) -> Iterator[None]:
    """Errors of the file reader as the error of a table that cannot be read."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        lines = str(error).splitlines()
        raise refused(table, lines[0] if lines else type(error).__name__, "a whole table") from error


def _lower(table: str, names: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        plain = name.strip().lower().removeprefix("\ufeff")
        if plain in found:
            raise refused(table, f"the column {plain} more than once", "each column once", column=plain)
        found[plain] = name
    return found


@contextmanager
def _duckdb(path: Path, schema: str | None) -> Iterator[Store]:
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtraError("duckdb", "database", "reading a DuckDB file") from error
    try:
        # Views of the file may not reach out to other files.
        base = duckdb.connect(str(path), read_only=True, config={"enable_external_access": "false"})
    except duckdb.Error as error:
        raise refused(path.name, _first_line(error), "a DuckDB file", "give a folder or a DuckDB file.") from error
    try:
        yield _sql_store(lambda sql: pl.from_arrow(base.sql(sql).to_arrow_table()), "varchar", schema, duckdb.Error)
    finally:
        base.close()


@contextmanager
def _postgresql(address: str, schema: str | None) -> Iterator[Store]:
    secret = _password_in(address)
    if secret:
        raise UsageError(
            "The address of the database holds a password.",
            hint="leave it out of the address: PostgreSQL takes it from PGPASSWORD or from ~/.pgpass.",
        )
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError as error:
        raise MissingExtraError("adbc-driver-postgresql", "database", "reading a PostgreSQL database") from error
    try:
        base = dbapi.connect(address)
    except dbapi.Error as error:
        remedy = "check address and user; the password comes from PGPASSWORD or from ~/.pgpass."
        raise refused("database", _first_line(error), "a database that opens", remedy) from error
    try:
        with base.cursor() as cursor:

            def run(sql: str) -> Any:
                cursor.execute(sql)
                return pl.from_arrow(cursor.fetch_arrow_table())

            cursor.execute("SET default_transaction_read_only = on")
            cursor.execute("SET datestyle TO ISO, YMD")
            yield _sql_store(run, "text", schema, dbapi.Error)
    finally:
        base.close()


def _password_in(address: str) -> bool:
    try:
        parts = urlsplit(address)
        query = parse_qs(parts.query, keep_blank_values=True)
    except ValueError:
        raise UsageError(
            "The address of the database cannot be understood.", hint="for example postgresql://user@host:5432/database"
        ) from None
    return parts.password is not None or any(k.lower() in ("password", "sslpassword") for k in query)


def _sql_store(run: Callable[[str], Any], text: str, schema: str | None, error: type[Exception]) -> Store:
    """The tables of one schema of a database; without `schema`, of the only one that holds a table `person`."""

    def asked(table: str, sql: str) -> pl.DataFrame:
        try:
            frame: pl.DataFrame = run(sql)
        except error as found:
            raise refused(table, _first_line(found), "a table that can be read") from found
        return frame

    listing = (
        "SELECT CAST(table_schema AS {0}) AS s, CAST(table_name AS {0}) AS t, CAST(column_name AS {0}) AS c"
        " FROM information_schema.columns ORDER BY 1, 2, ordinal_position"
    )
    every = asked("information_schema.columns", listing.format(text))
    schema = _schema(every, schema)
    here = every.filter(pl.col("s") == schema)
    names: dict[str, str] = {}
    columns: dict[str, dict[str, str]] = {}
    for (name,), part in here.group_by("t", maintain_order=True):
        plain = str(name).lower()
        names.setdefault(plain, str(name))
        columns.setdefault(plain, _lower(plain, part["c"].to_list()))

    def fetch(table: str, named: Mapping[str, str], among: pl.Series | None) -> pl.DataFrame:
        if not named:
            return pl.DataFrame()
        chosen = ", ".join(f"CAST({_quoted(there)} AS {text}) AS {_quoted(c)}" for c, there in named.items())
        where = f"{_quoted(schema)}.{_quoted(names[table])}"
        sql = f"SELECT {chosen} FROM {where}"  # noqa: S608 (every name is quoted, and comes from the catalogue)
        if among is None:
            return asked(table, sql)
        first = _quoted(next(iter(named.values())))
        parts = [asked(table, f"{sql} WHERE 1 = 0")]
        ids = sorted(among.drop_nulls().to_list())
        for start in range(0, len(ids), LONGEST):
            listed = ", ".join(str(int(i)) for i in ids[start : start + LONGEST])
            parts.append(asked(table, f"{sql} WHERE {first} IN ({listed})"))
        return pl.concat(parts)

    return Store(columns, fetch)


def _schema(every: pl.DataFrame, schema: str | None) -> str:
    """The schema that is meant; empty where no schema holds a table person."""
    found: list[str] = every.filter(pl.col("t").str.to_lowercase() == "person")["s"].unique().sort().to_list()
    if schema is None and len(found) > 1:
        raise UsageError(
            f"The database has a table person in several schemas: {', '.join(found)}.",
            hint="name one with --option schema=NAME.",
        )
    if schema is not None and schema not in every["s"].to_list():
        raise UsageError(f"The database has no schema {schema!r}.", hint="name one with --option schema=NAME.")
    return schema or (found[0] if found else "")


LONGEST = 5000
"""Identifiers in one question to a database."""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
