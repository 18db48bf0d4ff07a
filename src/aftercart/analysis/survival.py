"""A small Kaplan-Meier kernel: medians of follow-up and of time to an event, with their limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

KAPLAN_MEIER = "Kaplan-Meier median, log-log 95% limits"
REVERSE_KAPLAN_MEIER = "reverse Kaplan-Meier median, log-log 95% limits"

_Z95 = 1.959963984540054
_HALF = 1e-12


@dataclass(frozen=True)
class Median:
    """Median time with limits by test inversion; null where the curve (or a limit) never reaches one half."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    n_events: int


@dataclass(frozen=True)
class Step:
    """The curve just after one event time."""

    time: float
    at_risk: int
    events: int
    survival: float
    lower: float | None
    upper: float | None


def curve(times: Sequence[float], events: Sequence[bool]) -> list[Step]:
    """Kaplan-Meier curve at each event time; events come before censorings of the same time.

    times: follow-up of each patient, any unit; events: whether it ended in the event. Limits are log-log with
    Greenwood's variance, null where the curve is 1 or 0 (no honest limit exists there).
    Source: Kaplan & Meier, J Am Stat Assoc 1958;53:457, doi 10.1080/01621459.1958.10501452.
    """
    pairs = sorted(zip(times, events, strict=True))
    steps: list[Step] = []
    survival, greenwood, at_risk = 1.0, 0.0, len(pairs)
    for time in sorted({t for t, _ in pairs}):
        here = [happened for t, happened in pairs if t == time]
        died = sum(here)
        if died:
            survival *= (at_risk - died) / at_risk
            lower = upper = None
            if at_risk > died:
                greenwood += died / (at_risk * (at_risk - died))
                width = _Z95 * math.sqrt(greenwood) / math.log(survival)
                lower, upper = survival ** math.exp(-width), survival ** math.exp(width)
            steps.append(Step(time, at_risk, died, survival, lower, upper))
        at_risk -= len(here)
    return steps


def median(times: Sequence[float], events: Sequence[bool]) -> Median:
    """Median time to the event, with limits where the limit curves cross one half (Brookmeyer & Crowley 1982).

    Where the curve is exactly one half over a stretch, the middle of the stretch is given.
    """
    steps = curve(times, events)
    return Median(
        value=_crossing(steps),
        low=next((s.time for s in steps if s.lower is not None and s.lower <= 0.5 + _HALF), None),
        high=next((s.time for s in steps if s.upper is not None and s.upper <= 0.5 + _HALF), None),
        n=len(times),
        n_events=sum(events),
    )


def _crossing(steps: Sequence[Step]) -> float | None:
    for i, step in enumerate(steps):
        if step.survival < 0.5 - _HALF:
            return step.time
        if step.survival <= 0.5 + _HALF:
            return (step.time + steps[i + 1].time) / 2 if i + 1 < len(steps) else step.time
    return None


def follow_up(times: Sequence[float], died: Sequence[bool]) -> Median:
    """Median follow-up: the end of observation is the event, and a death censors it.

    Source: Schemper & Smith, Control Clin Trials 1996;17:343, doi 10.1016/0197-2456(96)00075-X.
    """
    return median(times, [not d for d in died])
