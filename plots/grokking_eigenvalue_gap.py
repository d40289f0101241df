"""Fast and slow modes along the run of figure 4: spectrum, gap, speed in the fast modes, distance."""

import os

import numpy as np

import grokking
import style
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()

run = style.load(os.path.join(options.runs, "eigenvalue_gap")).isel(time=slice(1, None))
decay = 1e-4
t = run["time"].values
values = run["hessian_eigenvalues"].values
positions = run["eigenvalue"].values
kernel = run["tangent_kernel_eigenvalues"].values
samples = kernel.shape[1]
fit, jump = float(run["fit_time"]), float(run["grok_time"])

fig, panels = plt.subplots(2, 2, figsize=(style.PAGE, 4.2), sharex=True)
(spectrum, counts), (gap, share) = panels

for k in np.flatnonzero(positions > 0):
    spectrum.plot(t, np.where(values[:, k] > 0, values[:, k], np.nan), color=style.BLUE, lw=0.9)
for k in np.flatnonzero(positions < 0):
    spectrum.plot(t, np.where(values[:, k] > 0, values[:, k], np.nan), color=style.SKY, lw=0.7)
    spectrum.plot(t, np.where(values[:, k] < 0, -values[:, k], np.nan), color=style.SKY, lw=0.7,
                  ls=":")
spectrum.axhline(decay, color=style.BLACK, lw=0.7, ls="--")
style.log_axis(spectrum, r"eigenvalues of $\nabla^2 F + \lambda$", 1e-7, 1e4)
spectrum.legend(handles=grokking.key([
    ("ten largest", {"color": style.BLUE, "lw": 0.9}),
    ("ten smallest", {"color": style.SKY, "lw": 0.9}),
    ("ten smallest, negative", {"color": style.SKY, "lw": 0.9, "ls": ":"}),
    (r"$\lambda$", {"color": style.BLACK, "lw": 0.7, "ls": "--"})]), ncol=2, loc="upper right",
    columnspacing=1.0, fontsize=7.5)

fast = run["fast_modes"].values
counts.plot(t, fast, ".", ms=3, color=style.BLUE)
support = int((np.abs(run["teacher"].values) > 0).sum())
for count, text in ((samples, f"{samples} training points"), (support, f"{support} coefficients of the teacher")):
    counts.axhline(count, color=style.BLACK, lw=0.7, ls="--")
    counts.annotate(text, (60, count), xytext=(0, 3), textcoords="offset points", fontsize=8)
style.log_axis(counts, "number of fast modes", 1, 400)

gap.plot(t, run["spectral_gap"], color=style.GREEN)
style.log_axis(gap, "gap between fast and slow", 1, 1e4)

velocity = run["fast_velocity_share"].values
share.plot(t, velocity, color=style.RED, label=r"share of $\Vert w'\Vert^2$ in the fast modes")
share.plot(t, run["manifold_distance"], color=style.PURPLE, label="distance to the minimisers")
share.plot(t, run["kkt_residual"], color=style.ORANGE, label=r"$\Vert P_{\ker J}w\Vert$")
style.log_axis(share, None, 1e-15, 1e8)
share.legend(loc="upper right", fontsize=7.5)

# Where no gap is above 10 there are no fast modes to speak of.
without = np.concatenate([[False], fast == 0, [False]])
edges = np.flatnonzero(without[1:] != without[:-1])
for first, last in zip(edges[::2], edges[1::2] - 1):
    for ax in (counts, gap, share):
        ax.axvspan(t[first], t[last], color=style.GREY, alpha=0.15, lw=0, zorder=0)
gap.axhline(10, color=style.BLACK, lw=0.7, ls="--")
for ax in (counts, share):
    ax.annotate("no gap above 10:\nno fast modes", (t[0], 0), xytext=(4, 5), va="bottom",
                xycoords=("data", "axes fraction"), textcoords="offset points", fontsize=8)
gap.annotate("10", (t[0], 10), xytext=(4, 2), textcoords="offset points", fontsize=8)

for ax, letter in zip(panels.flat, "abcd"):
    style.log_time_axis(ax, t, "time $t$" if letter in "cd" else "")
    for time, text in ((fit, "fit"), (jump, "grok")):
        ax.axvline(time, color=style.GREY, lw=0.7, ls=":")
        if letter == "c":
            ax.annotate(r"$t_{\mathrm{%s}}$" % text, (time, 3e3), xytext=(3, 0),
                        textcoords="offset points", fontsize=8)
    style.panel_label(ax, f"({letter})")
style.save(fig, options.out)

drift = (t > 100) & (t < jump)
after = velocity[drift]
style.table([
    ("training error below 1e-3 of its start at t =", None, fit),
    ("test error halfway down at t =", None, jump),
    (f"fast modes, t from 100 to {jump:.4g}: training points", str(samples),
     f"{int(fast[drift].min())} to {int(fast[drift].max())}"),
    ("fast modes at t = 3e5: coefficients of the teacher", str(support), str(int(fast[-1]))),
    (f"gap, t from 100 to {jump:.4g}", None,
     f"{float(run['spectral_gap'].values[drift].min()):.3g} to "
     f"{float(run['spectral_gap'].values[drift].max()):.3g}"),
    (f"share of |w'|^2 in the fast modes, t from 100 to {jump:.4g}: largest", 0, after.max()),
    ("sharpness at t = 3e5", None, float(run["sharpness"][-1])),
    ("smallest eigenvalue of J J^T at t = 100, 3e5", None,
     f"{kernel[np.searchsorted(t, 100), -1]:.3g}, {kernel[-1, -1]:.3g}"),
    ("|P w| at t = 100, 3e5 (KKT: 0)", None,
     f"{float(run['kkt_residual'][np.searchsorted(t, 100)]):.3g}, "
     f"{float(run['kkt_residual'][-1]):.3g}"),
    ("distance to the minimisers at t = 100, 3e5", None,
     f"{float(run['manifold_distance'][np.searchsorted(t, 100)]):.3g}, "
     f"{float(run['manifold_distance'][-1]):.3g}"),
])
