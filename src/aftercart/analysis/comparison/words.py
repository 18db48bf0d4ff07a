"""A comparison in words: what differs, each move with the chain of what moved it, each estimate with its patients."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from aftercart.analysis.records import ALL
from aftercart.criteria import registry
from aftercart.study import schema

if TYPE_CHECKING:
    from aftercart.analysis.comparison.compare import Difference

FEW = 3
"""How many causes of one kind are written out; the others are counted."""

ARROW = " \u2192 "

FOLLOW_UP = frozenset({"last_contact_date", "death_date"})
"""Columns of a patient's row whose change is a longer or ended follow-up."""


@dataclass(frozen=True)
class Because:
    """One cause in words, and what that in turn rests on."""

    text: str
    because: tuple[Because, ...] = ()


@dataclass(frozen=True)
class MoveLine:
    """One assessment that moved."""

    subject_id: str
    title: str
    criterion: str
    place: str
    change: str
    text: str
    """`4 -> 8`, or the result that appeared or disappeared."""
    because: tuple[Because, ...]


@dataclass(frozen=True)
class RowsLine:
    """The changed rows of one table: counts, and the first of them in words."""

    table: str
    counts: Mapping[str, int]
    lines: tuple[str, ...]
    more: int


@dataclass(frozen=True)
class EstimateLine:
    """One estimate that moved, and by whom."""

    label: str
    stratum: str
    time: str
    change: str
    old: tuple[str, str, str]
    """Count, value and limits before; empty texts where there was no estimate."""
    new: tuple[str, str, str]
    patients: tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """A comparison in words, as the text and the page show it."""

    sides: tuple[tuple[str, str], ...]
    simulated: bool
    nothing: str
    """What is said when nothing changed, with the hash of both sides; empty otherwise."""
    caveat: str
    declarations: tuple[tuple[str, str, str], ...]
    rules: tuple[tuple[str, str, str], ...]
    subjects: tuple[tuple[str, tuple[str, ...]], ...]
    rows: tuple[RowsLine, ...]
    counts: Mapping[str, int]
    """Assessments by change."""
    moves: tuple[MoveLine, ...]
    more_moves: int
    appeared: tuple[tuple[str, int], ...]
    """Criteria with results that appeared, and how many, where too many appeared to be listed."""
    estimate_count: int
    estimates: tuple[EstimateLine, ...]
    more_estimates: int


def told(d: Difference, *, most: int = 40) -> Told:
    """Put a comparison in words. most: how many rows of a table, assessments and estimates are written out."""
    lines = _Lines(d)
    counts = dict(d.assessments.group_by("change").len().sort("change").iter_rows())
    listed = d.assessments
    appeared: tuple[tuple[str, int], ...] = ()
    if listed.height > most:
        new = listed.filter(pl.col("change") == "appeared").group_by("criterion").len().sort("criterion")
        appeared = tuple((registry_title(key), n) for key, n in new.iter_rows())
        listed = listed.filter(pl.col("change") != "appeared")
    shown = listed.head(most)
    first = pl.when(pl.col("stratum") == ALL).then(0).otherwise(1)
    ordered = d.estimates.sort(first, maintain_order=True)
    return Told(
        sides=(("Before", side(d.before)), ("After", side(d.after))),
        simulated=d.simulated,
        nothing=nothing(d),
        caveat="" if d.rows_known else _caveat(d),
        declarations=tuple(d.declarations.iter_rows()),
        rules=tuple((registry_title(key), old, new) for key, old, new in d.rules.iter_rows()),
        subjects=tuple(
            (change, tuple(d.subjects.filter(pl.col("change") == change)["subject_id"]))
            for change in ("added", "removed")
            if (d.subjects["change"] == change).any()
        ),
        rows=tuple(lines.rows(most)),
        counts=counts,
        moves=tuple(lines.move(int(i)) for i in shown["move"]),
        more_moves=listed.height - shown.height,
        appeared=appeared,
        estimate_count=d.estimates.height,
        estimates=tuple(lines.estimate(e) for e in ordered.head(most).iter_rows(named=True)),
        more_estimates=max(ordered.height - most, 0),
    )


def nothing(d: Difference) -> str:
    """What is said when nothing changed; empty when something did."""
    if not d.nothing_changed:
        return ""
    one, other = d.before["content_hash"], d.after["content_hash"]
    if one is None or other is None:
        return (
            f"Nothing changed in any assessment. Content of the data: {one or 'not known'} and {other or 'not known'}."
        )
    return f"Nothing changed. Content of the data (SHA-256): {one} before, {other} after."


def _caveat(d: Difference) -> str:
    one, other = d.before["content_hash"], d.after["content_hash"]
    if one is None or other is None:
        return "One side does not say which data it was made from, so that changed rows cannot be listed."
    return (
        "The rows of one side are not at hand and its data are not those of the other: changed rows cannot be listed."
    )


def side(about: Mapping[str, Any]) -> str:
    """One side in a line."""
    parts = [
        about["title"],
        f"data cut-off {about['data_cut_off'] or 'not given'}",
        f"data {about['content_hash'][:12] if about['content_hash'] else 'not known'}",
        f"aftercart {about['software_version'] or 'version not known'}",
    ]
    return ", ".join([*parts, *(["as assessed by an earlier run"] if about["saved"] else [])])


def registry_title(key: str, variant: str | None = None) -> str:
    """The title of a criterion; its key where this version does not know it."""
    return registry.get(key).titled(variant) if key in registry.names() else key


def pair(old: Any, new: Any) -> str:
    """`old -> new`, with words for nothing."""
    return f"{shown(old)}{ARROW}{shown(new)}"


def shown(value: Any) -> str:
    """A value in a line."""
    if value is None or value == "":
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(value: str | None, kind: str | None) -> Any:
    """A cell without the noise of binary fractions."""
    return f"{float(value):.10g}" if value is not None and kind == "float" else value


class _Lines:
    """Look-ups over the tables of one comparison."""

    def __init__(self, d: Difference) -> None:
        self.d = d

    @cached_property
    def _moves(self) -> dict[int, dict[str, Any]]:
        return {m["move"]: m for m in self.d.assessments.iter_rows(named=True)}

    @cached_property
    def _causes(self) -> dict[int, list[dict[str, Any]]]:
        found: dict[int, list[dict[str, Any]]] = {}
        for cause in self.d.causes.iter_rows(named=True):
            found.setdefault(cause["move"], []).append(cause)
        return found

    @cached_property
    def _rows(self) -> dict[str, dict[str, Any]]:
        return {f"{r['table']}:{r['row_id']}": r for r in self.d.rows.iter_rows(named=True)}

    @cached_property
    def _cells(self) -> dict[str, list[tuple[str, str | None, str | None]]]:
        found: dict[str, list[tuple[str, str | None, str | None]]] = {}
        for c in self.d.cells.iter_rows(named=True):
            found.setdefault(f"{c['table']}:{c['row_id']}", []).append((c["column"], c["old"], c["new"]))
        return found

    def rows(self, most: int) -> Iterator[RowsLine]:
        for name in self.d.rows["table"].unique(maintain_order=True):
            mine = self.d.rows.filter(pl.col("table") == name)
            counts = dict(mine.group_by("change").len().sort("change").iter_rows())
            order = pl.col("change").replace_strict({"changed": 0, "retracted": 1, "added": 2}, return_dtype=pl.Int8)
            altered = mine if mine.height <= most else mine.filter(pl.col("change") != "added")
            first = altered.sort(order, "subject_id", "row_id").head(most)
            pairs = first.select("subject_id", pl.concat_str(pl.lit(f"{name}:"), "row_id")).iter_rows()
            texts = tuple(f"{subject}: {self.row(ref)}" for subject, ref in pairs)
            yield RowsLine(name, counts, texts, altered.height - first.height)

    def row(self, ref: str) -> str:
        """A changed row in words: what it is and which cells differ."""
        found = self._rows.get(ref)
        if found is None:
            return f"{ref} is among its rows on one side only"
        label = f" ({found['label']})" if found["label"] else ""
        name = f"{ref}{label} of {found['date'].replace('T', ' ')}" if found["date"] else f"{ref}{label}"
        cells = [c for c in self._cells.get(ref, []) if c[0] != "status"]
        if found["change"] != "changed":
            reason = f" ({found['reason']})" if found["reason"] and found["reason"] not in ("new", "gone") else ""
            return f"{name} {found['change']}{reason}"
        kinds = {c.name: c.type for c in schema.tables()[found["table"]].columns}
        what = "; ".join(f"{c} {pair(*(_plain(v, kinds.get(c)) for v in (old, new)))}" for c, old, new in cells)
        if found["table"] == "subjects" and cells and {c[0] for c in cells} <= FOLLOW_UP:
            return f"{name}: follow-up moved, {what}"
        return f"{name} changed: {what}" if what else f"{name} changed"

    def move(self, move: int) -> MoveLine:
        m = self._moves[move]
        return MoveLine(
            subject_id=m["subject_id"],
            title=registry_title(m["criterion"], m["variant"]),
            criterion=m["criterion"],
            place=place(m),
            change=m["change"],
            text=result(m),
            because=tuple(self._because(move, ())),
        )

    def _because(self, move: int, trail: tuple[int, ...]) -> Iterator[Because]:
        """The causes of a move, each intermediate result once, with what it in turn rests on."""
        causes = self._causes.get(move, [])
        own = [c for c in causes if c["via"] is None]
        yield from self._few(own, self._own)
        vias = list(dict.fromkeys(c["via"] for c in causes if c["via"] is not None and c["via"] not in trail))
        for via in vias[:FEW]:
            m = self._moves[via]
            text = f"{registry_title(m['criterion'])}, {place(m)}: {result(m)}"
            yield Because(text, tuple(self._because(via, (*trail, move))))
        if len(vias) > FEW:
            yield Because(f"and {len(vias) - FEW} more results that it rests on")

    def _few(self, causes: list[dict[str, Any]], words: Callable[[dict[str, Any]], str]) -> Iterable[Because]:
        yield from (Because(words(c)) for c in causes[:FEW])
        if len(causes) > FEW:
            yield Because(f"and {len(causes) - FEW} more")

    def _own(self, cause: dict[str, Any]) -> str:
        what, together = cause["what"], " (with all other differences)" if cause["basis"] == "together" else ""
        if cause["kind"] == "row":
            return self.row(what) + together
        if cause["kind"] == "declaration":
            differing = [d for d in self.d.declarations.iter_rows() if d[0] == what or d[0] in what.split(", ")]
            values = "; ".join(f"{name} {pair(old, new)}" for name, old, new in differing)
            return f"declared otherwise: {values or what}{together}"
        if cause["kind"] == "record":
            return f"the record of {what}: it has rows, or refused rows, on one side only"
        return str(what)

    def estimate(self, e: Mapping[str, Any]) -> EstimateLine:
        key = (pl.col(k).eq_missing(pl.lit(e[k], dtype=pl.String)) for k in ("id", "stratum", "time"))
        who = self.d.movers.filter(*key)
        return EstimateLine(
            label=e["label"],
            stratum=e["stratum"],
            time=(e["time"] or "").replace("_", " "),
            change=e["change"],
            old=figures(e, "old"),
            new=figures(e, "new"),
            patients=tuple(self._patient(p) for p in who.iter_rows(named=True)),
        )

    def _patient(self, p: Mapping[str, Any]) -> str:
        said = f" ({p['old'] or 'not asked'}{ARROW}{p['new'] or 'not asked'})" if p["old"] or p["new"] else ""
        moved = [self._moves[i] for i in p["moves"]]
        of = [f"{m['criterion']} {place(m)}" for m in moved[:1]] or list(p["rows"][:1])
        rest = max(len(moved), len(p["rows"])) - len(of)
        return f"{p['subject_id']}{said}" + (f": {of[0]}" if of else "") + (f" and {rest} more" if of and rest else "")


def place(m: Mapping[str, Any]) -> str:
    """Where an assessment stands: its visit, its day, or the whole course."""
    day = m["day_new"] if m["day_new"] is not None else m["day_old"]
    return m["visit"] or ("whole course" if day is None else f"day {day}")


def result(m: Mapping[str, Any]) -> str:
    """The result before and after; where it is the same, what else differs."""
    before, after = (one_result(m, side) for side in ("old", "new"))
    if m["change"] != "moved":
        return after if m["change"] == "appeared" else before
    if before != after:
        return f"{before}{ARROW}{after}"
    parts = list(_parts(m))
    other = [
        f"{c} {pair(m[f'{c}_old'], m[f'{c}_new'])}" for c in ("clause", "missing", "invalid", "day") if c in m["what"]
    ]
    named = [*other, *parts]
    kept = "; ".join(named[:FEW]) + (f" and {len(named) - FEW} more" if len(named) > FEW else "")
    return f"{after}, as before; {kept}"


def _parts(m: Mapping[str, Any]) -> Iterator[str]:
    if m["components_old"] and m["components_new"]:
        old, new = json.loads(m["components_old"]), json.loads(m["components_new"])
        yield from (f"{name} {pair(old[name], new[name])}" for name in old if name in new and old[name] != new[name])


def one_result(m: Mapping[str, Any], side: str) -> str:
    """One result: its level, its value, or the bounds that missing values leave open."""
    value, level = m[f"value_{side}"], m[f"level_{side}"]
    low, high = m[f"value_min_{side}"], m[f"value_max_{side}"]
    if level is not None:
        words = {"true": "yes", "false": "no"}.get(level, level)
        number = None if value is None or words in ("yes", "no") else f"{value:g}"
        return f"{number} ({words})" if number is not None and not _is_number(words) else words
    if value is not None:
        return f"{value:g}"
    if low is not None or high is not None:
        return f"open ({'?' if low is None else f'{low:g}'} to {'?' if high is None else f'{high:g}'})"
    return "not given"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def figures(e: Mapping[str, Any], side: str) -> tuple[str, str, str]:
    """Count, value and limits of an estimate; empty texts where there is none."""
    n, of, value, low, high = (
        e[f"{name}_{side}"] for name in ("numerator", "denominator", "estimate", "ci_low", "ci_high")
    )
    if n is None:
        return "", "", ""
    count = f"{n:g}/{of:.6g}"
    limits = "" if low is None or high is None else f"{_figure(low)} to {_figure(high)}"
    return count, "" if value is None else _figure(value), limits


def _figure(value: float) -> str:
    """A number with three significant digits, whole where it is large."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def counted(counts: Mapping[str, int]) -> str:
    """`3 moved, 1 appeared`."""
    return ", ".join(f"{counts[c]} {c}" for c in ("moved", "appeared", "disappeared") if counts.get(c)) or "none moved"


def rows_counted(counts: Mapping[str, int]) -> str:
    """`12 added, 3 changed`."""
    return ", ".join(f"{counts[c]} {c}" for c in ("added", "changed", "retracted") if counts.get(c))
