"""The list of criteria: one TOML file per criterion beside its module, read without importing anything heavy."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any, Literal

import tomli

from aftercart.errors import UsageError

if TYPE_CHECKING:
    from aftercart.criteria.calling import CriterionFunction

GROUPS = ("safety", "lupus", "myositis", "scleroderma", "arthritis", "neurology", "treatment")

Kind = Literal["row", "series"]
Per = Literal["observation", "event", "day", "visit", "visit_pair", "subject", "unbound"]
SOURCE_STATUS = ("verified", "secondary", "partly verified", "from memory", "house rule")


@dataclass(frozen=True)
class Input:
    """One named input column: its type, unit, admissible values, default and where a study holds it."""

    name: str
    type: str
    description: str
    unit: str | None = None
    allowed: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    default: Any = None
    has_default: bool = False
    fields: tuple[Input, ...] = ()
    """For type `rows`: the columns of each row in a nested list."""
    bindings: tuple[Mapping[str, Any], ...] = ()
    """Where a study holds the value, in order of preference (see `aftercart.assessment`)."""
    unlisted_by: str | None = None
    """The input that says what an absent column of this name means (H2: unlisted is missing unless stated)."""
    anchor: bool = False
    """True when a value of this input is what makes a day or visit worth assessing."""


@dataclass(frozen=True)
class Output:
    """One named output column with its type and, where it has them, its levels."""

    name: str
    type: str
    description: str
    unit: str | None = None
    levels: tuple[Any, ...] = ()
    component: bool = False
    """True for the parts that decided the result (kept so that "why" needs no second computation)."""
    inputs: tuple[str, ...] = ()
    """The inputs this output rests on, where it does not rest on all of them."""


@dataclass(frozen=True)
class Clause:
    """One rule of the published text in our own words; results name the clause that decided them."""

    id: str
    text: str


@dataclass(frozen=True)
class Citation:
    """A reference for the rule, with its DOI where one exists."""

    text: str
    doi: str | None = None


@dataclass(frozen=True)
class Criterion:
    """Everything known about one published criterion, except the code of its rule."""

    key: str
    title: str
    group: str
    kind: Kind
    per: Per
    version: str
    measures: str
    primary: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    clauses: tuple[Clause, ...]
    citations: tuple[Citation, ...]
    source_status: str
    source_note: str
    missing_policy: str
    conventions: tuple[str, ...]
    rows: str | None = None
    """For `series`: the name of the nested list, and `row_inputs` its columns."""
    row_inputs: tuple[Input, ...] = ()
    bounds: tuple[str, str] | None = None
    indications: tuple[str, ...] = ()
    """The indications it applies to in a study; empty means all."""
    window: tuple[int, int] | None = None
    """For `per = day`: first and last day after infusion that are assessed."""
    variants: tuple[Mapping[str, Any], ...] = ()
    """The ways it is run on a study: name, `label`, fixed inputs (`set`), other bindings (`bind`), `anchor`,
    `indications`."""
    unbound_reason: str | None = None
    judges_settings: bool = False
    """For `series`: the rule itself says what a missing setting leaves open; otherwise nothing is given without it."""
    disagreements: tuple[str, ...] = ()
    wrong_elsewhere: tuple[str, ...] = ()
    rules: Mapping[str, Any] = field(default_factory=dict)
    """Published thresholds and weights, as data."""

    @property
    def function(self) -> CriterionFunction:
        """The callable of this criterion, imported on first use."""
        module = importlib.import_module(f"aftercart.criteria.{self.group}.{self.key}")
        found: CriterionFunction = getattr(module, self.key)
        return found

    def clause(self, clause_id: str) -> Clause:
        """Return the clause of that id; raises `KeyError` for an id the registry does not hold."""
        return next(c for c in self.clauses if c.id == clause_id)

    def variant(self, name: str | None) -> str:
        """Say a way of running it in words, from its name in the data; empty for none."""
        named = {v["name"]: v["label"] for v in self.variants if "label" in v}
        return named.get(name, name.replace("_", " ")) if name else ""

    def titled(self, variant: str | None) -> str:
        """The title, with the way of running it behind it in parentheses if there is one."""
        return f"{self.title} ({said})" if (said := self.variant(variant)) else self.title


def _input(raw: Mapping[str, Any]) -> Input:
    source = raw.get("from", ())
    bindings = tuple(source) if isinstance(source, list) else (source,) if source else ()
    return Input(
        name=raw["name"],
        type=raw["type"],
        description=raw["description"],
        unit=raw.get("unit"),
        allowed=tuple(raw.get("allowed", ())),
        minimum=raw.get("minimum"),
        maximum=raw.get("maximum"),
        default=raw.get("default"),
        has_default="default" in raw,
        fields=tuple(_input(f) for f in raw.get("fields", ())),
        bindings=bindings,
        unlisted_by=raw.get("unlisted_by"),
        anchor=raw.get("anchor", False),
    )


def _output(raw: Mapping[str, Any]) -> Output:
    return Output(
        name=raw["name"],
        type=raw["type"],
        description=raw["description"],
        unit=raw.get("unit"),
        levels=tuple(raw.get("levels", ())),
        component=raw.get("component", False),
        inputs=tuple(raw.get("inputs", ())),
    )


def parse(raw: Mapping[str, Any], *, key: str, group: str) -> Criterion:
    """Build a `Criterion` from one parsed TOML file; raises `KeyError` naming a field that is absent."""
    bounds = raw.get("bounds")
    window = raw.get("window")
    return Criterion(
        key=key,
        title=raw["title"],
        group=group,
        kind=raw["kind"],
        per=raw["per"],
        version=raw["version"],
        measures=raw["measures"],
        primary=raw["primary"],
        inputs=tuple(_input(i) for i in raw.get("inputs", ())),
        outputs=tuple(_output(o) for o in raw["outputs"]),
        clauses=tuple(Clause(c["id"], c["text"]) for c in raw["clauses"]),
        citations=tuple(Citation(c["text"], c.get("doi")) for c in raw["citations"]),
        source_status=raw["source"]["status"],
        source_note=raw["source"]["note"],
        missing_policy=raw["missing_policy"],
        conventions=tuple(raw.get("conventions", ())),
        rows=raw.get("rows"),
        row_inputs=tuple(_input(i) for i in raw.get("row_inputs", ())),
        bounds=(bounds[0], bounds[1]) if bounds else None,
        indications=tuple(raw.get("indications", ())),
        window=(window[0], window[1]) if window else None,
        variants=tuple(raw.get("variants", ())),
        unbound_reason=raw.get("unbound_reason"),
        judges_settings=raw.get("judges_settings", False),
        disagreements=tuple(raw.get("disagreements", ())),
        wrong_elsewhere=tuple(raw.get("wrong_elsewhere", ())),
        rules=raw.get("rules", {}),
    )


def _files() -> Iterator[tuple[str, str, Traversable]]:
    root = files("aftercart.criteria")
    for group in GROUPS:
        folder = root / group
        if folder.is_dir():
            for entry in sorted(folder.iterdir(), key=lambda e: e.name):
                if entry.name.endswith(".toml"):
                    yield group, entry.name.removesuffix(".toml"), entry


@cache
def _paths() -> dict[str, tuple[str, Traversable]]:
    return {key: (group, path) for group, key, path in _files()}


def names() -> tuple[str, ...]:
    """Return the keys of all criteria, by group and then by name."""
    return tuple(_paths())


@cache
def get(key: str) -> Criterion:
    """Return the registry entry of one criterion.

    Raises `UsageError` for an unknown key, naming the nearest ones.
    """
    if key not in _paths():
        import difflib

        near = difflib.get_close_matches(key, names(), n=3)
        raise UsageError(
            f"There is no criterion {key!r}.",
            hint=f"did you mean {', '.join(near)}?" if near else "`aftercart criteria` lists them all.",
        )
    group, path = _paths()[key]
    return parse(tomli.loads(path.read_text("utf-8")), key=key, group=group)


def all_criteria() -> tuple[Criterion, ...]:
    """Return every registry entry, in the order of `names()`."""
    return tuple(get(key) for key in names())
