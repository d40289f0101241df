"""Learning times of the reduced system as the number of neurons grows."""

import numpy as np

import style
import timescales as ts
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
large = ts.open_run(options.runs, "widths")
small = ts.open_run(options.runs, "widths_small_epsilon")
runs = [(1e-4, ts.values(large, "width"), ts.values(large, "component_time"))]
for k, epsilon in enumerate(ts.values(small, "epsilon")):
    runs.append((epsilon, ts.values(small, "width"), ts.values(small, "component_time")[k]))

rows = []
fig, ax = plt.subplots(figsize=(style.PAGE, 3.0))
marks = ["o", "s", "^"]
for (epsilon, m, t), mark in zip(runs, marks):
    for k in (1, 2):
        # Quantiles are a midpoint rule: errors in 1/m^2, taken out between the last two widths. The
        # error is what that changed, and no less than the integrator's at rtol 1e-8.
        correction = (t[-1, k] - t[-2, k]) / ((m[-1] / m[-2])**2 - 1)
        limit = t[-1, k] + correction
        error = max(abs(correction), 1e-8 * limit)
        change = np.abs(t[:, k] / limit - 1)
        clear = change > 3e-8
        clear[-1] = False
        ax.plot(m[clear], change[clear], mark, color=ts.DEGREE_COLORS[k], ms=4, mfc="white",
                label=f"$t_{k}$, " + r"$\varepsilon = $" + style.tex(epsilon))
        x, y = m[clear], change[clear]
        ax.plot(x, y[-1] * (x / x[-1])**-2, color=ts.DEGREE_COLORS[k], lw=0.7)
        rows.append((f"t_{k} at epsilon = {epsilon:g}, limit from m <= {m[-1]:g}", None,
                     ts.with_error(limit, error)))
        rows.append((f"  exponent in m of |t_{k}(m) - limit|, last two clear of the solver's error",
                     "-2", float(np.log(y[-1] / y[-2]) / np.log(x[-1] / x[-2]))))
    rows.append((f"  largest change of t_0 over all m, relative, epsilon = {epsilon:g}", "0",
                 float(np.abs(t[:, 0] / t[-1, 0] - 1).max())))
ax.set_xscale("log")
style.log_ticks(ax.xaxis)
style.log_axis(ax, r"$|t_k(m)/t_k(\infty) - 1|$")
ax.set_xlabel("width $m$")
handles, labels = ax.get_legend_handles_labels()
ax.legend(handles + [plt.Line2D([], [], color=style.GREY, lw=0.7)], labels + ["$m^{-2}$"],
          loc="center left", bbox_to_anchor=(1, 0.5))

m, seconds, steps = (ts.values(large, name) for name in ("width", "wall_seconds", "steps"))
rows += [("steps at the smallest and the largest m", None, f"{int(steps[0])}, {int(steps[-1])}"),
         (f"seconds at m = {int(m[-1])}", "minutes", round(float(seconds[-1])))]
style.save(fig, options.out)
style.table(rows)
