"""Figure 4 of arXiv 2505.20172: a diagonal network. Losses and norm; predictions at three times."""

import os

import numpy as np

import grokking
import style
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()

run, free, product, draws = (
    style.load(os.path.join(options.runs, "diagonal_network" + name))
    for name in ("", "_gradient_flow", "_product", "_draws"))
paper = grokking.published(4)
decay = 1e-4
t = run["time"].values

fig = plt.figure(figsize=(style.PAGE, 3.5))
grid = fig.add_gridspec(1, 2, wspace=0.1)
left = grid[0].subgridspec(2, 1, height_ratios=[1.6, 1])
right = grid[1].subgridspec(3, 1)
losses, norm = (fig.add_subplot(g) for g in left)

spread = dict(lw=0, alpha=0.16, zorder=1)
for name, color in (("train", style.BLUE), ("test", style.RED)):
    low, high = np.nanquantile(draws[f"{name}_error"].values, [0.1, 0.9], axis=0)
    losses.fill_between(draws["time"], low, high, color=color, **spread)
    losses.plot(t, run[f"{name}_error"], color=color)
    losses.plot(free["time"], free[f"{name}_error"], ":", color=color, lw=1)
    grokking.points(losses, paper[f"{name}_loss"], color, t)
style.log_time_axis(losses, t)
style.log_axis(losses, "mean squared error", 3e-9, 1e4)
grokking.losses_legend(losses)
style.panel_label(losses, "(a)")

low, high = np.nanquantile(draws["norm"].values, [0.1, 0.9], axis=0)
norm.fill_between(draws["time"], low, high, color=style.GREEN, **spread)
norm.plot(t, run["norm"], color=style.GREEN)
norm.plot(free["time"], free["norm"], ":", color=style.GREEN, lw=1)
grokking.points(norm, paper["norm"], style.GREEN, t)
norm.axhline(3**0.5, color=style.BLACK, lw=0.7, ls="--")
norm.annotate(r"$\sqrt{3}$", (0.12, 3**0.5), xytext=(0, 2), textcoords="offset points", fontsize=8)
style.log_time_axis(norm, t)
norm.set_ylim(1.3, 4.4)
norm.set_ylabel(r"$\Vert w\Vert$")
grokking.shared_time(losses, norm)

x = run["grid_point"].values
for k, cell in enumerate(right):
    ax = fig.add_subplot(cell)
    time = float(run["snapshot_time"][k])
    curve, teacher, dots = grokking.prediction(ax, run, k)
    ax.set_xlim(-1, 1)
    low, high = (f(np.append(run["prediction"].values, run["teacher_on_grid"].values))
                 for f in (np.min, np.max))
    margin = 0.08 * (high - low)
    ax.set_ylim(low - margin, high + 3.6 * margin)
    ax.set_yticks([-2, 0, 2, 4])
    ax.text(0.985, 0.93, "$t = " + style.tex(time).strip("$") + "$",
            transform=ax.transAxes, ha="right", va="top", fontsize=8)
    if k == 0:
        style.panel_label(ax, "(b)")
        ax.legend([curve, teacher, dots], ["network", "teacher", "training points"], ncol=3,
                  loc="lower right", bbox_to_anchor=(1.02, 0.97), columnspacing=1.0)
    if k < 2:
        ax.tick_params(labelbottom=False)
    if k == 1:
        ax.set_ylabel("prediction")
ax.set_xlabel("$x$")
style.save(fig, options.out)

# A start like the published one: the draw whose norm and test error, up to the plateau, are nearest.
start = [0.2, 0.78, 2.7, 12, 28]


def features(time, error, size):
    return np.array([np.log(grokking.at(time, error, s)) for s in start]
                    + [grokking.at(time, size, s) for s in start])


draws_t = draws["time"].values
errors, norms = draws["test_error"].values, draws["norm"].values
wanted = np.array([np.log(grokking.at(*paper["test_loss"], s)) for s in start]
                  + [grokking.at(*paper["norm"], s) for s in start])
nearest = min(range(len(errors)),
              key=lambda k: np.linalg.norm(features(draws_t, errors[k], norms[k]) - wanted))
halves = decay * np.array([grokking.half_time(draws_t, e, 12) for e in errors])
plateaus = np.array([grokking.at(draws_t, e, 12) for e in errors])
published_half = decay * grokking.half_time(*paper["test_loss"], 12)
published_plateau = grokking.at(*paper["test_loss"], 12)


def span(values):
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


size = run["norm"].values
settled = draws_t[[np.flatnonzero(np.abs(n - 3**0.5) >= 1e-3)[-1] + 1 for n in norms]]
coefficients = run["effective_vector"].values[-1]
style.table([
    ("|w| at t = 3e5, beta = u^2 - v^2; sqrt(3)", 3**0.5, size[-1]),
    ("|w| at t = 3e5, beta = u v; sqrt(6)", 6**0.5, float(product["norm"][-1])),
    ("|beta|_1 at t = 3e5", 3, float(run["l1_norm"][-1])),
    ("largest |beta - beta*| at t = 1e5", 0, np.abs(coefficients - run["teacher"].values).max()),
    ("|w| within 1e-3 of its limit from t = (80 % of draws)", 1.7e5,
     "{1:.2g} ({0:.2g} to {2:.2g})".format(*np.quantile(settled, [0.1, 0.5, 0.9]))),
    ("test error at t = 3e5, beta = u^2 - v^2", "< 1e-05", float(run["test_error"][-1])),
    ("test error at t = 3e5, beta = u v", "< 1e-05", float(product["test_error"][-1])),
    ("test error at t = 3e5 without weight decay", None, float(free["test_error"][-1])),
    ("u_i v_i e^{2 lambda t}, t <= 1e4: relative change", 0,
     f"{grokking.decay_defect(run, decay, 1e4):.0e}"),
    ("(u_i^2 - v_i^2) e^{2 lambda t} of u v, the same", 0,
     f"{grokking.decay_defect(product, decay, 1e4):.0e}"),
    ("test error at t = 12 (published: one draw)", published_plateau,
     grokking.at(t, run["test_error"].values, 12)),
    (f"  median of {len(errors)} draws (80 % of them)", None, span(plateaus)),
    (f"  the draw most like the published one, seed {nearest}", published_plateau,
     plateaus[nearest]),
    ("lambda t_half of the test error (published: one draw)", published_half,
     decay * grokking.half_time(t, run["test_error"].values, 12)),
    (f"  median of {len(errors)} draws (80 % of them)", None, span(halves)),
    (f"  the draw most like the published one, seed {nearest}", published_half, halves[nearest]),
    ("steps of the solver to t = 3e5", None, int(run["steps"])),
])
