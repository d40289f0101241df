"""What the scripts of the learning time scales share: reading runs, fits, and their tables."""

import math
import os

import numpy as np

import style

DEGREE_COLORS = [style.BLUE, style.RED, style.GREEN, style.ORANGE]


def open_run(runs, name):
    return style.load(os.path.join(runs, name))


def values(dataset, name):
    return np.asarray(dataset[name].values, dtype=float)


def sequence(count):
    """Colours of an ordered axis."""
    return [style.SEQUENCE(k / max(count - 1, 1)) for k in range(count)]


def power_fit(epsilon, t, log_prefactor=None, correction=None):
    """(exponent, error, constant) of t = c epsilon^p, after what theory has besides the power: a
    logarithm log(A/sqrt(epsilon)) that is divided out, or a factor exp(b epsilon^q) that is fitted.
    The error is that of the regression (two standard errors) plus the change of the exponent when
    the larger half of the epsilons is left out, as in src/measure/plateaus.hpp."""
    keep = np.isfinite(t) & (t > 0)
    x, y = np.log(epsilon[keep]), np.log(t[keep])
    if log_prefactor is not None:
        y = y - np.log(np.log(log_prefactor) - 0.5 * x)
    order = np.argsort(-x)
    x, y = x[order], y[order]

    def fit(x, y):
        columns = [np.ones_like(x), x] + ([np.exp(correction * x)] if correction else [])
        design = np.column_stack(columns)
        c = np.linalg.lstsq(design, y, rcond=None)[0]
        residual = y - design @ c
        variance = residual @ residual / max(len(x) - len(c), 1)
        return c, 2 * math.sqrt(max(variance * np.linalg.inv(design.T @ design)[1, 1], 0))

    c, error = fit(x, y)
    half = len(x) // 2
    if len(x) - half >= (4 if correction else 3):
        error += abs(fit(x[half:], y[half:])[0][1] - c[1])
    return c[1], error, math.exp(c[0])


def slope(x, y):
    """Exponent of y against x with two standard errors, and the prefactor."""
    x, y = np.log(np.asarray(x, float)), np.log(np.asarray(y, float))
    design = np.column_stack([np.ones_like(x), x])
    c = np.linalg.lstsq(design, y, rcond=None)[0]
    residual = y - design @ c
    variance = residual @ residual / max(len(x) - 2, 1)
    return c[1], 2 * math.sqrt(variance * np.linalg.inv(design.T @ design)[1, 1]), math.exp(c[0])


def mean_and_scatter(difference):
    """From differences of shape (point, draw, time): the mean over draws and time, the scatter over
    draws (rms over time), and the standard errors of both from resampling the draws."""
    draws = difference.shape[1]

    def both(chosen):
        part = difference[:, chosen]
        return (np.abs(part.mean(axis=(1, 2))),
                np.sqrt(part.var(axis=1, ddof=1).mean(axis=1)))

    mean, scatter = both(np.arange(draws))
    generator = np.random.default_rng(0)
    samples = [both(generator.integers(draws, size=draws)) for _ in range(400)]
    means, scatters = (np.log([sample[k] for sample in samples]) for k in (0, 1))
    # A draw that comes twice in a sample lowers the scatter of all points alike: exponents are free
    # of it.
    return mean, scatter, means.std(axis=0), scatters.std(axis=0)


def weighted_slope(x, y, relative_error):
    """Exponent of y against x with two standard errors, and the prefactor, from points with the
    given standard errors of log y; where the points scatter more than these, the error grows."""
    x, y, weight = np.log(np.asarray(x, float)), np.log(y), 1 / np.asarray(relative_error)
    design = np.column_stack([np.ones_like(x), x]) * weight[:, None]
    c = np.linalg.lstsq(design, y * weight, rcond=None)[0]
    excess = np.sum((y * weight - design @ c)**2) / max(len(x) - 2, 1)
    error = math.sqrt(max(excess, 1) * np.linalg.inv(design.T @ design)[1, 1])
    return c[1], 2 * error, math.exp(c[0])


def with_error(value, error):
    """1.2345 +- 0.0012 with as many digits as the error has."""
    if not math.isfinite(error) or error <= 0:
        return f"{value:.5g}"
    digits = min(13, max(2, 1 - int(math.floor(math.log10(error)))))
    return f"{value:.{digits}f} +- {error:.{digits}f}"


def risk_at(times, risk, t):
    """The risk at t, linear in log t."""
    return float(np.interp(math.log(t), np.log(times[1:]), risk[1:]))
