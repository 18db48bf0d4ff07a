"""Independent steps in two threads at a time: while the data-frame library computes for one, the other goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

THREADS = 2
"""Only the work of the data-frame library goes on beside other work: Python runs one thread at a time."""

Given = TypeVar("Given")
Made = TypeVar("Made")


@contextmanager
def threads() -> Iterator[ThreadPoolExecutor]:
    """Threads for some steps; when one fails or the user interrupts, what has not begun is not done."""
    pool = ThreadPoolExecutor(THREADS)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def for_each(step: Callable[[Given], Made], things: Iterable[Given]) -> list[Made]:
    """What a step makes of each thing, in their order; a step must not itself call this and must change nothing."""
    with threads() as pool:
        return list(pool.map(step, things))
