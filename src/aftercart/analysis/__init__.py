"""Estimates from assessments, and the statistics they are made of: each callable alone on columns of numbers."""

from aftercart.analysis.analyze import Analysis, analyze
from aftercart.analysis.bayes import BetaPosterior, beta_binomial
from aftercart.analysis.competing import CumulativeIncidence, cumulative_incidence
from aftercart.analysis.exchangeability import Borrowed, multisource_exchangeability, similarity_weights
from aftercart.analysis.hierarchical import Hierarchical, hierarchical
from aftercart.analysis.intervals import (
    Interval,
    ZeroEventBound,
    precision_sample_size,
    proportion,
    rate,
    rate_ratio,
    zero_event_bound,
    zero_event_sample_size,
)
from aftercart.analysis.mixed import MixedModel, mixed_model
from aftercart.analysis.paired import HodgesLehmann, SignedRank, hodges_lehmann, signed_rank
from aftercart.analysis.recurrent import MeanCumulative, mean_cumulative
from aftercart.analysis.repeated import RepeatedMeasures, repeated_measures
from aftercart.analysis.restricted_mean import RestrictedMean, restricted_mean, restricted_mean_difference
from aftercart.analysis.summary import Estimate, Summary, summarize
from aftercart.analysis.survival import Landmark, Median, SurvivalCurve, follow_up, kaplan_meier, landmark, median

__all__ = [
    "Analysis",
    "BetaPosterior",
    "Borrowed",
    "CumulativeIncidence",
    "Estimate",
    "Hierarchical",
    "HodgesLehmann",
    "Interval",
    "Landmark",
    "MeanCumulative",
    "Median",
    "MixedModel",
    "RepeatedMeasures",
    "RestrictedMean",
    "SignedRank",
    "Summary",
    "SurvivalCurve",
    "ZeroEventBound",
    "analyze",
    "beta_binomial",
    "cumulative_incidence",
    "follow_up",
    "hierarchical",
    "hodges_lehmann",
    "kaplan_meier",
    "landmark",
    "mean_cumulative",
    "median",
    "mixed_model",
    "multisource_exchangeability",
    "precision_sample_size",
    "proportion",
    "rate",
    "rate_ratio",
    "repeated_measures",
    "restricted_mean",
    "restricted_mean_difference",
    "signed_rank",
    "similarity_weights",
    "summarize",
    "zero_event_bound",
    "zero_event_sample_size",
]
