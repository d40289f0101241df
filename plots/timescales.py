"""What the scripts of the learning time scales share: reading runs and their tables."""

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


def with_error(value, error):
    """1.2345 +- 0.0012 with as many digits as the error has."""
    if not math.isfinite(error) or error <= 0:
        return f"{value:.5g}"
    digits = min(13, max(2, 1 - int(math.floor(math.log10(error)))))
    return f"{value:.{digits}f} +- {error:.{digits}f}"


def risk_at(times, risk, t):
    """The risk at t, linear in log t."""
    return float(np.interp(math.log(t), np.log(times[1:]), risk[1:]))
