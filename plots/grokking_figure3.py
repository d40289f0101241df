"""Figure 3 of arXiv 2505.20172: a two-layer ReLU network. Losses and norm; the function learnt."""

import os

import numpy as np

import fits
import grokking
import style
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()

run, free, draws, descent, tolerances = (
    style.load(os.path.join(options.runs, "two_layer_relu" + name))
    for name in ("", "_gradient_flow", "_draws", "_gradient_descent", "_tolerance"))
paper = grokking.published(3)
decay = 1e-3
t = run["time"].values


def loss(data, name):
    """1/(2n) sum (f - y)^2, as the paper plots it, over training or test points."""
    return 0.5 * data[f"{name}_error"]


fig = plt.figure(figsize=(style.PAGE, 3.5))
grid = fig.add_gridspec(1, 2, wspace=0.1)
left = grid[0].subgridspec(2, 1, height_ratios=[1.6, 1])
right = grid[1].subgridspec(3, 1)
losses, norm = (fig.add_subplot(g) for g in left)

draws_t = draws["time"].values
spread = dict(lw=0, alpha=0.16, zorder=1)
for name, color in (("train", style.BLUE), ("test", style.RED)):
    low, high = np.nanquantile(loss(draws, name).values, [0.1, 0.9], axis=0)
    losses.fill_between(draws_t, low, high, color=color, **spread)
    losses.plot(t, loss(run, name), color=color)
    losses.plot(free["time"], loss(free, name), ":", color=color, lw=1)
    grokking.points(losses, paper[f"{name}_loss"], color, t)
style.log_time_axis(losses, t)
style.log_axis(losses, "loss", 3e-6, 3e4)
grokking.losses_legend(losses)
style.panel_label(losses, "(a)")

low, high = np.nanquantile(draws["norm"].values**2, [0.1, 0.9], axis=0)
norm.fill_between(draws_t, low, high, color=style.GREEN, **spread)
norm.plot(t, run["norm"]**2, color=style.GREEN)
norm.plot(free["time"], free["norm"]**2, ":", color=style.GREEN, lw=1)
grokking.points(norm, paper["norm_squared"], style.GREEN, t)
style.log_time_axis(norm, t)
norm.set_ylim(0, 1500)
norm.set_ylabel(r"$\Vert w\Vert^2$")
grokking.shared_time(losses, norm)

x = run["grid_point"].values
for k, cell in enumerate(right):
    ax = fig.add_subplot(cell)
    time = float(run["snapshot_time"][k])
    curve, teacher, dots = grokking.prediction(ax, run, k)
    ax.set_xlim(-2, 2)
    if k > 0:
        ax.set_ylim(0, 8)
    ax.text(0.5, 0.93, "$t = " + style.tex(time).strip("$") + "$",
            transform=ax.transAxes, ha="center", va="top", fontsize=8)
    if k == 0:
        style.panel_label(ax, "(b)")
        ax.legend([curve, teacher, dots], ["network", "teacher", "training points"], ncol=3,
                  loc="lower right", bbox_to_anchor=(1.02, 0.97), columnspacing=1.0)
    if k < 2:
        ax.tick_params(labelbottom=False)
    if k == 1:
        ax.set_ylabel("$f(x)$")
ax.set_xlabel("$x$")
style.save(fig, options.out)


def spread_of(values):
    return "{1:.3g} ({0:.3g} to {2:.3g})".format(*np.quantile(values, [0.1, 0.5, 0.9]))


def at(data, values, time):
    return grokking.at(data["time"].values, np.asarray(values), time)


def least_energy(x, y, weights, decay):
    """F + decay/2 |w|^2 at these weights, a bound from below for networks of any width, and the
    defect of decay |w|^2 = -<w, grad F>, relative.

    Over all widths the least of F + decay/2 |w|^2 is that of 1/(2n) |f - y|^2 + decay times the
    total variation of a measure on the directions (cos s, sin s) of (w_k, b_k), since
    |a| |(w, b)| <= (a^2 + |(w, b)|^2)/2: convex, with the dual max -n/2 |p|^2 - p.y over p with
    |sum_i p_i ReLU(x_i cos s + sin s)| <= decay for all s. Between the kinks that sum is a sine, so
    that its extremes are known."""
    n, m = len(x), len(weights) // 3
    w, b, a = weights[:m], weights[m:2 * m], weights[2 * m:]
    f = a @ np.maximum(np.outer(w, x) + b[:, None], 0)
    energy = ((f - y)**2).sum() / (2 * n) + decay / 2 * weights @ weights
    p = (f - y) / n
    kinks = np.sort(np.concatenate([np.arctan(-x), np.arctan(-x) + np.pi]))
    largest = 0
    for left, right in zip(kinks, np.append(kinks[1:], kinks[0] + 2 * np.pi)):
        middle = (left + right) / 2
        active = x * np.cos(middle) + np.sin(middle) > 0
        cosine, sine = (p * x)[active].sum(), p[active].sum()
        top = np.arctan2(sine, cosine)
        places = [left, right] + [top + k * np.pi for k in range(-3, 4)
                                  if left < top + k * np.pi < right]
        largest = max(largest, *(abs(cosine * np.cos(s) + sine * np.sin(s)) for s in places))
    p = p * min(1, decay / largest)
    bound = -n / 2 * p @ p - p @ y
    balance = decay * weights @ weights
    return energy, bound, (balance + 2 / n * (f - y) @ f) / balance


def rate(t, norm_squared):
    """-d log |w| / dt between t = 118 and 365."""
    begin, end = (at_time(t, norm_squared, time) for time in (118, 365))
    return float(np.log(begin / end)) / (2 * (365 - 118))


def at_time(t, values, time):
    return grokking.at(np.asarray(t), np.asarray(values), time)


test = loss(run, "test").values
tests = loss(draws, "test").values
late = draws_t > 100
halves = decay * np.array([grokking.half_time(draws_t, e, 5) for e in tests])
published_half = decay * grokking.half_time(*paper["test_loss"], 5)
end = tolerances["parameters"].values
error = np.linalg.norm(end - end[0], axis=2).max(axis=1)
rtol = tolerances["rtol"].values
good = np.isfinite(error) & (error > 0) & (rtol >= 1e-8) & (rtol <= 1e-5)
order = fits.power_law(rtol[good], error[good]).exponent
energy, bound, balance = least_energy(run["point"].values, run["target"].values,
                                      tolerances["parameters"].values[0, -1], decay)
published_loss, published_norm = paper["train_loss"][1][-1], paper["norm_squared"][1][-1]
rows = [
    ("|w|^2 at t = 2.8e4", paper["norm_squared"][1][-1], float(run["norm"][-1]) ** 2),
    ("training loss at t = 2.8e4", paper["train_loss"][1][-1], float(loss(run, "train")[-1])),
    ("  by gradient descent", published_loss, at(descent, loss(descent, "train"), 2.8e4)),
    ("  relative defect of lambda |w|^2 = -<w, grad F>", 0, f"{abs(balance):.0e}"),
    ("F + lambda/2 |w|^2: least of any network, ours", f"{bound:.10f}", f"{energy:.10f}"),
    ("  published", f"{bound:.5f} or more",
     f"{published_loss + decay / 2 * published_norm:.5f}"),
    ("|w|^2 with a training loss of 2.6e-4: published, least", published_norm,
     2 * (bound - published_loss) / decay),
    ("-d log|w| / dt, t = 118 to 365", f"{rate(*paper['norm_squared']):.3e}",
     f"{rate(t, run['norm'].values**2):.3e}"),
    ("test loss at t = 2.8e4", paper["test_loss"][1][-1], test[-1]),
    ("test loss at t = 5: median of 40 draws (80 % of them)", grokking.at(
        *paper["test_loss"], 5), spread_of([grokking.at(draws_t, e, 5) for e in tests])),
    ("least test loss after t = 100: the same", paper["test_loss"][1].min(),
     spread_of(tests[:, late].min(axis=1))),
    ("lambda t_half of the test loss: the same", published_half, spread_of(halves)),
    ("(|w_k|^2 + b_k^2 - a_k^2) e^{2 lambda t}, t <= 1e3: change", 0,
     f"{grokking.decay_defect(run, decay, 1e3):.0e}"),
    ("test loss at t = 100: flow, gradient descent", at(run, test, 100),
     at(descent, loss(descent, "test"), 100)),
    ("test loss at t = 1000: flow, gradient descent", at(run, test, 1000),
     at(descent, loss(descent, "test"), 1000)),
    ("largest defect of the energy identity in a decade", 0, float(run["energy_defect_max"])),
    ("steps, activation changes", None, f"{int(run['steps'])}, {int(run['events'])}"),
]
for k in range(len(rtol) - 1, 0, -1):
    rows.append((f"sup over t of |w - w(rtol = 1e-10)|, rtol = {rtol[k]:.0e}", None,
                 f"{error[k]:.1e} ({int(tolerances['steps'][k])} steps, "
                 f"{int(tolerances['events'][k])} changes)"))
rows.append(("  its order in rtol, 1e-8 to 1e-5", 1, f"{order:.2f}"))
style.table(rows)
