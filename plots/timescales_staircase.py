"""Risk against log t for falling epsilon; plateaus dotted, predicted learning times marked."""

import numpy as np

import style
import timescales as ts
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
runs = ts.open_run(options.runs, "staircase")
epsilon, t = ts.values(runs, "epsilon"), ts.values(runs, "time")
risk = ts.values(runs, "risk")
levels = ts.values(runs, "predicted_plateau_level")[-1][:3]
predicted = ts.values(runs, "predicted_component_time")
measured = ts.values(runs, "component_time")

fig, ax = plt.subplots(figsize=(style.PAGE, 3.1))
for level, text in zip(levels[1:], [r"$\frac{1}{2}\sum_{k\geq 1}\varphi_k^2$",
                                    r"$\frac{1}{2}\sum_{k\geq 2}\varphi_k^2$"]):
    ax.axhline(level, color=style.GREY, lw=0.8, ls=":")
    ax.annotate(text, (1.4e-10, level), xytext=(0, 1), textcoords="offset points", va="bottom")
marks = ["o", "s", "^"]
for k, (e, color) in enumerate(zip(epsilon, ts.sequence(len(epsilon)))):
    ax.plot(t[1:], risk[k, 1:], color=color, label=r"$\varepsilon = $" + style.tex(e))
    for degree in range(3):
        p = predicted[k, degree]
        if np.isfinite(p) and t[1] < p < t[-1]:
            ax.plot(p, ts.risk_at(t, risk[k], p), marks[degree], mfc="white", mec=color, ms=4.5,
                    zorder=3)
style.log_time_axis(ax, t)
ax.set_ylim(-0.03, 1.3)
ax.set_ylabel("risk $R$")
curves = ax.legend(loc="upper right", ncol=1)
ax.add_artist(curves)
handles = [plt.Line2D([], [], ls="", marker=m, mfc="white", mec=style.BLACK, ms=4.5) for m in marks]
ax.legend(handles, ["predicted $t_0$", "predicted $t_1$", "predicted $t_2$"], loc="center left",
          bbox_to_anchor=(0, 0.39))
style.save(fig, options.out)

rows = []
for k, e in enumerate(epsilon):
    for degree in range(3):
        rows.append((f"t_{degree} at epsilon = {e:g}", predicted[k, degree], measured[k, degree]))
found = ts.values(runs, "plateau_level")[-1]
rows += [("plateau before degree 1, smallest epsilon", levels[1], found[1]),
         ("plateau before degree 2, smallest epsilon", levels[2], found[2])]
style.table(rows)
