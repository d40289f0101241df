"""How many ReLU neurons a minimum takes: best loss found against width, N^2/4 marked."""

import os

import numpy as np

import style
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
DECAY = 0.02
ARRIVED = 1e-4  # above the least loss
LEAST = 1e-17  # of what is drawn; rounding is below
# Best found with one neuron fewer by an independent script.
ONE_FEWER = {4: "5.10e-3", 6: "2.1e-3 to 2.3e-3", 8: "1.59e-3"}


def least_loss(n):
    """L* = lambda N^2 - lambda^2 N (N - 1), of |.|^2/N + lambda |w|^2: twice gradflow's."""
    return DECAY * n**2 - DECAY**2 * n * (n - 1)


fig, ax = plt.subplots(figsize=(style.COLUMN + 0.9, 2.8))
rows = []
for n, color in ((4, style.BLUE), (6, style.RED), (8, style.GREEN)):
    folder = os.path.join(options.runs, f"bipartite_{n}")
    if n == 8 and not os.path.isfile(os.path.join(folder, "result.nc")):
        continue  # takes its time, and is no part of `gradflow figures`
    run = style.load(folder).isel(direction=0, weight_decay=0)
    above = 2 * run["regularised_loss"].values - least_loss(n)
    widths, needed = run["width"].values, n * n // 4
    best = np.nanmin(above, axis=1)
    ax.plot(widths / needed, np.maximum(best, LEAST), "o-", color=color, ms=3.5, lw=1,
            label=rf"$N = {n}$: $N^2/4 = {needed}$, $N(N+1) = {n * (n + 1)}$")
    for w, values in zip(widths, above):
        ax.plot(np.full(values.size, w / needed), np.maximum(values, LEAST), ".", color=color, ms=1.6,
                alpha=0.5)
    at, fewer = list(widths).index(needed), list(widths).index(needed - 1)
    share = np.mean(above[at] < ARRIVED)
    rows += [(f"N = {n}: 2 (F + lambda/2 |w|^2) at best", f"{least_loss(n):.10f}",
              f"{least_loss(n) + best[at]:.10f}"),
             (f"  best - L* with {needed - 1} neurons", ONE_FEWER[n], float(best[fewer])),
             (f"  starts of {above.shape[1]} that arrive within 1e-4, {needed} neurons", None,
              f"{share:.2f}")]
ax.plot([], [], ".", color=style.GREY, ms=1.6, label="single starts")
ax.axvline(1, color=style.GREY, lw=0.8, ls=":")
style.log_axis(ax, "loss above $L^*$", LEAST / 2, 5)  # the worst starts end near 1
ax.axhline(ARRIVED, color=style.GREY, lw=0.5, label=r"$10^{-4}$: arrived")
ax.set_xlabel("width over $N^2/4$")
ax.legend(loc="center right", bbox_to_anchor=(1.0, 0.42), fontsize=7.5)
style.save(fig, options.out)
style.table(rows)
