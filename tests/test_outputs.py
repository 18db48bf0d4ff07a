"""A result folder is the old one or the new one, never half of one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from aftercart.errors import UsageError
from aftercart.outputs import MARKER, replacing_folder, write_atomically


def write(target, text, n=3):
    with replacing_folder(target) as folder:
        for i in range(n):
            (folder / f"part{i}.txt").write_text(text)


def contents(target):
    return {p.name: p.read_text() for p in target.iterdir() if p.name != MARKER}


def test_a_new_folder_is_written_whole(tmp_path):
    write(tmp_path / "out", "one")
    assert contents(tmp_path / "out") == {f"part{i}.txt": "one" for i in range(3)}
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_the_old_result_is_replaced_as_a_whole(tmp_path):
    write(tmp_path / "out", "one", n=5)
    write(tmp_path / "out", "two", n=2)
    assert contents(tmp_path / "out") == {"part0.txt": "two", "part1.txt": "two"}
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_error_leaves_the_old_result(tmp_path):
    write(tmp_path / "out", "one")
    with pytest.raises(RuntimeError), replacing_folder(tmp_path / "out") as folder:  # noqa: PT012
        (folder / "part0.txt").write_text("half")
        raise RuntimeError
    assert contents(tmp_path / "out") == {f"part{i}.txt": "one" for i in range(3)}
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_files_of_others_are_not_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="did not write"):
        write(tmp_path / "out", "one")
    assert contents(tmp_path / "out") == {"thesis.txt": "years of work"}


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UsageError, match="is a file"):
        write(tmp_path / "out", "one")


def test_two_renames_serve_where_names_cannot_be_exchanged(tmp_path, monkeypatch):
    monkeypatch.setattr("aftercart.outputs._exchange", lambda one, other: False)
    write(tmp_path / "out", "one")
    write(tmp_path / "out", "two")
    assert set(contents(tmp_path / "out").values()) == {"two"}
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_old_result_that_a_kill_left_renamed_is_put_back(tmp_path):
    write(tmp_path / "out", "one")
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    (tmp_path / "out").rename(tmp_path / f".out.old-{dead.stdout.strip()}")
    with pytest.raises(RuntimeError), replacing_folder(tmp_path / "out"):
        raise RuntimeError
    assert set(contents(tmp_path / "out").values()) == {"one"}


@pytest.mark.slow
def test_killed_at_any_moment_the_folder_is_whole(tmp_path):
    """Kill a process that keeps replacing a folder, at many moments; every time the folder is of one piece."""
    script = tmp_path / "writer.py"
    script.write_text(
        textwrap.dedent("""
        import sys
        from pathlib import Path
        from aftercart.outputs import replacing_folder
        for n in range(100000):
            with replacing_folder(sys.argv[1]) as folder:
                for i in range(20):
                    (folder / f"part{i}.txt").write_text(str(n))
            print(n, flush=True)
        """)
    )
    target = tmp_path / "result" / "out"
    for attempt in range(12):
        process = subprocess.Popen([sys.executable, str(script), str(target)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.003 * attempt)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        found = contents(target)
        assert len(found) == 20
        assert len(set(found.values())) == 1
    write(target, "last")
    assert [p.name for p in target.parent.iterdir()] == ["out"]


def test_one_file_is_written_through_a_temporary_name(tmp_path):
    path = tmp_path / "numbers.json"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["numbers.json"]
