"""Escape from a metastable phase: Langevin noise against Kramers' rate; SGD, whose rank does not rise."""

import os

import numpy as np

import style
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
chain, sgd, random, langevin = (
    style.load(os.path.join(options.runs, "escape" + name))
    for name in ("", "_sgd", "_sgd_random", "_langevin"))

# A chain of L = 3 weights in closed form: V(u) - V(0) at the saddle (s - u^3) u = lambda, and
# Kramers' rate over the four saddles of both signs.
S, DECAY = 0.8, 0.25
saddle = min(u.real for u in np.roots([1, 0, 0, -S, DECAY]) if abs(u.imag) < 1e-12 and u.real > 0)
barrier = 0.5 * (S - saddle**3)**2 + 1.5 * DECAY * saddle**2 - 0.5 * S**2
curvature = 3 * saddle**4 - DECAY
prefactor = np.sqrt(DECAY * abs(curvature)) / np.pi

# The same by continuation: the branch comes back from its fold to the saddle at the range's low end.
branch = style.load(os.path.join(options.runs, "potential"))
there = branch["weight_decay"].values == DECAY
at_saddle, at_zero = (there & (branch[name].values == value)
                      for name, value in (("unstable_modes", 1), ("norm", 0)))
continued = float(branch["regularised_loss"].values[at_saddle][0]
                  - branch["regularised_loss"].values[at_zero][0])
downwards = float(branch["lowest_eigenvalue"].values[at_saddle][0])

EPOCH = 512 / 64 * 0.08
LEARNT = 0.1  # of the second singular value
PRINTED = 5500  # epochs to the second feature, figure 1a of arXiv 2606.17120


def kramers(temperature):
    return np.exp(barrier / temperature) / prefactor


def plus_minus(value, error):
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{digits}f} +- {error:.{digits}f}"


temperature = chain["temperature"].values
time, error = chain["escape_time"].values, chain["escape_time_error"].values
fitted, fitted_error = (float(chain["arrhenius_barrier" + n]) for n in ("", "_error"))
rate, rate_error = (float(chain["arrhenius_prefactor" + n]) for n in ("", "_error"))

fig, (left, right) = plt.subplots(1, 2, figsize=(style.PAGE, 3.0), width_ratios=[1, 1.25])
inverse = np.linspace(0.95 / temperature.max(), 1.05 / temperature.min(), 50)
left.plot(inverse, kramers(1 / inverse), color=style.BLACK, lw=1,
          label=rf"Kramers, $\Delta L = {barrier:.6f}$")
left.plot(inverse, np.exp(fitted * inverse) / rate, "--", color=style.BLUE, lw=1,
          label=rf"fit, $\Delta L = {fitted:.5f} \pm {fitted_error:.5f}$")
left.errorbar(1 / temperature, time, yerr=1.96 * error, fmt="o", color=style.BLUE, ms=3.5, capsize=2,
              label="Langevin, 400 runs each, 95 %")
style.log_axis(left, "mean escape time")
left.set_xlim(inverse[0], inverse[-1])
left.set_xlabel("inverse temperature $1/T$")
left.legend(loc="upper left")


def epochs(run):
    return run["time"].values / EPOCH


def second(run):
    return run["singular_values"].values[..., 1]


for run, color, label in ((random, style.BLUE, "SGD, random start"),
                          (langevin, style.RED, "Langevin, $T = 0.002$, rank 1"),
                          (sgd, style.GREEN, "SGD, rank 1")):
    for k, values in enumerate(second(run)):
        right.plot(epochs(run), np.maximum(values, 1e-19), color=color, lw=0.9,
                   label=label if k == 0 else None)
right.axvline(PRINTED, color=style.GREY, lw=0.8, ls=":")
right.annotate("arXiv 2606.17120", (PRINTED, 3e-13), rotation=90, ha="right", va="center", fontsize=7.5,
               color=style.GREY, xytext=(-2, 0), textcoords="offset points")
style.log_time_axis(right, epochs(sgd), "epochs")
style.log_axis(right, "second singular value", 1e-19, 30)
right.legend(loc="center left", bbox_to_anchor=(0.44, 0.6))
for ax, text in ((left, "(a)"), (right, "(b)")):
    style.panel_label(ax, text)
style.save(fig, options.out)


def learnt(run):
    """Epochs to the second feature, of the runs that learn it."""
    above = second(run) > LEARNT
    return [epochs(run)[np.argmax(a)] for a in above if a.any()]


def learning(run):
    """In words: how many learn it, and the median of their epochs."""
    found = learnt(run)
    text = f"{len(found)} of {len(second(run))}"
    return text + (f", {np.median(found):.3g}" if found else "")


def settled(run):
    """The last epoch, of the median run, at which it is a third off its mean after 1000 epochs."""
    late = second(run)[:, epochs(run) > 1000].mean(axis=1, keepdims=True)
    off = np.abs(second(run) / late - 1) > 1 / 3
    return np.median([epochs(run)[np.flatnonzero(one)[-1]] for one in off])


stays = 400 * np.exp(-float(chain["end_time"].max()) / kramers(temperature))
rows = [("barrier from p = 0, exact; by continuation", barrier, continued),
        ("  fitted", barrier, plus_minus(fitted, fitted_error)),
        ("curvature down the saddle, exact; by continuation", curvature, downwards),
        ("prefactor, Kramers; fitted", prefactor, plus_minus(rate, rate_error))]
for T, mean, one, left_over, count in zip(temperature, time, error, stays, chain["escapes"].values):
    rows.append((f"T = {T:g}: mean escape time", kramers(T), plus_minus(mean, one)))
    if left_over > 0.5 or count < 400:
        rows.append(("  runs of 400 that have not escaped by t = 2e4", left_over, int(400 - count)))
rows += [
    ("SGD from rank 1: runs that learn the second feature", "0 (printed: all, 5500 epochs)",
     learning(sgd)),
    ("  largest second singular value after 100 epochs", 0,
     float(second(sgd)[:, epochs(sgd) > 100].max())),
    ("SGD from random weights: the same; epochs to settle", "all (printed: 10)",
     f"{len(learnt(random))} of {len(second(random))}, {settled(random):.3g}"),
    ("Langevin, T = 0.002, from rank 1: the same, epochs", "all", learning(langevin)),
]
style.table(rows)
