"""Write whole result folders so that a reader sees the old result or the new one, never half of one."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aftercart.errors import UsageError

MARKER = ".aftercart-output"
"""Marks a folder as written by aftercart, and so as one it may replace."""

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


@contextmanager
def replacing_folder(target: str | Path) -> Iterator[Path]:
    """Yield an empty folder to write into; when the block ends without error it takes the place of `target`.

    Raises `UsageError` when `target` holds files that aftercart did not write. After a kill at any moment `target`
    is whole: the last step is one exchange of names by the operating system (two renames where that call is absent).
    """
    target = Path(target).absolute()
    _refuse_foreign(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.new-{os.getpid()}-", dir=target.parent))
    try:
        yield fresh
        (fresh / MARKER).write_text("written by aftercart; replaced as a whole by the next run\n", "utf-8")
        fresh.chmod(0o755)
        _swap_in(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _refuse_foreign(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is a file, expected a folder to write to.", hint="give another folder with --out.")
    if target.is_dir() and any(target.iterdir()) and not (target / MARKER).exists():
        raise UsageError(
            f"The folder {target} holds files that aftercart did not write.",
            hint="results replace their folder as a whole, so give an empty or new folder with --out.",
        )


def _swap_in(fresh: Path, target: Path) -> None:
    if not target.exists():
        fresh.rename(target)
    elif not _exchange(fresh, target):
        old = target.with_name(f".{target.name}.old-{os.getpid()}")
        target.rename(old)
        fresh.rename(target)
        shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where the operating system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    result: int = libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return result == 0


def _remove_leftovers(target: Path) -> None:
    """Clear what killed runs left beside the target; put back an old result that a kill left renamed."""
    for leftover in target.parent.glob(f".{target.name}.*-*"):
        kind, _, rest = leftover.name.removeprefix(f".{target.name}.").partition("-")
        owner = rest.split("-")[0]
        if kind not in ("new", "old") or not owner.isdigit() or _is_running(int(owner)):
            continue
        if kind == "old" and not target.exists():
            leftover.rename(target)
        else:
            shutil.rmtree(leftover, ignore_errors=True)


def _is_running(pid: int) -> bool:
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def write_atomically(path: Path, data: bytes) -> None:
    """Write one file through a temporary name in the same folder, then rename it into place."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
