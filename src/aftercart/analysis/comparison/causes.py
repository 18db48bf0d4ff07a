"""Because of what each assessment moved: rows it rests on, results it rests on, declarations, or the rules."""

from __future__ import annotations

from typing import Any

import polars as pl

from aftercart.analysis.comparison import trials
from aftercart.analysis.comparison.rows import shaped, window
from aftercart.analysis.comparison.sides import Side
from aftercart.assessment import run
from aftercart.criteria import registry

CAUSES: dict[str, Any] = {
    "move": pl.Int64,
    "kind": pl.String,
    "what": pl.String,
    "basis": pl.String,
    "via": pl.Int64,
}
"""One row per cause. `kind`: `row` (what: `table:row_id`), `declaration`, `record`, `rule`, `software` or `data`.

`basis`: `evidence` (among its source rows), `alone` (that difference by itself moves it), `together` (no difference
does by itself; these are all there are), `version`, or `unknown` (the earlier run says no more). `via`: the assessment
it rests on and through which the cause came.
"""


def of_moves(a: Side, b: Side, moves: pl.DataFrame, rows: pl.DataFrame | None, declared: pl.DataFrame) -> pl.DataFrame:
    """The causes of every assessment that moved (columns: `CAUSES`).

    moves: as from `moves.between`. rows: as from `rows.changed_rows`; None when the rows of one side are not known.
    declared: as from `rows.changed_declarations`.
    """
    first = [_versions(a, b, moves)]
    first.append(_listed_rows(moves) if rows is None else _evidence(moves, rows))
    links = _links(moves)
    open_ = _without(moves, *first).join(links, on="move", how="anti")
    if rows is None or ((a.saved or b.saved) and a.content_hash == b.content_hash):
        # Of the same data, a result without a new version of its own moved because the software did.
        first.append(_unknown(a, b, open_))
    else:
        assert a.study is not None
        assert b.study is not None
        first += _differences(a, b, open_, rows, declared)
    own = pl.concat(first).unique()
    return _along(own, links, moves).sort("move", "via", "kind", "what", nulls_last=False)


def _without(moves: pl.DataFrame, *explained: pl.DataFrame) -> pl.DataFrame:
    return moves.join(pl.concat(explained).select("move"), on="move", how="anti")


def _cause(moves: pl.DataFrame, kind: str, what: pl.Expr | str, basis: str) -> pl.DataFrame:
    words = pl.lit(what) if isinstance(what, str) else what
    named = moves.select("move", kind=pl.lit(kind), what=words, basis=pl.lit(basis), via=pl.lit(None))
    return shaped(named, CAUSES)


def _versions(a: Side, b: Side, moves: pl.DataFrame) -> pl.DataFrame:
    """Assessments by a criterion whose version is not the same on both sides."""
    one, other = (s.table.select("criterion", "criterion_version").unique() for s in (a, b))
    both = one.join(other, on="criterion", how="inner", suffix="_b")
    changed = both.filter(pl.col("criterion_version") != pl.col("criterion_version_b"))
    found = moves.join(changed, on="criterion", how="inner")
    what = pl.format("{} instead of {}", "criterion_version_b", "criterion_version")
    return _cause(found, "rule", what, "version")


def _refs(moves: pl.DataFrame) -> pl.DataFrame:
    """Every source row of a moved assessment, and on which sides it is one (`old`, `new`)."""
    sides = [
        moves.select("move", ref=f"_rows_{side}", side=pl.lit(side)).explode("ref").drop_nulls("ref")
        for side in ("old", "new")
    ]
    return pl.concat(sides)


def _evidence(moves: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Changed rows among the source rows, before or after."""
    changed = rows.filter("counts").select(ref=pl.concat_str("table", pl.lit(":"), "row_id"))
    return _cause(
        _refs(moves).join(changed, on="ref", how="semi").unique(["move", "ref"]), "row", pl.col("ref"), EVIDENCE
    )


EVIDENCE = "evidence"

CONTACTS = ("visits", "assessments")
"""Tables whose rows say that a patient was seen, and so on which day a visit took place."""


def _listed_rows(moves: pl.DataFrame) -> pl.DataFrame:
    """Without the rows of one side: source rows that are listed on one side only."""
    sides = _refs(moves).join(moves.filter(pl.col("change") == "moved").select("move"), on="move", how="semi")
    once = sides.group_by("move", "ref").agg(pl.len()).filter(pl.col("len") == 1)
    return _cause(once, "row", pl.col("ref"), EVIDENCE)


def _links(moves: pl.DataFrame) -> pl.DataFrame:
    """Pairs (`move`, `via`): a moved assessment, and another of the same patient that it is bound to and that moved."""
    needed = [
        (key, other)
        for key in moves["criterion"].unique().sort()
        if key in registry.names()
        for other in sorted(run.needs(registry.get(key)) - {key})
    ]
    pairs = pl.DataFrame(needed, schema={"criterion": pl.String, "_needed": pl.String}, orient="row")
    place = moves.select(
        "move", "subject_id", "infusion_seq", "criterion", "visit", _at=pl.min_horizontal("day_old", "day_new")
    )
    other = place.rename({"move": "via", "criterion": "_needed", "visit": "_visit", "_at": "_via_at"})
    both = place.join(pairs, on="criterion").join(other, on=["subject_id", "infusion_seq", "_needed"])
    whole_course = pl.col("visit").is_null() & pl.col("_at").is_null()
    same_visit = (pl.col("visit") == pl.col("_visit")) | (pl.col("_visit") == "baseline")
    same_day = (pl.col("_at") == pl.col("_via_at")) & (pl.col("visit").is_null() | pl.col("_visit").is_null())
    fits = (whole_course | same_visit | same_day).fill_null(value=False)
    return both.filter(fits).select("move", "via").sort("move", "via")


def _along(own: pl.DataFrame, links: pl.DataFrame, moves: pl.DataFrame) -> pl.DataFrame:
    """Hand each cause on to the assessments that rest on the one it moved, in the order in which criteria are run."""
    if links.is_empty():
        return own
    present = set(moves["criterion"])
    causes = own
    for key in run.order(k for k in present if k in registry.names()):
        mine = moves.filter(pl.col("criterion") == key).select("move")
        handed = links.join(mine, on="move", how="semi").join(
            causes.select(via="move", kind="kind", what="what", basis="basis"), on="via"
        )
        if handed.is_empty():
            continue
        handed = handed.sort("move", "kind", "what", "via").unique(["move", "kind", "what"], keep="first")
        same = ["move", "kind", "what"]
        causes = pl.concat([causes.join(handed, on=same, how="anti"), shaped(handed, CAUSES)])
    return causes


def _release(a: Side, b: Side) -> str:
    return f"software {b.software_version} instead of {a.software_version}"


def _unknown(a: Side, b: Side, moves: pl.DataFrame) -> pl.DataFrame:
    if a.content_hash is not None and a.content_hash == b.content_hash:
        return _cause(moves, "software", _release(a, b), "version")
    known = "is not the same" if a.content_hash and b.content_hash else "of one side is not known"
    return _cause(
        moves, "data", f"the content of the data {known}, and the rows of one side are not at hand", "unknown"
    )


def _differences(
    a: Side, b: Side, moves: pl.DataFrame, rows: pl.DataFrame, declared: pl.DataFrame
) -> list[pl.DataFrame]:
    """Causes of assessments without a changed source row: a patient who came or went, or what moves them alone."""
    assert a.study is not None
    assert b.study is not None
    if moves.is_empty():
        return []
    ours = rows.filter("counts")
    came = ours.filter((pl.col("table") == "subjects") & (pl.col("change") != "changed"))
    patient = moves.join(came.select("subject_id", "row_id"), on="subject_id", how="inner")
    found = [_cause(patient, "row", pl.format("subjects:{}", "row_id"), "alone")]
    rest = _without(moves, *found)
    infusions = {a.study.meta.reference_infusion, b.study.meta.reference_infusion}
    if len(infusions) > 1:
        found.append(_cause(rest, "declaration", "reference infusion", "alone"))
        rest = rest.clear()
    tried = trials.alone(a.study, b.study, rest)
    found += _named(rest, tried, ours, declared, "alone")
    left = rest.join(tried, on="move", how="anti")
    names = pl.Series("candidate", trials.candidates(a.study, b.study), dtype=pl.String)
    every = left.select("move").join(names.to_frame(), how="cross")
    found += _named(left, every, ours, declared, "together")
    if a.software_version != b.software_version:
        found.append(_cause(left, "software", _release(a, b), "together"))
    return found


def _of_that_day(own: pl.DataFrame) -> pl.DataFrame:
    """Of the contacts of a patient those on the day of the visit, where there are any: they made it take place."""
    contact = pl.col("candidate").is_in(list(CONTACTS)) & pl.col("visit").is_not_null()
    then = (contact & ((pl.col("day") == pl.col("day_old")) | (pl.col("day") == pl.col("day_new")))).fill_null(
        value=False
    )
    return own.with_columns(_then=then).filter(pl.col("_then") | ~pl.col("_then").any().over("move", "candidate"))


def _named(
    moves: pl.DataFrame, hits: pl.DataFrame, rows: pl.DataFrame, declared: pl.DataFrame, basis: str
) -> list[pl.DataFrame]:
    """The rows and declarations that the candidates stand for."""
    places = moves.select("move", "subject_id", "visit", "day_old", "day_new").join(hits, on="move")
    in_tables = places.filter(~pl.col("candidate").is_in(list(trials.DECLARED)))
    own = in_tables.join(rows.select("subject_id", "row_id", "day", candidate="table"), on=["subject_id", "candidate"])
    own = _of_that_day(own)
    found = [_cause(own, "row", pl.format("{}:{}", "candidate", "row_id"), basis)]
    if basis == "alone":
        others = in_tables.join(own.select("move", "candidate"), on=["move", "candidate"], how="anti")
        found.append(_cause(others, "record", "candidate", basis))
    names = declared["name"].to_list()
    for candidate in trials.DECLARED:
        mine = places.filter(pl.col("candidate") == candidate)
        if candidate == "visit windows":
            windows = pl.concat_str(pl.lit(window("")), "visit")
            known = windows.is_in(names).fill_null(value=False)
            mine = mine.with_columns(_what=pl.when(known).then(windows).otherwise(pl.lit(candidate)))
        elif candidate == "baseline":
            words = ", ".join(n for n in names if n.startswith("baseline "))
            mine = mine.with_columns(_what=pl.lit(words))
        else:
            mine = mine.with_columns(_what=pl.lit(candidate))
        found.append(_cause(mine, "declaration", pl.col("_what"), basis))
    return [f for f in found if f.height]
