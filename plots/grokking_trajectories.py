"""Figure 1 of arXiv 2505.20172, made real: a typical run, and paths closing in on the slow flow."""

import os

import numpy as np

import grokking
import style
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()

typical = style.load(os.path.join(options.runs, "two_phases")).sel(
    parametrisation="product").sel(weight_decay=1e-5, method="nearest")
paths, slow = (style.load(os.path.join(options.runs, name)) for name in ("plane", "plane_slow_flow"))
decays = paths["weight_decay"].values
colors = [style.SEQUENCE(k / (len(decays) - 1)) for k in range(len(decays))]
lam = float(typical["weight_decay"])
start = paths["parameters"][0].values[0]


def slow_flow(tau):
    """w° on u v = 1 in closed form: (u^2 - v^2) e^{2 tau} keeps its value at the start w0."""
    half = 0.5 * (start[0]**2 - start[1]**2) * np.exp(-2 * tau)
    return np.sqrt(np.stack([np.hypot(half, 1) + half, np.hypot(half, 1) - half], axis=-1))


fig = plt.figure(figsize=(style.PAGE, 3.2))
grid = fig.add_gridspec(1, 3, width_ratios=[1, 1.22, 1.05])
left = grid[0].subgridspec(2, 1, height_ratios=[1.5, 1])
losses, norm = (fig.add_subplot(g) for g in left)
plane, distance = (fig.add_subplot(g) for g in (grid[1], grid[2]))

t = typical["time"].values
shown = t >= 1e-2
for name, color in (("train", style.BLUE), ("test", style.RED)):
    losses.plot(t[shown], typical[f"{name}_error"][shown], color=color, label=name)
style.log_time_axis(losses, t[shown])
style.log_axis(losses, "mean squared error", 1e-12, 1e4)
losses.legend(loc="upper right", ncol=2, columnspacing=0.8)
style.panel_label(losses, "(a)")
norm.plot(t[shown], typical["norm"][shown], color=style.GREEN)
style.log_time_axis(norm, t[shown])
norm.set_ylim(0, 1.15 * float(typical["norm"].max()))
norm.set_ylabel(r"$\Vert w\Vert$")
grokking.shared_time(losses, norm)

# (b): the loss, its curve of minima, the paths.
u, v = np.meshgrid(np.linspace(0, 3.1, 300), np.linspace(-1.3, 2.1, 300))
plane.contour(u, v, np.log10(0.5 * (u * v - 1) ** 2 + 1e-3), levels=8, colors=style.GREY,
              linewidths=0.4, linestyles="-", alpha=0.5)
curve = np.linspace(0.4, 3.1, 300)
plane.plot(curve, 1 / curve, color=style.BLACK, lw=3.5, alpha=0.15)
for k in reversed(range(len(decays))):
    w = paths["parameters"][k].values
    plane.plot(w[:, 0], w[:, 1], color=colors[k], lw=1.1, zorder=3)
w = slow["parameters"].values
plane.plot(w[:, 0], w[:, 1], color=style.BLACK, lw=1.0, ls=style.LINE_STYLES[2], zorder=4)
for place, text, offset, align in ((start, "$w_0$", (4, -9), "left"),
                                   (w[0], r"$\Phi(w_0)$", (4, 4), "left"),
                                   ((1, 1), r"$w^\star$", (5, 4), "left")):
    plane.plot(*place, "o", color=style.BLACK, ms=3.5, zorder=5)
    plane.annotate(text, place, xytext=offset, textcoords="offset points", ha=align)
plane.set_xlim(0.6, 3.1)
plane.set_ylim(-1.2, 1.8)
plane.set_aspect("equal")
zoom = plane.inset_axes([0.09, 0.07, 0.44, 0.3])
zoom.plot(curve, 1 / curve, color=style.BLACK, lw=5, alpha=0.15)
for k in reversed(range(len(decays))):
    zoom.plot(*paths["parameters"][k].values.T, color=colors[k], lw=1.0, zorder=3)
zoom.plot(*w.T, color=style.BLACK, lw=1.0, ls=style.LINE_STYLES[2], zorder=4)
zoom.set_xlim(2.3, 2.5)
zoom.set_ylim(0.33, 0.45)
zoom.set_xticks([])
zoom.set_yticks([])
plane.indicate_inset_zoom(zoom, edgecolor=style.BLACK, lw=0.5, alpha=0.6)
plane.set_xlabel("$u$")
plane.set_ylabel("$v$")
plane.legend(handles=grokking.key([(r"$uv = 1$", {"color": style.BLACK, "lw": 3.5, "alpha": 0.15}),
                                   (r"$w^\circ$", {"color": style.BLACK, "lw": 1.0,
                                                   "ls": style.LINE_STYLES[2]})]),
             loc="upper right")
style.panel_label(plane, "(b)")

# (c): the distance from w°, here in its closed form, over all tau: also where the limit is not near.
for k in reversed(range(len(decays))):
    tau = paths["slow_time"][k].values
    gap = np.linalg.norm(paths["parameters"][k].values - slow_flow(tau), axis=1)
    distance.plot(tau[1:], gap[1:], color=colors[k], lw=1.1, label=style.tex(decays[k]))
    distance.plot([tau[-1] / 6, tau[-1]], [decays[k] / 2**0.5] * 2, color=style.BLACK, lw=0.8,
                  ls="--", zorder=4)
style.log_time_axis(distance, [1e-7, 8], r"slow time $\tau = \lambda t$")
style.log_axis(distance, r"$\Vert w^\lambda(\tau/\lambda) - w^\circ(\tau)\Vert$", 1e-7, 3e3)
handles, labels = distance.get_legend_handles_labels()
handles += grokking.key([(r"$\lambda/\sqrt{2}$", {"color": style.BLACK, "lw": 0.8, "ls": "--"})])
distance.legend(handles, labels + [handles[-1].get_label()], title=r"$\lambda$ in (b), (c)", ncol=3,
                loc="upper center", columnspacing=0.7, handlelength=1.1, fontsize=7,
                title_fontsize=8)
style.panel_label(distance, "(c)")
style.save(fig, options.out)

ends = paths["final_state"].values
slow_tau = slow["time"].values
closed = slow_flow(slow_tau)


def order(name):
    return f"{float(paths[name + '_exponent']):.4f} +- {float(paths[name + '_exponent_error']):.1g}"


tau_end = float(paths["slow_time"][0, -1])
style.table([
    ("u of Phi(w0): its closed form", closed[0][0], w[0][0]),
    ("v of Phi(w0): its closed form", closed[0][1], w[0][1]),
    ("largest distance of w° from its closed form", 0, np.abs(w - closed).max()),
    ("largest |u v - 1| along w°", 0, np.abs(w[:, 0] * w[:, 1] - 1).max()),
    ("order of the slow error, tau in [0.1, 4]", 1, order("slow_error")),
    ("order of the composite error", 1, order("composite_error")),
    (f"u at tau = {tau_end:g}, lambda = 0.1; sqrt(1 - lambda)", 0.9**0.5, ends[-1][0]),
    ("slow error / lambda at lambda = 1e-6; 1/sqrt(2)", 0.5**0.5,
     float(paths["slow_error"][0]) / decays[0]),
    (f"train error at the end of (a), lambda = {lam:g}", None, float(typical["train_error"][-1])),
    ("test error on its plateau, and at the end of (a)",
     float(typical["plateau_test_error"]), float(typical["test_error"][-1])),
])
