"""The bibliography of the criteria: what the registry cites, as BibTeX and CSL-JSON with keys that stay the same.

Citations of the registry are sentences. One of the form `Authors. Title. Journal Year;Volume:Pages.` is taken apart;
any other keeps its sentence whole, so that nothing is guessed.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from aftercart.criteria import registry
from aftercart.criteria.registry import Citation

OTHERS = "others"
"""Stands for `et al.`, in BibTeX as in CSL."""

HOUSE = "House "
"""How the registry begins what is a rule of its own."""

_ARTICLE = re.compile(
    r"(?P<authors>.+?)\. (?P<title>.+?)\. (?P<journal>[A-Z][A-Za-z ]+?) (?P<year>\d{4})"
    r"(?:;(?P<volume>\d+)(?:\((?P<issue>\w+)\))?:(?P<pages>[\w.]+(?:-[\w.]+?)?))?\."
)
_NAME = re.compile(
    r"(?P<family>(?:(?:van|von|de|der|den|da|di) )*[A-Z][\w'\u2019-]+(?: [A-Z][\w'\u2019-]+)?) (?P<given>[A-Z]{1,3})"
)


@dataclass(frozen=True)
class Author:
    """A person: family name and initials."""

    family: str
    given: str


@dataclass(frozen=True)
class Reference:
    """One entry of the bibliography; `journal` is None for a sentence that was not taken apart."""

    key: str
    text: str
    """The citation as the registry holds it."""
    doi: str | None
    criteria: tuple[str, ...]
    """Keys of the criteria that cite it."""
    authors: tuple[Author, ...] = ()
    et_al: bool = False
    title: str = ""
    journal: str | None = None
    year: int | None = None
    volume: str | None = None
    issue: str | None = None
    pages: str | None = None

    @property
    def line(self) -> str:
        """The reference as one line of a list."""
        return f"{self.text}{f' doi:{self.doi}' if self.doi else ''}"


def taken_apart(text: str) -> dict[str, Any]:
    """The parts of a citation of an article, or nothing when it is not of that form."""
    found = _ARTICLE.fullmatch(text)
    if found is None:
        return {}
    parts = found.groupdict()
    given, et_al = re.subn(r",? et al$", "", parts.pop("authors"))
    names = [_NAME.fullmatch(name) for name in given.split(", ")]
    if not all(names):
        return {}
    authors = tuple(Author(n["family"], n["given"]) for n in names if n is not None)
    return {**parts, "year": int(parts["year"]), "authors": authors, "et_al": bool(et_al)}


@cache
def all_references() -> tuple[Reference, ...]:
    """Every reference of the registry once, by key: those with the same DOI are one, in the words that say most."""
    cited: dict[str, list[tuple[Citation, str]]] = {}
    for entry in registry.all_criteria():
        for citation in entry.citations:
            if citation.text.startswith(HOUSE) and citation.doi is None:
                continue  # no publication
            cited.setdefault((citation.doi or citation.text).lower(), []).append((citation, entry.key))
    made = [_reference(group) for _, group in sorted(cited.items())]
    stems = [_stem(r) for r in made]
    seen: dict[str, int] = {}
    found = []
    for reference, stem in zip(made, stems, strict=True):
        seen[stem] = seen.get(stem, 0) + 1
        several = stems.count(stem) > 1
        found.append(Reference(**{**reference.__dict__, "key": f"{stem}{chr(96 + seen[stem])}" if several else stem}))
    return tuple(sorted(found, key=lambda r: r.key))


def _reference(group: list[tuple[Citation, str]]) -> Reference:
    def says(citation: Citation) -> tuple[bool, int, str]:
        return bool(taken_apart(citation.text)), len(citation.text), citation.text

    best = max((citation for citation, _ in group), key=says)
    criteria = tuple(sorted({key for _, key in group}))
    return Reference("", best.text, best.doi, criteria, **taken_apart(best.text))


def _stem(reference: Reference) -> str:
    """The key of a reference but for a letter: first author, year and first telling word; else its first words."""
    if reference.authors:
        words = [w for w in _words(reference.title) if len(w) > 3 and w[0].isalpha()]
        return f"{''.join(_words(reference.authors[0].family))}{reference.year}{words[0]}"
    words = [w for w in _words(reference.text) if len(w) > 1 and w[0].isalpha() and w not in ("et", "al")]
    year = re.search(r"\b(?:19|20)\d\d\b", reference.text)
    return "".join(words[:3]) + (year.group() if year else "")


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.findall(r"[a-z0-9]+", plain)


def of_criteria(keys: Iterable[str]) -> tuple[Reference, ...]:
    """The references of some criteria, by key of the reference."""
    wanted = set(keys)
    return tuple(r for r in all_references() if wanted & set(r.criteria))


def bibtex(references: Iterable[Reference]) -> str:
    """The references as a BibTeX file (UTF-8)."""
    return "\n".join(_bibtex(r) for r in references)


def _bibtex(r: Reference) -> str:
    names = [f"{_escaped(a.family)}, {' '.join(f'{letter}.' for letter in a.given)}" for a in r.authors]
    fields = {
        "author": " and ".join([*names, *([OTHERS] if r.et_al else [])]),
        "title": f"{{{_escaped(r.title or r.text.rstrip('.'))}}}",
        "journal": _escaped(r.journal or ""),
        "year": str(r.year or ""),
        "volume": _escaped(r.volume or ""),
        "number": _escaped(r.issue or ""),
        "pages": _escaped(r.pages or "").replace("-", "--"),
        "doi": r.doi or "",
        "note": _escaped(f"Cited for {', '.join(r.criteria)}"),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{'article' if r.journal else 'misc'}{{{r.key},", *lines, "}", ""])


_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
}


def _escaped(text: str) -> str:
    """A text as BibTeX takes it, with every character that means something there written out."""
    return "".join(_SPECIAL.get(c, c) for c in text)


def csl(references: Iterable[Reference]) -> list[dict[str, Any]]:
    """The references as CSL-JSON items."""
    return [_csl(r) for r in references]


def csl_json(references: Iterable[Reference]) -> str:
    """The references as a CSL-JSON file."""
    return json.dumps(csl(references), indent=2, ensure_ascii=False) + "\n"


def _csl(r: Reference) -> dict[str, Any]:
    authors: list[Mapping[str, str]] = [{"family": a.family, "given": a.given} for a in r.authors]
    item: dict[str, Any] = {
        "id": r.key,
        "type": "article-journal" if r.journal else "document",
        "title": r.title or r.text.rstrip("."),
        "author": [*authors, *([{"literal": OTHERS}] if r.et_al else [])],
        "container-title": r.journal,
        "issued": {"date-parts": [[r.year]]} if r.year else None,
        "volume": r.volume,
        "issue": r.issue,
        "page": r.pages,
        "DOI": r.doi,
        "note": f"Cited for {', '.join(r.criteria)}",
    }
    return {name: value for name, value in item.items() if value}
