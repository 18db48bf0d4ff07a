"""A comparison as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from aftercart.analysis.comparison.words import (
    ARROW,
    FEW,
    Because,
    RowsLine,
    Told,
    counted,
    pair,
    rows_counted,
    told,
)
from aftercart.analysis.records import ALL

if TYPE_CHECKING:
    from aftercart.analysis.comparison.compare import Difference


def as_text(d: Difference, *, most: int = 40) -> str:
    """The comparison for a terminal."""
    t = told(d, most=most)
    lines = [f"{name}: {text}" for name, text in t.sides]
    if t.simulated:
        lines.append("Simulated or reconstructed data.")
    if t.nothing:
        return "\n".join([*lines, "", t.nothing])
    lines += ["", t.caveat] if t.caveat else []
    lines += _section("Declarations", (f"{name}: {pair(old, new)}" for name, old, new in t.declarations))
    lines += _section("Rules", (f"{title}: {old}{ARROW}{new}" for title, old, new in t.rules))
    lines += _section("Patients", (f"{change}: {', '.join(ids)}" for change, ids in t.subjects))
    lines += _section("Rows", (line for rows in t.rows for line in _rows_text(rows)))
    lines += _section(f"Assessments ({counted(t.counts)})", _moves_text(t))
    lines += _section(f"Estimates ({t.estimate_count} moved)", _estimates_text(t))
    return "\n".join(lines)


def _section(title: str, lines: Iterable[str]) -> list[str]:
    found = [f"  {line}" for line in lines]
    return ["", title, *found] if found else []


def _rows_text(rows: RowsLine) -> Iterator[str]:
    yield f"{rows.table}: {rows_counted(rows.counts)}"
    yield from (f"  {line}" for line in rows.lines)
    if rows.more:
        yield f"  and {rows.more} more"


def _moves_text(t: Told) -> Iterator[str]:
    for m in t.moves:
        change = "" if m.change == "moved" else f"{m.change}, "
        yield f"{m.subject_id}, {m.place}, {m.title}: {change}{m.text}"
        yield from (f"  {line}" for line in _because_text(m.because))
    if t.more_moves:
        yield f"and {t.more_moves} more"
    for title, n in t.appeared:
        yield f"{title}: {n} appeared"


def _because_text(causes: tuple[Because, ...]) -> Iterator[str]:
    for cause in causes:
        yield cause.text if cause.text.startswith("and ") else f"because {cause.text}"
        yield from (f"  {line}" for line in _because_text(cause.because))


def _estimates_text(t: Told) -> Iterator[str]:
    for e in t.estimates:
        of = "" if e.stratum == ALL else f" ({e.stratum})"
        when = f", {e.time}" if e.time and e.time not in e.label else ""
        old, new = (" ".join(p for p in _figures_text(side) if p) or "none" for side in (e.old, e.new))
        yield f"{e.label}{of}{when}: {old}{ARROW}{new}"
        if e.patients:
            more = f"; and {len(e.patients) - FEW} more" if len(e.patients) > FEW else ""
            yield f"  by {'; '.join(e.patients[:FEW])}{more}"
    if t.more_estimates:
        yield f"and {t.more_estimates} more"


def _figures_text(figures_: tuple[str, str, str]) -> tuple[str, ...]:
    count, value, limits = figures_
    return (count, f"({value}; {limits})" if limits else f"({value})" if value else "")
