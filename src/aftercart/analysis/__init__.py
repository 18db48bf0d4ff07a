"""Estimates from assessments: who was treated, what happened, how often, and how certain that is."""

from aftercart.analysis.intervals import Interval, proportion, rate
from aftercart.analysis.summary import Estimate, Summary, summarize

__all__ = ["Estimate", "Interval", "Summary", "proportion", "rate", "summarize"]
