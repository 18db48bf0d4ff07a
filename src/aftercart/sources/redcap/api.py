"""A project read live from a REDCap server, through the maintained client; the token never leaves this module."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from aftercart.errors import MissingExtraError, SourceError, UsageError
from aftercart.sources.redcap.fields import read_fields
from aftercart.sources.redcap.files import frame_of, project_of
from aftercart.sources.redcap.project import Project, as_text
from aftercart.study import problems

TOKEN_VARIABLE = "AFTERCART_REDCAP_TOKEN"  # noqa: S105 (the name of a variable, not a token)
RECORDS = "200"
"""Records asked for at a time: large answers make servers run out of memory."""
SECONDS = "120"
LOCAL = ("localhost", "127.0.0.1", "::1")


def read_project(url: str, *, records_per_request: str = RECORDS, timeout: str = SECONDS) -> Project:
    """Read a project from the address of a server's interface (`https://redcap.example.org/api/`).

    records_per_request: records asked for at a time. timeout: seconds to wait for an answer.

    Raises `UsageError` for an address or token that cannot be used, `SourceError` for whatever the server answers that
    is no export. Neither names the token.
    """
    size, seconds = _positive("records_per_request", records_per_request), _positive("timeout", timeout)
    address, token = _address(url), _token()
    client = _client(address, token, seconds)
    ask = _Asker(urlsplit(address).hostname or "the server", token)
    info = ask("the project", client.export_project_info)
    metadata = ask("the data dictionary", client.export_metadata)
    fields = read_fields([{k: as_text(v) for k, v in row.items()} for row in metadata], "data dictionary")
    longitudinal, repeats = _yes(info.get("is_longitudinal")), _yes(info.get("has_repeating_instruments_or_events"))
    events = ask("the events", client.export_events) if longitudinal else []
    arms = ask("the arms", client.export_arms) if longitudinal else []
    forms = ask("the forms of events", client.export_instrument_event_mappings) if longitudinal else []
    repeating = ask("what repeats", client.export_repeating_instruments_events) if repeats else []
    rows = _records(ask, client, next(iter(fields)), math.ceil(size))
    frame, numbers, _ = frame_of(rows)
    if not rows:
        raise ask.refused("the records", "no record")
    return project_of(
        name=str(info.get("project_title") or "REDCap project"),
        fields=fields,
        records=frame.drop(c for c in frame.columns if c.startswith("_") and c != "_row").with_columns(
            _table=pl.lit("records")
        ),
        read={"records": numbers},
        events=events,
        event_forms=forms,
        arms=arms,
        repeating=repeating,
        missing=str(info.get("missing_data_codes") or ""),
        listed=[],
    )


class _Asker:
    """Asks the client and turns whatever goes wrong into an error that names what was asked, never the token."""

    def __init__(self, host: str, token: str) -> None:
        self.host, self._secret = host, token

    def __call__(self, what: str, call: Callable[..., Any], **more: Any) -> Any:
        from requests import RequestException

        # Without its cause: the client keeps the request, and with it the token, in the error.
        try:
            answer = call(format_type="json", **more)
        except RequestException as error:
            found = str(error.args[0]) if error.args else type(error).__name__
            raise self.refused(what, f"{type(error).__name__}: {found}") from None
        except (ValueError, LookupError, AttributeError, TypeError, AssertionError, RecursionError) as error:
            raise self.refused(what, f"{type(error).__name__}: an answer that is no export") from None
        wanted = dict if what == "the project" else list
        if not isinstance(answer, wanted) or (wanted is list and not all(isinstance(row, dict) for row in answer)):
            raise self.refused(what, f"an answer that is no {'object' if wanted is dict else 'list of rows'}")
        return answer

    def refused(self, what: str, found: str) -> SourceError:
        clean = re.sub(re.escape(self._secret), "...", found, flags=re.IGNORECASE)
        clean = re.sub(r"\s+", " ", clean).strip()
        remedy = "check the address, the rights of the token, and whether the server is in maintenance."
        line = problems.one("server", self.host, clean, f"an export of {what}", remedy)
        return SourceError(f"The server {self.host} gave no export of {what}.", line)


def _records(ask: _Asker, client: Any, first: str, size: int) -> list[dict[str, Any]]:
    """All records, some at a time, so that no answer of a large project is too large."""
    named = ask("the names of the records", client.export_records, fields=[first])
    names = list(dict.fromkeys(name for row in named if (name := as_text(row.get(first))) is not None))
    rows: list[dict[str, Any]] = []
    # Labels of events are not unique, and the client asks for them unless told otherwise.
    how = {"event_name": "unique", "raw_or_label": "raw", "export_data_access_groups": True}
    for start in range(0, len(names), size):
        part = names[start : start + size]
        rows += ask("the records", client.export_records, records=part, **how)
    got = {as_text(row.get(first)) for row in rows}
    lost = [n for n in names if n not in got]
    if lost:
        raise ask.refused("the records", f"{len(lost)} of {len(names)} records were not sent")
    return rows


def _client(address: str, token: str, seconds: float) -> Any:
    try:
        import redcap
    except ImportError as error:
        raise MissingExtraError("pycap", "redcap", "reading from a REDCap server") from error
    # A redirect would carry the token to another address, or drop the question.
    project: Any = redcap.Project  # type: ignore[attr-defined]
    return project(address, token, timeout=seconds, allow_redirects=False)


def _token() -> str:
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not re.fullmatch(r"[0-9A-Za-z]{32}", token):
        found = "is not set" if not token else "does not hold the 32 letters and digits of a token"
        raise UsageError(
            f"The environment variable {TOKEN_VARIABLE} {found}.",
            hint="set it for this one command; a token belongs in no file and on no command line.",
        )
    return token


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query or parts.fragment or not parts.hostname:
        raise UsageError(
            "The address is not that of a server's interface.", hint="as in https://redcap.example.org/api/"
        )
    if parts.scheme != "https" and parts.hostname not in LOCAL:
        raise UsageError(
            f"The address of {parts.hostname} is not encrypted: token and records could be read on the way.",
            hint="use its https address.",
        )
    path = parts.path.rstrip("/")
    if not path.endswith("/api"):
        raise UsageError(
            f"The address {url} does not end in /api/.", hint="give the address of the interface (API), not of a page."
        )
    return f"{parts.scheme}://{parts.netloc}{path}/"


def _positive(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise UsageError(f"The option {name} = {text!r} is no number above 0.", hint=f"for example: {name}=60.")
    return value


def _yes(flag: object) -> bool:
    return str(flag).lower() in ("1", "true", "y", "yes")
