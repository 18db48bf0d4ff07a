"""Bayesian estimate of one proportion, in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aftercart.analysis.intervals import Interval, special, tail, whole
from aftercart.errors import UsageError


@dataclass(frozen=True)
class BetaPosterior:
    """A beta distribution of a proportion after the data, with what it predicts."""

    a: float
    b: float
    prior_a: float
    prior_b: float

    @property
    def method(self) -> str:
        """Name of the estimate, with the prior and how many patients it is worth."""
        worth = self.prior_a + self.prior_b
        return f"posterior under a Beta({self.prior_a:g}, {self.prior_b:g}) prior (worth {worth:g} patients)"

    @property
    def mean(self) -> float:
        """Posterior mean."""
        return self.a / (self.a + self.b)

    @property
    def median(self) -> float:
        """Posterior median."""
        return self.quantile(0.5)

    def quantile(self, probability: float) -> float:
        """The value that the proportion stays below with this probability."""
        return float(special().betaincinv(self.a, self.b, probability))

    def interval(self, *, confidence: float = 0.95) -> Interval:
        """Posterior mean with the equal-tailed interval."""
        half = tail(confidence) / 2
        return Interval(self.mean, self.quantile(half), float(special().betainccinv(self.a, self.b, half)), self.method)

    def probability_above(self, value: float) -> float:
        """Posterior probability that the proportion exceeds a value between 0 and 1."""
        if not 0 <= value <= 1:
            raise UsageError(f"A proportion cannot be compared with {value!r}.", hint="give a value from 0 to 1.")
        return float(special().betaincc(self.a, self.b, value))

    def predictive_at_least(self, events: int, n: int) -> float:
        """Probability of at least so many events among the next `n` patients (beta-binomial)."""
        least, n = whole(events, "events"), whole(n, "n")

        def log_chance(x: int) -> float:
            choose = math.lgamma(n + 1) - math.lgamma(x + 1) - math.lgamma(n - x + 1)
            return choose + float(special().betaln(self.a + x, self.b + n - x) - special().betaln(self.a, self.b))

        if least > n / 2:
            return math.fsum(math.exp(log_chance(x)) for x in range(least, n + 1))
        return 1 - math.fsum(math.exp(log_chance(x)) for x in range(least))


def beta_binomial(events: int, n: int, *, a: float = 0.5, b: float = 0.5) -> BetaPosterior:
    """Update a Beta(a, b) prior of a proportion by `events` among `n` patients.

    events, n: counts; a, b: above 0 (events and non-events the prior is worth; 1/2 each is Jeffreys' prior). An
    improper prior is refused. Raises `UsageError` for that and for counts that cannot be, `MissingExtraError` without
    scipy when a quantile is asked for.
    Source: Gelman et al., Bayesian Data Analysis, 3rd ed., 2013, section 2.4.

    >>> found = beta_binomial(0, 15)
    >>> round(found.mean, 5), round(found.interval().high, 4)
    (0.03125, 0.1518)
    """
    events, n = whole(events, "events"), whole(n, "n")
    if events > n:
        raise UsageError(f"{events} events among {n} patients cannot be.", hint="events counts patients, once each.")
    if not (0 < a < math.inf and 0 < b < math.inf):
        raise UsageError(f"Beta({a!r}, {b!r}) is not a proper prior.", hint="give two numbers above 0.")
    return BetaPosterior(a + events, b + n - events, a, b)
