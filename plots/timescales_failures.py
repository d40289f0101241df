"""Where the canonical learning order fails: six targets and initial laws, three epsilons each."""

import numpy as np

import style
import timescales as ts
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
# config, what it has, expected half time (degree, value; None: never) in the limit of small epsilon
CASES = [("first", r"$\varphi_1 = 0$", 2, None),
         ("equal", "all $a_i$ equal", 2, .458),
         ("two_points", r"$a_i = \pm 1$", 2, .299),
         ("gap_same", r"$\varphi_2 = 0$, $\sigma_1\varphi_1\sigma_3\varphi_3 > 0$", 3, "O(1)"),
         ("gap_opposite", r"$\varphi_2 = 0$, $\sigma_1\varphi_1\sigma_3\varphi_3 < 0$", 3, None),
         ("never", r"$\sigma_3 = 0 \neq \varphi_3$", 3, None)]
fig, axes = plt.subplots(2, 3, figsize=(style.PAGE, 3.9), sharex=True, sharey=True)
rows = []
for ax, letter, (name, title, degree, expected) in zip(axes.flat, "abcdef", CASES):
    runs = ts.open_run(options.runs, "fails_" + name)
    epsilon, t = ts.values(runs, "epsilon"), ts.values(runs, "time")
    risk, times = ts.values(runs, "risk"), ts.values(runs, "component_time")
    for k, color in enumerate(ts.sequence(len(epsilon))):
        ax.plot(t[1:], risk[k, 1:], color=color, lw=1.1,
                label=r"$\varepsilon = $" + style.tex(epsilon[k]))
    for level in ts.values(runs, "predicted_plateau_level")[0][1:degree + 1]:
        ax.axhline(level, color=style.GREY, lw=0.7, ls=":")
    style.log_time_axis(ax, t, label="time $t$" if letter in "def" else "")
    ax.set_title(f"({letter}) {title}", loc="left")
    shown = times[-1, degree]
    rows.append((f"({letter}) {name}: half time of degree {degree}, epsilon = {epsilon[-1]:g}",
                 "never" if expected is None else expected,
                 "never" if not np.isfinite(shown) else shown))
    if name == "equal":
        rows.append(("(b) equal: half time of degree 1", .154, times[-1, 1]))
    if name == "gap_opposite":
        rows.append(("(e) gap_opposite: risk at t = 200", .125, risk[-1, -1]))
    if name == "first":
        rows.append(("(a) first: risk at t = 200", 2 / 9, risk[-1, -1]))
    rows.append((f"({letter}) {name}: degrees learnt in canonical order", "fewer than all",
                 int(ts.values(runs, "canonical_degrees")[-1])))
axes[0, 0].legend(loc="upper right", fontsize=7)
for ax in axes[:, 0]:
    ax.set_ylabel("risk $R$")
axes[0, 0].set_ylim(-0.03, 1.45)
style.save(fig, options.out)
style.table(rows)
