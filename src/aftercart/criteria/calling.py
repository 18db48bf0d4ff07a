"""What happens around every criterion: a user's frame in, typed inputs, the rule, and the same kind of frame out."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from math import isnan
from typing import Any

import polars as pl

from aftercart.criteria import registry
from aftercart.criteria.frames import TYPES, explode_rows, like, to_polars, typed
from aftercart.criteria.registry import Criterion, Input
from aftercart.errors import FrameError

RowRule = Callable[[pl.LazyFrame], pl.LazyFrame]
SeriesRule = Callable[[pl.LazyFrame, pl.LazyFrame], pl.LazyFrame]

EXTRA_OUTPUTS = ("clause", "missing", "invalid")


class CriterionFunction:
    """One published criterion as a function on a data frame; `entry` is what the registry knows about it."""

    def __init__(self, rule: Callable[..., pl.LazyFrame]) -> None:
        self.rule = rule
        self.key = rule.__name__
        update_wrapper(self, rule)

    @property
    def entry(self) -> Criterion:
        """The registry entry: inputs, outputs, clauses, citation, source status."""
        return registry.get(self.key)

    def __repr__(self) -> str:
        return f"<criterion {self.key}>"

    def __call__(self, data: Any, /, *, by: str | list[str] | None = None, **given: Any) -> Any:
        """Grade or score a data frame.

        data: polars, pandas or Arrow table with the named input columns (see `entry.inputs`). An absent column
            takes the registry's default; a null is missing.
        by: for series, the column(s) that say which rows belong together (default `subject_id` if present).
        given: an input that is the same for all rows, by name.

        Returns the same kind of frame: for row criteria the frame with the output columns added, for series one
        row per subject. `clause` names the deciding clause, `missing` the inputs whose absence matters, `invalid`
        the values that were refused and why. Raises `FrameError` for a column that cannot be read.
        """
        frame = to_polars(data)
        entry = self.entry
        names = {i.name for i in (*entry.inputs, *entry.row_inputs)}
        unknown = sorted(set(given) - names)
        if unknown:
            raise FrameError(
                f"{self.key} has no input {', '.join(map(repr, unknown))}.",
                hint=f"its inputs are {', '.join(sorted(names))}.",
            )
        frame = frame.with_columns(_literal(name, value) for name, value in given.items())
        result = self._series(frame, by) if entry.kind == "series" else self._rows(frame)
        return like(data, result)

    def decompose(self, data: Any, /, *, by: str | list[str] | None = None, **given: Any) -> Any:
        """Return the parts that make up each result, such as the points of each component of a score.

        Takes what a call takes. Returns the same kind of frame with the parts only, one row per result in the same
        order (for series after the columns that name the subject); for a criterion without parts its outputs. Raises
        `FrameError` as a call does.

        >>> import polars as pl
        >>> from aftercart import criteria
        >>> visit = pl.DataFrame({"items.chewing": [2], "items.swallowing": [1]})
        >>> parts = criteria.mg_adl.decompose(visit, unlisted_items=0)
        >>> parts.select("points.chewing", "points.swallowing", "points.talking").row(0)
        (2.0, 1.0, 0.0)
        """
        frame = to_polars(data)
        result = self(frame, by=by, **given)
        outputs = [o.name for o in self.entry.outputs]
        parts = [o.name for o in self.entry.outputs if o.component] or outputs
        keys = [by] if isinstance(by, str) else by or [c for c in ("subject_id",) if c in frame.columns]
        labels = [c for c in keys if c in result.columns and c not in outputs] if self.entry.kind == "series" else []
        return like(data, result.select(*labels, *parts))

    def _rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        entry = self.entry
        if frame.columns and not {i.name for i in entry.inputs} & set(frame.columns):
            raise FrameError(
                f"The frame has none of the inputs of {self.key}; its columns are {', '.join(frame.columns)}.",
                hint=f"its inputs are {', '.join(i.name for i in entry.inputs)}.",
            )
        inputs, invalid = prepare(frame, entry.inputs)
        outputs = self.outputs(inputs, invalid)
        kept = [c for c in frame.columns if c not in outputs.columns]
        return pl.concat([frame.select(kept), outputs], how="horizontal") if kept else outputs

    def _series(self, frame: pl.DataFrame, by: str | list[str] | None) -> pl.DataFrame:
        entry = self.entry
        assert entry.rows is not None
        if entry.rows in frame.columns:
            nested = frame.with_row_index("_unit")
            scalars, rows = explode_rows(nested, entry.rows, entry.row_inputs)
            units, invalid = prepare(scalars, entry.inputs)
            given = frame[entry.rows].is_not_null()
            labels = frame.drop(entry.rows)
        else:
            units, rows, labels, invalid = self._from_long(frame, by)
            given = pl.Series([True] * units.height, dtype=pl.Boolean)
        rows, refused = validated(rows, entry.row_inputs)
        invalid = with_row_reasons(invalid, pl.Series(range(units.height), dtype=pl.Int64), rows["_unit"], refused)
        units = units.with_row_index("_unit").with_columns(pl.col("_unit").cast(pl.Int64), _given=given)
        outputs = self.series_outputs(units, rows, invalid)
        kept = [c for c in labels.columns if c not in outputs.columns]
        return pl.concat([labels.select(kept), outputs], how="horizontal") if kept else outputs

    def _from_long(
        self, frame: pl.DataFrame, by: str | list[str] | None
    ) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.Series | None]:
        entry = self.entry
        absent = [i.name for i in entry.row_inputs if not i.has_default and i.name not in frame.columns]
        if len(absent) == len([i for i in entry.row_inputs if not i.has_default]):
            raise FrameError(
                f"{self.key} needs a list column {entry.rows!r} or a long frame with {', '.join(absent)}.",
                hint=f"the columns found are {', '.join(frame.columns) or 'none'}.",
            )
        keys = [by] if isinstance(by, str) else by or [c for c in ("subject_id",) if c in frame.columns]
        unknown = [k for k in keys if k not in frame.columns]
        if unknown:
            raise FrameError(f"There is no column {unknown[0]!r} to group by.", hint="name existing columns in `by`.")
        if keys:
            labels = frame.select(keys).unique(maintain_order=True)
            unit = frame.join(
                labels.with_row_index("_unit"), on=keys, how="left", nulls_equal=True, maintain_order="left"
            )
        else:
            labels = pl.DataFrame()
            unit = frame.with_columns(_unit=pl.lit(0, dtype=pl.UInt32))
        scalar_names = [i.name for i in entry.inputs if i.name in frame.columns and i.name not in keys]
        per_unit = unit.group_by("_unit", maintain_order=True).agg(
            *(pl.col(n).first() for n in scalar_names), *(pl.col(n).n_unique().alias(f"{n}__n") for n in scalar_names)
        )
        for name in scalar_names:
            if (per_unit[f"{name}__n"] > 1).any():
                raise FrameError(
                    f"{name!r} changes between the rows of one subject, but it holds for the whole series.",
                    hint=f"give one value of {name} per subject, or pass it as a keyword.",
                )
        scalars = per_unit.sort("_unit").drop([f"{n}__n" for n in scalar_names])
        units, invalid = prepare(scalars, entry.inputs)
        columns = [unit["_unit"].cast(pl.Int64)]
        for spec in entry.row_inputs:
            columns.append(typed(unit, spec, spec.name) if spec.name in unit.columns else _absent(spec, unit.height))
        return units, pl.DataFrame(columns), labels, invalid

    def outputs(self, inputs: pl.DataFrame, invalid: pl.Series | None = None) -> pl.DataFrame:
        """Run the rule on prepared inputs (see `prepare`); outputs, `clause`, `missing` and `invalid` by row."""
        return self._completed(evaluate(self.rule, inputs), inputs, invalid)

    def series_outputs(self, units: pl.DataFrame, rows: pl.DataFrame, invalid: pl.Series | None = None) -> pl.DataFrame:
        """Run a series rule on prepared units (`_unit`, `_given`, inputs) and rows (`_unit`, row inputs)."""
        return self._without_setting(self._completed(evaluate_series(self.rule, units, rows), units, invalid), units)

    def _without_setting(self, found: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
        """A series whose setting (an input with a default) was refused or is explicitly null has no result."""
        settings = [i.name for i in self.entry.inputs if i.has_default and i.default is not None]
        if self.entry.judges_settings or not settings:
            return found
        if not units.select(pl.any_horizontal(pl.col(settings).is_null())).to_series().any():
            return found
        unset = units.select(pl.any_horizontal(pl.col(settings).is_null())).to_series()
        names = [pl.when(units[name].is_null()).then(pl.lit(name)) for name in settings]
        return found.with_columns(
            *(pl.when(~unset).then(pl.col(c)).alias(c) for c in found.columns if c not in ("missing", "invalid")),
            missing=pl.when(unset).then(pl.concat_str(names, separator="; ", ignore_nulls=True)).otherwise("missing"),
        )

    def _completed(self, computed: pl.DataFrame, inputs: pl.DataFrame, invalid: pl.Series | None) -> pl.DataFrame:
        entry = self.entry
        names = [o.name for o in entry.outputs]
        lacking = [n for n in (*names, "clause") if n not in computed.columns]
        if lacking:
            raise AssertionError(f"{self.key} does not compute {lacking}")
        missing = computed["missing"] if "missing" in computed.columns else self._missing(computed, inputs)
        extra = (
            invalid if invalid is not None else pl.Series([None], dtype=pl.String).new_from_index(0, computed.height)
        )
        columns = (computed[name] for name in (*names, "clause"))
        return pl.DataFrame([*columns, missing.alias("missing"), extra.alias("invalid")])

    def _missing(self, computed: pl.DataFrame, inputs: pl.DataFrame) -> pl.Series:
        """Names of the inputs without a value, where the primary result could not be given."""
        names = [i.name for i in self.entry.inputs]
        open_rows = computed[self.entry.primary].is_null()
        if not open_rows.any() or not names:
            return pl.Series([None], dtype=pl.String).new_from_index(0, computed.height)
        return inputs.select(
            pl.when(open_rows).then(
                pl.concat_str(
                    [pl.when(pl.col(n).is_null()).then(pl.lit(n)) for n in names], separator="; ", ignore_nulls=True
                ).replace("", None)
            )
        ).to_series()


def criterion(rule: Callable[..., pl.LazyFrame]) -> CriterionFunction:
    """Make a rule on typed columns into the public function of the criterion of that name."""
    return CriterionFunction(rule)


def evaluate(rule: RowRule, inputs: pl.DataFrame) -> pl.DataFrame:
    """Run a row rule on prepared inputs; the order of rows is kept.

    Very many rows are worked through in pieces that stay in the processor's cache, a quarter of the time for
    a short rule; below that the plain engine is faster, as it starts sooner (for a long rule by a third of a second).
    """
    return rule(inputs.lazy()).collect(engine="streaming" if inputs.height >= MANY_ROWS else "in-memory")


MANY_ROWS = 200_000


def evaluate_series(rule: SeriesRule, units: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Run a series rule on prepared units and rows; one result row per unit, in the order of `units`."""
    computed = rule(units.lazy(), rows.lazy()).collect(engine="in-memory")
    return units.select("_unit").join(computed, on="_unit", how="left", maintain_order="left")


def prepare(frame: pl.DataFrame, specs: tuple[Input, ...]) -> tuple[pl.DataFrame, pl.Series | None]:
    """Type every declared input, fill absent columns, refuse values outside their limits (null, with the reason)."""
    height = frame.height
    columns: list[pl.Series] = []
    for spec in specs:
        if spec.name in frame.columns:
            columns.append(typed(frame, spec, spec.name))
        elif spec.unlisted_by and spec.unlisted_by in frame.columns:
            columns.append(_unlisted(frame, spec))
        else:
            columns.append(_absent(spec, height))
    if not columns:
        return pl.DataFrame({"_none": [None] * height}), None
    return validated(pl.DataFrame(columns), specs)


def validated(frame: pl.DataFrame, specs: tuple[Input, ...]) -> tuple[pl.DataFrame, pl.Series | None]:
    """Null every value outside its limits or allowed set, and say by row what was refused and what was expected."""
    bad: dict[str, pl.Expr] = {}
    for spec in specs:
        column = pl.col(spec.name)
        checks: list[pl.Expr] = []
        if spec.minimum is not None:
            checks.append(column < spec.minimum)
        if spec.maximum is not None:
            # NaN, which only a default can be, marks what was not listed; polars takes it as larger than any number.
            over = column > spec.maximum
            checks.append(over & column.is_not_nan() if _is_nan(spec.default) else over)
        if spec.allowed and spec.type in ("str", "float", "int"):
            checks.append(
                ~column.is_in([float(a) for a in spec.allowed] if spec.type == "float" else list(spec.allowed))
            )
        if checks:
            bad[spec.name] = pl.any_horizontal(checks).fill_null(value=False)
    bad |= {s.name: _bad_rows(s) for s in specs if s.type == "rows" and any(_limited(f) for f in s.fields)}
    if not bad:
        return frame, None
    flags = frame.select(**bad)
    hit = [name for name in bad if flags[name].any()]
    if not hit:
        return frame, None
    reasons = []
    for spec in specs:
        if spec.name in hit:
            text = _reason(spec)
            reasons.append(pl.when(flags[spec.name]).then(text))
    reason = frame.select(pl.concat_str(reasons, separator="; ", ignore_nulls=True).replace("", None)).to_series()
    cleaned = frame.with_columns(pl.when(~flags[name]).then(pl.col(name)).alias(name) for name in hit)
    return cleaned, reason


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and isnan(value)


def _limited(spec: Input) -> bool:
    return spec.minimum is not None or spec.maximum is not None


def _bad_rows(spec: Input) -> pl.Expr:
    """Whether any row of a nested list has a number outside the limits of its field."""

    def outside(field: Input) -> pl.Expr:
        value = pl.element().struct.field(field.name)
        low = value < field.minimum if field.minimum is not None else pl.lit(value=False)
        high = value > field.maximum if field.maximum is not None else pl.lit(value=False)
        return pl.col(spec.name).list.eval((low | high).fill_null(value=False)).list.any()

    return pl.any_horizontal(outside(f) for f in spec.fields if _limited(f)).fill_null(value=False)


def _reason(spec: Input) -> pl.Expr:
    if spec.type == "rows":
        limits = ", ".join(f"{f.name} {_range_text(f)}" for f in spec.fields if _limited(f))
        return pl.lit(f"{spec.name}: a row outside its limits, expected {limits}")
    expected = f"one of {', '.join(map(str, spec.allowed))}" if spec.allowed else _range_text(spec)
    return pl.concat_str(
        pl.lit(f"{spec.name}: found "), pl.col(spec.name).cast(pl.String), pl.lit(f", expected {expected}")
    )


def with_row_reasons(
    invalid: pl.Series | None, units: pl.Series, row_units: pl.Series, refused: pl.Series | None
) -> pl.Series | None:
    """Add what was refused in the rows of a series to what was refused in the unit's own inputs."""
    if refused is None:
        return invalid
    by_unit = (
        pl.DataFrame({"unit": row_units, "reason": refused})
        .drop_nulls("reason")
        .group_by("unit", maintain_order=True)
        .agg(pl.col("reason").unique(maintain_order=True).str.join("; "))
    )
    own = invalid if invalid is not None else pl.Series([None] * len(units), dtype=pl.String)
    joined = pl.DataFrame({"unit": units, "own": own}).join(by_unit, on="unit", how="left", maintain_order="left")
    text = pl.concat_str("own", "reason", separator="; ", ignore_nulls=True).replace("", None)
    return joined.select(text).to_series()


def _range_text(spec: Input) -> str:
    if spec.minimum is None:
        return f"at most {spec.maximum:.12g}"
    if spec.maximum is None:
        return f"at least {spec.minimum:.12g}"
    return f"{spec.minimum:.12g} to {spec.maximum:.12g}"


def _absent(spec: Input, height: int) -> pl.Series:
    if spec.type == "rows":
        dtype: Any = pl.List(pl.Struct({f.name: TYPES[f.type] for f in spec.fields}))
    else:
        dtype = TYPES[spec.type]
    value = spec.default if spec.has_default else None
    return pl.Series(spec.name, [value], dtype=dtype).new_from_index(0, height)


def _unlisted(frame: pl.DataFrame, spec: Input) -> pl.Series:
    assert spec.unlisted_by is not None
    says = frame[spec.unlisted_by]
    if says.dtype == pl.String:
        value: Any = False if spec.type == "bool" else 0
        return pl.Series(spec.name, [value if v == "absent" else None for v in says], dtype=TYPES[spec.type])
    return says.cast(TYPES[spec.type]).alias(spec.name)


def _literal(name: str, value: Any) -> pl.Expr:
    if isinstance(value, list):
        return pl.lit(pl.Series([value])).first().alias(name)
    return pl.lit(value).alias(name)
