"""The files of a FHIR source, resource by resource: bundles, bulk NDJSON and single resources, also compressed.

No file is held whole: NDJSON goes line by line, a Bundle entry by entry. A file that is not whole JSON is refused.
"""

from __future__ import annotations

import codecs
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from aftercart.errors import SourceError, UsageError
from aftercart.study import problems

SUFFIXES = (".json", ".ndjson", ".jsonl")
NO_RESOURCES = ("log.ndjson", "manifest.json")
"""Files that a bulk export writes beside the resources."""
LONGEST = 64 * 2**20
"""A line or an entry longer than this many characters is no resource; it stops what unpacks without end."""
BLOCK = 2**20
MOST_SHOWN = 20
BUNDLES = ("transaction", "batch", "collection", "searchset", "document", "message")
_SPACE = re.compile(r"[ \t\r\n]*")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Found(NamedTuple):
    """What stands at one place of a file: a resource, or what is odd there (`note`)."""

    value: Any
    url: str | None = None
    """The fullUrl of its entry."""
    note: str | None = None


class NotWholeError(Exception):
    """JSON that cannot be read further."""


def files_of(src: str | Path) -> list[Path]:
    """The files of a folder by name, or the one file; raises `UsageError` or `SourceError` where there is none."""
    path = Path(src)
    if not path.exists():
        raise UsageError(f"There is no folder or file {path}.", hint="give the folder that holds the resources.")
    found = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    chosen = [p for p in found if _plain(p).suffix.lower() in SUFFIXES and not p.name.startswith(".")]
    if not [p for p in chosen if p.name not in NO_RESOURCES]:
        listed = problems.one("no_files", path.name, "no file", f"files {', '.join(SUFFIXES)}", "check the folder.")
        raise SourceError(f"{path} holds no FHIR resource.", listed)
    return chosen


def _is_packed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _plain(path: Path) -> Path:
    return path.with_suffix("") if _is_packed(path) else path


def read(path: Path) -> Iterator[Found]:
    """Every resource of a file in its order.

    Raises `SourceError` for a file that is cut, not UTF-8, or holds what is not JSON: nothing of such a file is used.
    """
    kind = _plain(path).suffix.lower()
    try:
        with path.open("rb") as raw, gzip.GzipFile(fileobj=raw) if _is_packed(path) else nullcontext(raw) as stream:
            plain = cast("IO[bytes]", stream)
            yield from _documents(plain) if kind == ".json" else _lines(plain, path.name)
    except (NotWholeError, UnicodeDecodeError, EOFError, zlib.error, OSError) as error:
        raise _refused(path.name, [(None, str(error))]) from error
    except RecursionError as error:
        raise _refused(path.name, [(None, "objects within objects without end")]) from error


def _refused(name: str, found: list[tuple[int | None, str]]) -> SourceError:
    listed = problems.gather(
        problems.one("unreadable", name, text, "whole JSON in UTF-8", "export the file again.", row=row)
        for row, text in found
    )
    return SourceError(f"{name} cannot be read: {found[0][1]}.", listed)


def _no_number(text: str) -> Any:
    raise NotWholeError(f"{text} is no number of JSON")


_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_no_number)


def _lines(stream: IO[bytes], name: str) -> Iterator[Found]:
    """A resource a line; every line that is not JSON is named before the file is refused."""
    wrong: list[tuple[int | None, str]] = []
    decode = _DECODER.decode
    number = 0
    while line := stream.readline(LONGEST):
        number += 1
        if len(line) >= LONGEST:
            raise NotWholeError(f"line {number} is longer than {LONGEST} bytes")
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        if not text:
            continue
        try:
            value = decode(text)
        except (json.JSONDecodeError, RecursionError, NotWholeError) as error:
            what = "objects within objects without end" if isinstance(error, RecursionError) else str(error)
            wrong.append((number, f"line {number}: {what}"))
            if len(wrong) >= MOST_SHOWN:
                break
            continue
        if not wrong:
            yield from _resource(_whole_text(value) if "\\u" in text else value, None)
    if wrong:
        raise _refused(name, wrong)


def _resource(value: Any, url: str | None) -> Iterator[Found]:
    """A resource, or those of a Bundle that stands in the place of one."""
    waiting: list[tuple[Any, str | None]] = [(value, url)]
    while waiting:
        value, url = waiting.pop()
        if type(value) is not dict:
            yield Found(None, note="no object in place of a resource")
        elif value.get("resourceType") == "Bundle" and type(value.get("entry")) is list:
            _check_bundle(value)
            yield from _more_pages(value)
            for entry in reversed(value["entry"]):
                inner, note = _entry(entry)
                if note is not None:
                    yield Found(None, note=note)
                else:
                    waiting.append(inner)
        else:
            yield Found(value, url)


def _entry(entry: Any) -> tuple[tuple[Any, str | None], str | None]:
    """Resource and fullUrl of an entry, or why it has none."""
    if type(entry) is not dict:
        return (None, None), "no object in place of an entry"
    resource, url = entry.get("resource"), entry.get("fullUrl")
    if type(resource) is not dict:
        request = entry.get("request")
        method = request.get("method") if type(request) is dict else None
        return (None, None), f"an entry without a resource ({method or 'no request'})"
    return (resource, url if type(url) is str else None), None


def _check_bundle(bundle: dict[str, Any]) -> None:
    kind = bundle.get("type")
    if kind is not None and kind not in BUNDLES:
        raise NotWholeError(f"a Bundle of type {kind}, expected {', '.join(BUNDLES)}")


def _more_pages(bundle: dict[str, Any]) -> Iterator[Found]:
    links = bundle.get("link")
    for link in links if type(links) is list else ():
        if type(link) is dict and link.get("relation") == "next":
            yield Found(None, note="a searchset with more pages")


def _documents(stream: IO[bytes]) -> Iterator[Found]:
    """Resources of a JSON document, or of several one after the other; the entries of a Bundle one by one."""
    text = _Text(stream)
    while text.peek():
        if text.peek() != "{":
            yield from _resource(text.value(), None)
            continue
        head: dict[str, Any] = {}
        streamed = False
        for key in text.members():
            is_bundle = head.get("resourceType", "Bundle") == "Bundle"
            if key == "entry" and is_bundle and text.peek() == "[":
                streamed = True
                for entry in text.elements():
                    inner, note = _entry(entry)
                    yield from [Found(None, note=note)] if note is not None else _resource(*inner)
            else:
                head[key] = text.value()
        if not streamed:
            yield from _resource(head, None)
        elif head.get("resourceType") != "Bundle":
            raise NotWholeError(f"entries of a resource {head.get('resourceType')}, expected a Bundle")
        else:
            _check_bundle(head)
            yield from _more_pages(head)


class _Text:
    """JSON read from a stream value by value."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._over = False

    def _more(self) -> bool:
        """Read on; False at the end of the stream."""
        if self._over:
            return False
        kept = self._text[self._at :]
        if len(kept) > LONGEST:
            raise NotWholeError(f"an element longer than {LONGEST} characters")
        read = self._stream.read(max(BLOCK, len(kept)))
        self._over = not read
        self._text, self._at = kept + self._decoder.decode(read, final=self._over), 0
        return not self._over

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _take(self, *signs: str) -> str:
        found = self.peek()
        if found not in signs or not found:
            raise NotWholeError(f"{found!r} in place of {' or '.join(signs)}" if found else "the file ends too early")
        self._at += 1
        return found

    def value(self) -> Any:
        """The value that begins here."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._more():
                    continue
                raise NotWholeError(error.msg) from error
            if end == len(self._text) and self._more():
                continue  # A number may go on in the next block.
            has_escape = self._text.find("\\u", self._at, end) >= 0
            self._at = end
            return _whole_text(value) if has_escape else value

    def members(self) -> Iterator[str]:
        """The names of the members of an object; the caller takes each value before the next."""
        self._take("{")
        if self.peek() == "}":
            self._take("}")
            return
        while True:
            name = self.value()
            if type(name) is not str:
                raise NotWholeError("a member without a name")
            self._take(":")
            yield name
            if self._take(",", "}") == "}":
                return

    def elements(self) -> Iterator[Any]:
        """The elements of a list."""
        self._take("[")
        if self.peek() == "]":
            self._take("]")
            return
        while True:
            yield self.value()
            if self._take(",", "]") == "]":
                return


def _whole_text(value: Any) -> Any:
    """The value with halves of characters (a lone surrogate, as in a cut emoji) replaced: they are no text."""
    if type(value) is str:
        return _SURROGATE.sub("\ufffd", value)
    if type(value) is list:
        return [_whole_text(x) for x in value]
    if type(value) is dict:
        return {_whole_text(k): _whole_text(v) for k, v in value.items()}
    return value
