"""Every statistical method by the name worked cases give it: how a case is put to the public functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from aftercart.analysis import formulas
from aftercart.analysis.bayes import beta_binomial
from aftercart.analysis.competing import cumulative_incidence
from aftercart.analysis.datasets import NotShippedError, load
from aftercart.analysis.exchangeability import Borrowed, multisource_exchangeability, similarity_weights
from aftercart.analysis.hierarchical import hierarchical
from aftercart.analysis.intervals import (
    Interval,
    precision_sample_size,
    proportion,
    rate,
    rate_ratio,
    zero_event_bound,
    zero_event_sample_size,
)
from aftercart.analysis.paired import hodges_lehmann, signed_rank
from aftercart.analysis.recurrent import mean_cumulative
from aftercart.analysis.restricted_mean import restricted_mean, restricted_mean_difference
from aftercart.analysis.survival import Median, SurvivalCurve, kaplan_meier, landmark

Inputs = Mapping[str, Any]
Outputs = dict[str, Any]

METHODS: dict[str, Callable[[Inputs], Outputs]] = {}
"""Method to the function that answers a case; a method of a case file that is not here is not implemented."""


def _method(*names: str) -> Callable[[Callable[[Inputs], Outputs]], Callable[[Inputs], Outputs]]:
    def add(function: Callable[[Inputs], Outputs]) -> Callable[[Inputs], Outputs]:
        METHODS.update(dict.fromkeys(names, function))
        return function

    return add


def _limits(interval: Interval) -> list[float | None]:
    return [interval.low, interval.high]


@_method("binomial_ci", "cohort_proportion")
def _proportion(inputs: Inputs) -> Outputs:
    x, n, confidence = inputs["x"], inputs["n"], inputs.get("conf", 0.95)
    return {
        "clopper_pearson": _limits(proportion(x, n, confidence=confidence)),
        "mid_p": _limits(proportion(x, n, method="mid-p", confidence=confidence)),
        "wilson": _limits(proportion(x, n, method="wilson", confidence=confidence)),
        "jeffreys": _limits(proportion(x, n, method="jeffreys", confidence=confidence)),
    }


@_method("rule_of_three")
def _rule_of_three(inputs: Inputs) -> Outputs:
    found = zero_event_bound(inputs["n"])
    return {
        "rule_of_three": found.rule_of_three,
        "exact_one_sided_95": found.one_sided,
        "exact_two_sided_95": found.two_sided,
    }


@_method("zero_event_sample_size")
def _zero_event_sample_size(inputs: Inputs) -> Outputs:
    risk = inputs["p_exclude"]
    return {
        "n": zero_event_sample_size(risk, alpha=inputs.get("one_sided_alpha", 0.05)),
        "n_alpha_0025": zero_event_sample_size(risk, alpha=0.025),
    }


@_method("precision_sample_size")
def _precision_sample_size(inputs: Inputs) -> Outputs:
    confidence = inputs.get("conf", 0.95)
    return {"n": precision_sample_size(inputs["p"], inputs["half_width"], confidence=confidence)}


@_method("poisson_rate_ci")
def _rate(inputs: Inputs) -> Outputs:
    events, exposure, confidence = inputs["events"], inputs["exposure"], inputs.get("conf", 0.95)
    exact = rate(events, exposure, confidence=confidence)
    mid_p = rate(events, exposure, method="mid-p", confidence=confidence)
    return {"rate": exact.estimate, "exact": _limits(exact), "mid_p": _limits(mid_p)}


@_method("poisson_rate_ratio_exact")
def _rate_ratio(inputs: Inputs) -> Outputs:
    counts = (inputs["x1"], inputs["t1"], inputs["x2"], inputs["t2"])
    found = rate_ratio(*counts, confidence=inputs.get("conf", 0.95))
    return {"ratio": found.estimate, "central_ci": _limits(found)}


def _follow_up(inputs: Inputs) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Times and events of a case: its own, or those of the data set (and group) it names."""
    if "dataset" not in inputs:
        return np.asarray(inputs["time"]), np.asarray(inputs["event"])
    frame = load(inputs["dataset"])
    for group in ("sex", "trt"):
        if group in inputs:
            frame = frame.filter(pl.col(group) == inputs[group])
    return frame["time"].to_numpy(), frame["event"].to_numpy()


def _curve(curve: SurvivalCurve, times: list[float]) -> Outputs:
    at = curve.at(times)
    return {
        "surv": at["survival"].to_list(),
        "se": at["std_error"].to_list(),
        "lower": at["lower"].to_list(),
        "upper": at["upper"].to_list(),
        "n_risk": at["at_risk"].to_list(),
    }


def _median(median: Median) -> Outputs:
    return {"median": median.value, "median_ci": [median.low, median.high]}


@_method("kaplan_meier")
def _kaplan_meier(inputs: Inputs) -> Outputs:
    limits, confidence = inputs.get("conf_type", "log-log"), inputs.get("conf", 0.95)
    curve = kaplan_meier(*_follow_up(inputs), entry=inputs.get("entry"), limits=limits, confidence=confidence)
    return {**_curve(curve, inputs["times"]), **_median(curve.median())}


@_method("km_bpcp")
def _beta_product(inputs: Inputs) -> Outputs:
    curve = kaplan_meier(*_follow_up(inputs), limits="beta-product", confidence=inputs.get("conf", 0.95))
    return _curve(curve, inputs["times"])


@_method("reverse_km")
def _reverse(inputs: Inputs) -> Outputs:
    time, event = _follow_up(inputs)
    curve = kaplan_meier(time, event == 0)
    found = _median(curve.median())
    days = np.union1d(np.arange(0, min(float(time.max()), 1e4) + 1), time)
    at = zip(days, curve.at(days)["survival"], strict=True)
    return {
        "median_followup": found["median"],
        "median_ci": found["median_ci"],
        "median_ci_loglog": found["median_ci"],
        "surv_at": {f"{day:g}": survival for day, survival in at},
    }


@_method("landmark_km")
def _landmark(inputs: Inputs) -> Outputs:
    found = landmark(*_follow_up(inputs), inputs["landmark"]).curve
    times = inputs["times"]
    if "original" in str(inputs.get("rule", "")):
        times = [t - inputs["landmark"] for t in times]
    return _curve(found, times)


@_method("aalen_johansen")
def _aalen_johansen(inputs: Inputs) -> Outputs:
    time, event = _follow_up(inputs)
    found = cumulative_incidence(time, event, entry=inputs.get("entry"), n_causes=2)
    names = dict(re.findall(r"(\d+) (\w+)", inputs.get("codes", "1 relapse, 2 death")))
    where = np.searchsorted(found.risk.time, inputs["times"], side="right") - 1
    answer: Outputs = {"state0": found.at(inputs["times"], 1)["event_free"].to_list()}
    for cause in range(1, found.causes + 1):
        name, at = names.get(str(cause), str(cause)), found.at(inputs["times"], cause)
        incidence = at["incidence"].to_list()
        answer[f"cif_{name}"] = incidence
        answer["pcm" if "dataset" in inputs and cause == 1 else name] = incidence
        answer[f"se_infinitesimal_jackknife_{name}"] = at["std_error"].to_list()
        variance = np.append(found.gray_variance(cause), 0.0)
        answer[f"variance_cmprsk_{name}"] = variance[where].tolist()
    return answer


@_method("one_minus_km_is_wrong")
def _one_minus_survival(inputs: Inputs) -> Outputs:
    time, event = _follow_up(inputs)
    times = inputs.get("times", [float(time.max())])
    naive = (1 - kaplan_meier(time, event == 1).at(times)["survival"]).to_list()
    right = cumulative_incidence(time, event).at(times, 1)["incidence"].to_list()
    single = "times" not in inputs
    naive, right = (naive[0], right[0]) if single else (naive, right)
    return {"one_minus_km": naive, "aalen_johansen": right, "cif_relapse": right}


@_method("rmst")
def _restricted_mean(inputs: Inputs) -> Outputs:
    tau = inputs["tau"]
    if "time1" in inputs:
        groups = {k: (inputs[f"time{k}"], inputs[f"event{k}"]) for k in ("1", "0")}
    elif "dataset" in inputs and "trt" not in inputs:
        frame = load(inputs["dataset"])
        if "arm" not in frame.columns and "trt" in frame.columns:
            # Treatment 1 is standard, 2 the test.
            frame = frame.with_columns(arm=pl.col("trt") - 1)
        if "arm" not in frame.columns:
            frame = frame.with_columns(arm=pl.lit(1))
        parts = {str(k): frame.filter(pl.col("arm") == k) for k in frame["arm"].unique()}
        groups = {k: (part["time"], part["event"]) for k, part in parts.items()}
    else:
        groups = {"": _follow_up(inputs)}
    found = {k: restricted_mean(*group, tau) for k, group in groups.items()}
    only = next(iter(found.values()))
    answer: Outputs = {"rmst": only.value, "se": only.std_error}
    for k, name in (("1", "test"), ("0", "standard")):
        if k in found:
            answer |= {f"rmst{k}": found[k].value, f"se{k}": found[k].std_error}
            answer |= {f"rmst_{name}": found[k].value, f"se_{name}": found[k].std_error}
    if len(groups) == 2:
        difference = restricted_mean_difference(groups["1"], groups["0"], tau)
        answer |= {"diff": difference.estimate, "diff_ci": _limits(difference)}
    return answer


@_method("mean_cumulative_function")
def _mean_cumulative(inputs: Inputs) -> Outputs:
    columns = ("id", "start", "stop", "status")
    if "dataset" not in inputs:
        found = mean_cumulative(*pl.DataFrame(inputs["rows"]).select(columns).iter_columns()).at(inputs["times"])
        return {"mcf": found["mean"].to_list(), "se_robust": found["std_error"].to_list()}
    answer: Outputs = {}
    frame = load(inputs["dataset"]).rename({"tstart": "start", "tstop": "stop"}, strict=False)
    for (group,), part in frame.group_by([inputs.get("by", "treat")], maintain_order=True):
        found = mean_cumulative(*part.select(columns).iter_columns()).at(inputs["times"])
        name = re.sub(r"\W", "", str(group))
        answer |= {name: found["mean"].to_list(), f"{name}_se": found["std_error"].to_list()}
    return answer


@_method("wilcoxon_signed_rank")
def _signed_rank(inputs: Inputs) -> Outputs:
    fall = np.subtract(inputs["pre"], inputs["post"])
    dropped, pratt = signed_rank(fall), signed_rank(fall, zeros="pratt")
    return {
        "V": dropped.statistic,
        "p_two_sided": dropped.p_two_sided,
        "p_greater": dropped.p_greater,
        "V_zeros_dropped": dropped.statistic,
        "p_zeros_dropped": dropped.p_two_sided,
        "p_pratt": pratt.p_two_sided,
    }


@_method("hodges_lehmann")
def _hodges_lehmann(inputs: Inputs) -> Outputs:
    found = hodges_lehmann(inputs["diff"], confidence=inputs.get("conf", 0.95))
    limits = None if found.low is None else [found.low, found.high]
    return {"estimate": found.estimate, "ci": limits, "achieved_conf": found.achieved_confidence}


@_method("mixed_model")
def _mixed_model(inputs: Inputs) -> Outputs:
    return formulas.fit(inputs)


@_method("beta_binomial_posterior")
def _beta_binomial(inputs: Inputs) -> Outputs:
    found = beta_binomial(inputs["x"], inputs["n"], a=inputs["a"], b=inputs["b"])
    limits = found.interval()
    return {
        "mean": found.mean,
        "q025": limits.low,
        "median": found.median,
        "q975": limits.high,
        "p_gt_0_1": found.probability_above(0.1),
        "p_gt_0_5": found.probability_above(0.5),
        "pred_at_least_1_of_10": found.predictive_at_least(1, 10),
    }


@_method("bhm", "exnex")
def _hierarchical(inputs: Inputs) -> Outputs:
    found = hierarchical(
        inputs["y"],
        inputs["n"],
        threshold=inputs["p0"],
        mu=(inputs["mu0"], inputs["mu_sd"]),
        tau_scale=inputs["tau_scale"],
        weight=inputs.get("w", 1.0),
        own=(inputs.get("nex_m", 0.0), inputs.get("nex_sd", 2.0)),
    )
    return {
        "mean": list(found.mean),
        "p_gt_p0": list(found.above),
        "post_ex": list(found.exchangeable),
        "mu_mean": found.mu_mean,
        "tau_mean": found.tau_mean,
    }


@_method("mem_row")
def _row_wise(inputs: Inputs) -> Outputs:
    found = _exchangeability(inputs, symmetric=False)
    return {"pep_rows": found.similarity.tolist(), "p_gt_p0": list(found.above), "mean": list(found.mean)}


@_method("mem_symmetric")
def _symmetric(inputs: Inputs) -> Outputs:
    found = _exchangeability(inputs, symmetric=True)
    pattern = None if found.most_probable is None else found.most_probable.astype(float).tolist()
    return {
        "pep": found.similarity.tolist(),
        "p_gt_p0": list(found.above),
        "mean": list(found.mean),
        "map": pattern,
    }


def _exchangeability(inputs: Inputs, *, symmetric: bool) -> Borrowed:
    return multisource_exchangeability(
        inputs["y"],
        inputs["n"],
        threshold=inputs["p0"],
        a=inputs["a"],
        b=inputs["b"],
        prior_exchangeable=inputs["prior_exchangeable"],
        symmetric=symmetric,
    )


@_method("fujikawa")
def _similarity(inputs: Inputs) -> Outputs:
    if inputs.get("log_base", "e") != "e":
        raise NotShippedError("Similarity is measured with the natural logarithm here.")
    found = similarity_weights(
        inputs["y"],
        inputs["n"],
        threshold=inputs["p0"],
        a=inputs["a"],
        b=inputs["b"],
        power=inputs["epsilon"],
        cutoff=inputs["tau"],
    )
    pairs = np.triu_indices(len(found.mean), 1)
    name = "weights_" + "_".join(f"{i + 1}{j + 1}" for i, j in zip(*pairs, strict=True))
    return {name: found.similarity[pairs].tolist(), "p_gt_p0": list(found.above)}
