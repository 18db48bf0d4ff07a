"""A project read from a server on this machine that answers as REDCap does; the token is nowhere in what is written."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import redcap as client
from click.testing import CliRunner
from test_redcap_import import LABS, MAP, PEOPLE, dictionary

from aftercart.cli import main
from aftercart.errors import SourceError, UsageError
from aftercart.sources import redcap
from aftercart.sources.mapping import mapping_of

TOKEN = "0123456789ABCDEF0123456789ABCDEF"
MAPPING = mapping_of({"redcap": {"rows": [PEOPLE, LABS]}}, "redcap")
EVENT = "redcap_event_name"
RECORDS = [
    {
        "record_id": str(i),
        EVENT: "day_0_arm_1",
        "sex": "1",
        "lab_date": "2022-03-01",
        "anc": "1,5",
        "person_complete": "2",
    }
    for i in range(1, 8)
]
BOXES = ["signs___1", "signs____99", "signs___b"]
ANSWERS: dict[str, Any] = {
    "project": {
        "project_id": 1,
        "project_title": "Castle",
        "is_longitudinal": 1,
        "has_repeating_instruments_or_events": 1,
    }
    | {"missing_data_codes": "NI, no information"},
    "metadata": dictionary(long=False),
    "event": [{"event_name": "Day 0", "arm_num": 1, "unique_event_name": "day_0_arm_1"}],
    "arm": [{"arm_num": 1, "name": "Arm 1"}],
    "formEventMapping": [{"arm_num": 1, "unique_event_name": "day_0_arm_1", "form": "labs"}],
    "repeatingFormsEvents": [{"event_name": "day_0_arm_1", "form_name": "sledai", "custom_form_label": ""}],
}


class Server(HTTPServer):
    """Answers as REDCap does; `spoiled` replaces the answer to one kind of question."""

    asked: list[dict[str, str]]
    spoiled: dict[str, tuple[int, bytes]]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        form = {k: v[0] for k, v in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()}
        self.server.asked.append(form)
        content = form["content"]
        if form["token"] != TOKEN:
            self.answer(403, json.dumps({"error": "You do not have permissions to use the API"}).encode())
        elif content in self.server.spoiled:
            self.answer(*self.server.spoiled[content])
        elif content == "record":
            wanted = {v for k, v in form.items() if k.startswith("records[")}
            fields = [v for k, v in form.items() if k.startswith("fields[")]
            rows = [r for r in RECORDS if not wanted or r["record_id"] in wanted]
            name = "day_0_arm_1" if form.get("eventName") == "unique" else "Day 0"
            boxes = [b for f in fields for b in (BOXES if f == "signs" else [f])]
            sent = [{f: {**r, EVENT: name}.get(f, "") for f in (*boxes, EVENT)} for r in rows]
            self.answer(200, json.dumps(sent).encode())
        else:
            self.answer(200, json.dumps(ANSWERS[content]).encode())

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("AFTERCART_REDCAP_TOKEN", TOKEN)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = Server(("127.0.0.1", 0), Handler)
    running.asked, running.spoiled = [], {}
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    client.request._session.close()
    running.shutdown()
    running.server_close()
    thread.join()


def address(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}/api/"


def test_a_live_project_reads_like_its_exports(server: Server) -> None:
    done = redcap.read(address(server), mapping=MAPPING)
    assert done.reconciliation.rows() == [("records", 7, 7, 0, 14)]
    assert done.study.observations["value"].unique().to_list() == [1.5]
    assert done.study.observations["visit"].unique().to_list() == ["Day 0"]
    assert done.study.meta.title == "Castle"
    assert {a["content"] for a in server.asked} == {*ANSWERS, "record"}
    assert all(a.get("rawOrLabel") == "raw" for a in server.asked if a["content"] == "record")


def test_records_are_asked_for_some_at_a_time(server: Server) -> None:
    redcap.read(address(server), mapping=MAPPING, records_per_request="3")
    parts = [[v for k, v in a.items() if k.startswith("records[")] for a in server.asked if a["content"] == "record"]
    assert parts == [[], ["1", "2", "3"], ["4", "5", "6"], ["7"]]


def test_a_classic_project_is_not_asked_for_events(server: Server) -> None:
    server.spoiled["project"] = (200, json.dumps({"project_title": "Plain", "is_longitudinal": 0}).encode())
    for content in ("event", "arm", "formEventMapping", "repeatingFormsEvents"):
        server.spoiled[content] = (400, b'{"error": "You cannot export events for classic projects"}')
    assert redcap.load(address(server)).events == {}


SPOILED = [
    ("project", 403, b'{"error": "You do not have permissions to use the API"}', "do not have permissions"),
    ("metadata", 200, b"<html><body>Maintenance</body></html>", "JSONDecodeError"),
    ("record", 200, b'[{"record_id": "1", "sex"', "JSONDecodeError"),
    ("record", 200, b"[]", "no record"),
    ("record", 200, b"[1, 2]", "no list of rows"),
    ("event", 500, b'{"error": "token ' + TOKEN.lower().encode() + b' is bad"}', "token ... is bad"),
    ("project", 200, b"[]", "no object"),
    ("metadata", 200, b"[]", "no field"),
    ("arm", 302, b"", "JSONDecodeError"),
    ("project", 200, b"\xff\xfe\xff", "JSONDecodeError"),
]


@pytest.mark.parametrize(("content", "status", "body", "words"), SPOILED)
def test_answers_that_are_no_export(
    content: str, status: int, body: bytes, words: str, server: Server, tmp_path: Path
) -> None:
    server.spoiled[content] = (status, body)
    with pytest.raises(SourceError) as refused:
        redcap.read(address(server), mapping=MAPPING)
    said = str(refused.value) + refused.value.problems.write_csv()
    assert words in said
    (tmp_path / "map.toml").write_text(MAP, "utf-8")
    words_ = ["import", "redcap", address(server), "--map", str(tmp_path / "map.toml"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, words_)
    assert done.exit_code == 1, done.output
    assert not (tmp_path / "out").exists()
    assert TOKEN.lower() not in (said + done.output + repr(refused.value.__cause__)).lower()


def test_a_record_that_is_not_sent_is_not_lost_silently(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Handler.answer

    def without_the_last(self: Handler, status: int, body: bytes) -> None:
        if b'"anc"' in body and b'"field_name"' not in body and status == 200:
            body = json.dumps([r for r in json.loads(body) if r["record_id"] != "7"]).encode()
        real(self, status, body)

    monkeypatch.setattr(Handler, "answer", without_the_last)
    with pytest.raises(SourceError) as refused:
        redcap.read(address(server), mapping=MAPPING)
    assert refused.value.problems["found"].to_list() == ["1 of 7 records were not sent"]


def test_a_wrong_token_is_said_and_not_shown(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "F" * 32
    monkeypatch.setenv("AFTERCART_REDCAP_TOKEN", wrong)
    with pytest.raises(SourceError) as refused:
        redcap.read(address(server), mapping=MAPPING)
    assert wrong not in str(refused.value) + refused.value.problems.write_csv()
    assert "do not have permissions" in refused.value.problems["found"][0]


@pytest.mark.parametrize(("token", "words"), [("", "is not set"), ("short-secret", "does not hold the 32 letters")])
def test_without_a_token_nothing_is_asked(
    token: str, words: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERCART_REDCAP_TOKEN", token)
    with pytest.raises(UsageError, match=words) as refused:
        redcap.read(address(server), mapping=MAPPING)
    assert not token or token not in str(refused.value)
    assert server.asked == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://redcap.example.org/api/", "not encrypted"),
        ("https://redcap.example.org/index.php", "does not end in /api/"),
        ("https://redcap.example.org/api/?token=abc", "not that of a server's interface"),
        ("https://me:secret@redcap.example.org/api/", "not that of a server's interface"),
    ],
)
def test_addresses_that_are_refused(url: str, words: str, server: Server) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        redcap.load(url)
    assert "secret" not in str(refused.value)
    assert "abc" not in str(refused.value)


def test_a_server_that_does_not_answer(server: Server) -> None:
    closed = address(server).replace(str(server.server_port), "9")
    with pytest.raises(SourceError, match="gave no export of the project"):
        redcap.load(closed, timeout="2")
    for name, value in (("timeout", "soon"), ("records_per_request", "0")):
        with pytest.raises(UsageError, match=name):
            redcap.load(address(server), **{name: value})


def test_the_token_is_in_no_file_of_the_study(server: Server, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(MAP, "utf-8")
    out = tmp_path / "out"
    done = CliRunner().invoke(
        main, ["import", "redcap", address(server), "--map", str(tmp_path / "map.toml"), "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    proposed = CliRunner().invoke(main, ["map", "redcap", address(server), "--json"])
    assert proposed.exit_code == 0, proposed.output
    written = "".join(p.read_text("utf-8") for p in out.rglob("*") if p.is_file()) + done.output + proposed.output
    assert TOKEN not in written
