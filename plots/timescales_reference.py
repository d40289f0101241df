"""The reference table: half times of C_0, C_1, C_2 and the risk half-way between them."""

import math

import style
import timescales as ts
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
runs = ts.open_run(options.runs, "reference")
# epsilon, t_0, t_1, t_2, risk at sqrt(t_0 t_1) and sqrt(t_1 t_2), from an independent solver.
TABLE = [(1e-3, 2.177e-3, 1.314e-1, 2.288e-1, .7061, .3193),
         (1e-5, 2.178e-5, 2.499e-2, 1.162e-1, .7211, .1694),
         (1e-7, 2.178e-7, 3.270e-3, 4.444e-2, .7222, .2090),
         (1e-9, 2.178e-9, 4.002e-4, 1.439e-2, .7222, .2195),
         (1e-11, 2.178e-11, 4.731e-5, 4.628e-3, .7222, .2217)]
t, risk = ts.values(runs, "time"), ts.values(runs, "risk")
times = ts.values(runs, "component_time")
fig, ax = plt.subplots(figsize=(style.PAGE, 2.7))
rows = []
for k, (row, color) in enumerate(zip(TABLE, ts.sequence(len(TABLE)))):
    ax.plot(t[1:], risk[k, 1:], color=color, label=r"$\varepsilon = $" + style.tex(row[0]))
    halves = [math.sqrt(times[k, 0] * times[k, 1]), math.sqrt(times[k, 1] * times[k, 2])]
    got = list(times[k, :3]) + [ts.risk_at(t, risk[k], h) for h in halves]
    for x, y in zip(halves, row[4:]):
        ax.plot(x, y, "o", mfc="white", mec=color, zorder=3)
    names = ["t_0", "t_1", "t_2", "risk at sqrt(t_0 t_1)", "risk at sqrt(t_1 t_2)"]
    for name, expected, value in zip(names, row[1:], got):
        digits = "{:.3e}" if name.startswith("t") else "{:.4f}"
        rows.append((f"{name}, epsilon = {row[0]:g}", digits.format(expected),
                     digits.format(value)))
for level in (13 / 18, 2 / 9):
    ax.axhline(level, color=style.GREY, lw=0.8, ls=":")
handles, labels = ax.get_legend_handles_labels()
handles.append(plt.Line2D([], [], ls="", marker="o", mfc="white", mec=style.BLACK))
ax.legend(handles, labels + ["reference"], loc="upper right")
style.log_time_axis(ax, t)
ax.set_ylabel("risk $R$")
ax.set_ylim(-0.03, 1.3)
style.save(fig, options.out)
style.table(rows, header=("quantity", "reference", "measured"))
