"""How counts, percentages and intervals are printed, in pages, tables and sentences alike."""

from __future__ import annotations

import re
from collections.abc import Iterable

SMALLEST_PERCENT_DENOMINATOR = 5
"""Below this many patients no percentage is printed: the count and the interval of the proportion are."""

NONE = "\u2013"
"""Stands where there is nothing to show."""

_NUMBERS: tuple[str, ...] = (
    "Zero",
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
    "Eleven",
    "Twelve",
)
_NUMBERS += ("Thirteen", "Fourteen", "Fifteen", "Sixteen", "Seventeen", "Eighteen", "Nineteen", "Twenty")

INDICATIONS = {
    "SLE": "systemic lupus erythematosus",
    "LN": "lupus nephritis",
    "IIM": "idiopathic inflammatory myopathy",
    "SSC": "systemic sclerosis",
    "OTHER": "another autoimmune disease",
}
SHORT = {"SSC": "SSc", "OTHER": "other"}


def indication(code: str, *, long: bool = False) -> str:
    """Print an indication code, short (`SSc`) or in words (`systemic sclerosis`)."""
    return INDICATIONS.get(code, code) if long else SHORT.get(code, code)


def opening(n: int, singular: str, plural: str) -> str:
    """A count as the first words of a sentence: `Fifteen patients`, `37 patients`."""
    return f"{_NUMBERS[n] if n < len(_NUMBERS) else n} {singular if n == 1 else plural}"


def listed(parts: Iterable[str]) -> str:
    """Join with commas and a final `and`."""
    items = list(parts)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def number(value: float, digits: int = 1) -> str:
    """A number with at most `digits` decimals, without trailing zeros."""
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float) -> str:
    """A share as whole percent, with a decimal where rounding would turn a possible value into 0 or 100."""
    value = share * 100
    if 0 < value < 1 or 99 < value < 100:
        return f"{min(max(value, 0.1), 99.9):.1f}"
    return f"{value:.0f}"


def two_decimals(share: float) -> str:
    """A share between 0 and 1 with two decimals, three where rounding would give 0 or 1."""
    if 0 < share < 0.01 or 0.99 < share < 1:
        return f"{min(max(share, 0.001), 0.999):.3f}"
    return f"{share:.2f}"


def of(numerator: int, denominator: int) -> str:
    """`9 of 15`."""
    return f"{numerator} of {denominator}"


def percentage(numerator: int, denominator: int) -> str:
    """The percentage, or nothing where so few patients forbid one."""
    return "" if denominator < SMALLEST_PERCENT_DENOMINATOR else f"{percent(numerator / denominator)}%"


def interval(low: float | None, high: float | None, denominator: int) -> str:
    """The limits of a proportion: `32 to 84%`, or `0.40 to 1.00` where no percentage may be printed."""
    if low is None or high is None:
        return "not estimable"
    if denominator < SMALLEST_PERCENT_DENOMINATOR:
        return f"{two_decimals(low)} to {two_decimals(high)}"
    return f"{percent(low)} to {percent(high)}%"


def proportion(numerator: int, denominator: int, low: float | None, high: float | None) -> str:
    """A proportion as it stands in a sentence: `9 of 15 (60%; 95% CI 32 to 84%)`."""
    if denominator == 0:
        return "not evaluable in any patient"
    limits = f"95% CI {interval(low, high, denominator)}"
    share = percentage(numerator, denominator)
    return f"{of(numerator, denominator)} ({share + '; ' if share else ''}{limits})"


UNITS = {"a": "years", "mo": "months", "d": "days", "10*6/kg": "10\u2076/kg", "{cells}": "cells", "1": ""}


def unit_words(unit: str) -> str:
    """A unit (UCUM) as readers write it: `years` for `a`; nothing for a plain count."""
    return UNITS.get(unit, unit.replace("{copies}/ug", "copies/\u00b5g DNA").replace("d*", "days \u00d7 "))


def shown(value: object) -> str:
    """A value in a table of data: yes or no, a number without noise, or the text itself."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value)) or "none"
    return str(value)


def cells(row: Iterable[object]) -> list[str]:
    """The values of a row in a table of data, empty where there is none."""
    return ["" if value is None else shown(value) for value in row]


def markdown(text: str) -> str:
    """A text in Markdown as it stands: characters that would mean something there are written out."""
    return re.sub(r"([\\\\`*_\[\]<>#|~])", r"\\\1", " ".join(text.split()))
