"""Speed of the survival estimates as ratios measured in one run: `python benchmarks/survival.py`. Nothing is asserted.

The floor is a plain sort of the same times, which every estimate must at least do. Peers are measured when they are
installed beside aftercart, and named as absent otherwise.
"""

from __future__ import annotations

import importlib
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from aftercart.analysis import cumulative_incidence, kaplan_meier

SUBJECTS = 1_000_000
ROUNDS = 5


def median_time(action: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median wall time in seconds, after one call to warm up."""
    action()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def peak_memory(action: Callable[[], object]) -> float:
    """Largest memory in use during one call, in megabytes."""
    tracemalloc.start()
    action()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def cohort(subjects: int, distinct: int) -> tuple[Any, Any]:
    """Follow-up with so many distinct times, and how it ended: 0 censored, 1 relapse, 2 death; no random number."""
    order = np.arange(subjects, dtype=np.int64)
    return ((order * 7919) % distinct + 1) / 10, (order * 104_729) % 3


def ours() -> Iterator[tuple[str, float, str]]:
    """Kaplan-Meier and cumulative incidence with intervals against the sort."""
    for distinct in (SUBJECTS, 10_000):
        times, causes = cohort(SUBJECTS, distinct)
        died = causes > 0
        floor = median_time(lambda times=times: np.sort(times))
        what = f"{SUBJECTS:,} subjects, {distinct:,} distinct times"
        for name, action in (
            ("Kaplan-Meier", lambda t=times, d=died: kaplan_meier(t, d)),
            ("cumulative incidence", lambda t=times, c=causes: cumulative_incidence(t, c)),
        ):
            seconds, megabytes = median_time(action), peak_memory(action)
            label = f"{name} with interval, {what} ({seconds:.2f} s, {megabytes:.0f} MB here)"
            yield label, seconds / floor, "times sorting them"


def peers() -> Iterator[tuple[str, float, str]]:
    """The same against lifelines, statsmodels and scikit-survival, where they are installed; with their memory."""
    times, causes = cohort(SUBJECTS, 10_000)
    died = causes > 0
    mine = median_time(lambda: kaplan_meier(times, died))
    mine_competing = median_time(lambda: cumulative_incidence(times, causes))

    def lifelines(module: Any) -> Iterator[tuple[str, Callable[[], object], float]]:
        yield (
            "lifelines Kaplan-Meier with interval",
            lambda: module.KaplanMeierFitter().fit(times, died).confidence_interval_,
            mine,
        )

    def statsmodels(module: Any) -> Iterator[tuple[str, Callable[[], object], float]]:
        status = died.astype(float)
        name = "statsmodels Kaplan-Meier with standard error"
        yield name, lambda: module.SurvfuncRight(times, status), mine
        name = "statsmodels cumulative incidence with standard error"
        yield name, lambda: module.CumIncidenceRight(times, causes), mine_competing

    def sksurv(module: Any) -> Iterator[tuple[str, Callable[[], object], float]]:
        name = "scikit-survival Kaplan-Meier with interval"
        yield name, lambda: module.kaplan_meier_estimator(died, times, conf_type="log-log"), mine
        # Its interval needs the square of the number of distinct times: not asked of more than 10 000.
        name = "scikit-survival cumulative incidence with interval"
        yield (
            name,
            lambda: module.cumulative_incidence_competing_risks(causes, times, conf_type="log-log"),
            mine_competing,
        )

    for name, measure in (
        ("lifelines", lifelines),
        ("statsmodels.duration.survfunc", statsmodels),
        ("sksurv.nonparametric", sksurv),
    ):
        try:
            module = importlib.import_module(name)
        except ImportError:
            print(f"{name.partition('.')[0]}: not installed, so not compared")
            continue
        for what, action, own in measure(module):
            yield f"{what} ({peak_memory(action):.0f} MB)", median_time(action, 3) / own, "times ours"


def report() -> str:
    """All ratios as a Markdown table."""
    lines = ["| what | ratio | to |", "|---|---|---|"]
    for part in (ours, peers):
        lines += [f"| {what} | {ratio:.1f} | {to} |" for what, ratio, to in part()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(report())
