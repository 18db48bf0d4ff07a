"""From concepts and source values to the dictionary: codes, units, comparators, medicines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from aftercart.sources.mapping import SourceMapping
from aftercart.standards import omop
from aftercart.standards.vocabulary import Vocabulary
from aftercart.study import dictionary, drugs

NUMBER = r"^\s*([<>]=?)?\s*([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*$"
"""A result as a number, with a sign where only a limit was reported."""


@dataclass(frozen=True)
class Concepts:
    """What concepts mean: by the mapping, by the vocabularies of the user, by the shipped map, by the source value."""

    mapping: SourceMapping
    vocabulary: Vocabulary

    @cached_property
    def names(self) -> dict[int, str]:
        """Concept to its name."""
        return self.vocabulary.names()

    @cached_property
    def codes(self) -> dict[int, str]:
        """Concept to the code of the dictionary; a LOINC code of the vocabularies goes before the shipped map."""
        by_loinc = {x: n for n, c in dictionary.codes().items() for x in (c.loinc, *c.loinc_alternatives) if x}
        coded = {c: by_loinc[code] for c, code in self.vocabulary.coded("LOINC").items() if code in by_loinc}
        return {**omop.codes_by_concept(), **coded}

    @cached_property
    def units(self) -> dict[int, str]:
        """Concept to its UCUM unit."""
        return {**omop.units_by_concept(), **self.vocabulary.coded("UCUM")}

    @cached_property
    def ingredients(self) -> dict[int, str]:
        """Concept of a medicine to its ingredient."""
        by_rxnorm = {d.rxnorm: d.name for d in drugs.drugs().values() if d.rxnorm}
        by_atc: dict[str, list[str]] = {}
        for drug in drugs.drugs().values():
            if drug.atc:
                by_atc.setdefault(drug.atc, []).append(drug.name)
        atc = {c: by_atc[a][0] for c, a in self.vocabulary.coded("ATC").items() if len(by_atc.get(a, ())) == 1}
        rxnorm = {c: by_rxnorm[r] for c, r in self.vocabulary.coded("RxNorm").items() if r in by_rxnorm}
        return {**atc, **rxnorm}

    def named(self, concept: pl.Expr) -> pl.Expr:
        """The name of a concept; null where no vocabulary says it."""
        return concept.replace_strict(self.names, default=None, return_dtype=pl.String)

    def code(self, *concepts: str, source: str) -> pl.Expr:
        """The code of the dictionary; where none is found the source value, or what the concept is called.

        concepts: names of columns of concepts, the standard one first. source: name of the column of source values.
        """
        known = {x: n for n, c in dictionary.codes().items() for x in (c.loinc, *c.loinc_alternatives) if x}
        plain = {**known, **{n: n for n in dictionary.codes()}}
        targets = {k: t.code for k, t in self.mapping.codes.items()}
        value = pl.col(source)
        return pl.coalesce(
            *(_looked_up(pl.col(c).cast(pl.String), targets) for c in concepts),
            _looked_up(value, targets),
            *(pl.col(c).replace_strict(self.codes, default=None, return_dtype=pl.String) for c in concepts),
            _looked_up(value, plain),
            value,
            *(self.named(pl.col(c)) for c in concepts),
            pl.format("concept {}", pl.col(concepts[0])),
            pl.lit("no concept and no source value"),
        )

    def stated_unit(self, *concepts: str, source: str) -> pl.Expr:
        """The unit that the mapping states for a code whose source states none."""
        units = {k: t.unit for k, t in self.mapping.codes.items() if t.unit is not None}
        return pl.coalesce(
            *(_looked_up(pl.col(c).cast(pl.String), units) for c in concepts), _looked_up(pl.col(source), units)
        )

    def left_out(self, *concepts: str, source: str) -> pl.Expr:
        """Whether the mapping leaves a row out on purpose."""
        chosen = list(self.mapping.left_out)
        either = pl.any_horizontal(pl.col(c).cast(pl.String).is_in(chosen) for c in concepts)
        return (either | pl.col(source).is_in(chosen)).fill_null(value=False)

    def ingredient(self, concept: pl.Expr, source: pl.Expr) -> pl.Expr:
        """The ingredient of a medicine, by mapping, vocabularies or the words of its name; else its name as it is."""
        targets = {k.strip().lower(): v for k, v in self.mapping.drugs.items()}
        name = pl.coalesce(self.named(concept), source)
        return pl.coalesce(
            _looked_up(source.str.to_lowercase(), targets),
            _looked_up(concept.cast(pl.String), targets),
            concept.replace_strict(self.ingredients, default=None, return_dtype=pl.String),
            in_words(name),
            in_words(source),
            name.str.to_lowercase(),
            pl.format("concept {}", concept),
        )


def _looked_up(text: pl.Expr, known: dict[str, str]) -> pl.Expr:
    return text.replace_strict(known, default=None, return_dtype=pl.String)


def in_words(name: pl.Expr) -> pl.Expr:
    """The only ingredient of the dictionary that a name mentions; null where it mentions none or several."""
    spellings = sorted({a for d in drugs.drugs().values() for a in (d.name, *d.aliases) if len(a) > 3}, key=len)
    words = "|".join(re.escape(s) for s in reversed(spellings))
    found = name.str.to_lowercase().str.extract_all(rf"\b(?:{words})\b")
    one = drugs.ingredient_expr(found.list.first())
    same = found.list.eval(drugs.ingredient_expr(pl.element())).list.n_unique() == 1
    # A slash or a plus between names says that the product holds more than the dictionary may know.
    combined = name.str.contains(r"\s[/+]\s")
    return pl.when(same & ~combined).then(one)


def whole(concept: str) -> pl.Expr:
    """A column of identifiers as whole numbers; `12.0` is 12, and 0 (no matching concept) stays 0."""
    return pl.col(concept).str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
