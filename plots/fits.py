"""Power laws through points, by least squares in logarithms."""

import math
import typing

import numpy as np


class PowerLaw(typing.NamedTuple):
    """y = constant x^exponent."""
    exponent: float
    error: float  # standard error of the exponent
    constant: float
    drift: float  # |change of the exponent| without the larger half of x; 0 for too few points

    def __call__(self, x):
        return self.constant * np.asarray(x, dtype=float)**self.exponent


def power_law(x, y, y_error=None, log_prefactor=None, correction=None):
    """The power law through the points whose y is finite. `y_error`: the relative standard errors of
    y; where the points scatter more than these say, the exponent's error grows with them. Without,
    it is that of the scatter alone.

    What theory has besides the power: a factor log(A/sqrt(x)) with A = `log_prefactor`, that is
    divided out, or a factor exp(b x^q) with q = `correction`, whose b is fitted. Numbers of one
    deterministic run scatter by rounding alone: what limits their exponent is its drift."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    weight = np.ones(len(x)) if y_error is None else 1 / np.asarray(y_error, dtype=float)
    keep = np.isfinite(y)
    x, y, weight = x[keep], y[keep], weight[keep]
    if np.any(x <= 0) or np.any(y <= 0):
        raise ValueError("a power law goes through positive numbers")
    x, y = np.log(x), np.log(y)
    if log_prefactor is not None:
        y = y - np.log(np.log(log_prefactor) - 0.5 * x)
    falling = np.argsort(-x, kind="stable")
    x, y, weight = x[falling], y[falling], weight[falling]
    columns = [np.ones_like(x), x] + ([np.exp(correction * x)] if correction else [])
    design, target = np.column_stack(columns) * weight[:, None], y * weight

    def fit(first):
        a, b = design[first:], target[first:]
        c = np.linalg.lstsq(a, b, rcond=None)[0]
        variance = np.sum((b - a @ c)**2) / max(len(b) - len(c), 1)
        if y_error is not None:
            variance = max(variance, 1)
        return c, math.sqrt(max(variance * np.linalg.inv(a.T @ a)[1, 1], 0))

    c, error = fit(0)
    half = len(x) // 2
    drift = abs(fit(half)[0][1] - c[1]) if len(x) - half > len(c) else 0.0
    return PowerLaw(float(c[1]), error, math.exp(c[0]), float(drift))
