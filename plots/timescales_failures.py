"""Where the canonical learning order fails: seven targets and initial laws, and networks too narrow."""

import numpy as np

import fits
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
         ("never", r"$\sigma_3 = 0 \neq \varphi_3$", 3, None),
         ("two_missing", r"$\varphi_2 = \varphi_3 = 0$", 4, "epsilon^(-1/4)")]
fig, axes = plt.subplots(2, 4, figsize=(style.PAGE, 3.7), sharex=True, sharey=True)
rows = []
for ax, letter, (name, title, degree, expected) in zip(axes.flat, "abcdefg", CASES):
    runs = ts.open_run(options.runs, "fails_" + name)
    epsilon, t = ts.values(runs, "epsilon"), ts.values(runs, "time")
    risk, times = ts.values(runs, "risk"), ts.values(runs, "component_time")
    colors = [style.SEQUENCE(np.log10(1e-4 / e) / 8) for e in epsilon]
    for k, color in enumerate(colors):
        if round(np.log10(epsilon[k])) % 2:
            continue  # computed for the fit
        ax.plot(t[1:], risk[k, 1:], color=color, lw=1.1,
                label=r"$\varepsilon = $" + style.tex(epsilon[k]))
    for level in ts.values(runs, "predicted_plateau_level")[0][1:degree + 1]:
        ax.axhline(level, color=style.GREY, lw=0.7, ls=":")
    style.log_time_axis(ax, t, label="time $t$" if letter in "efg" else "")
    ax.set_title(f"({letter}) {title}", loc="left", fontsize=9)
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
    if name == "two_missing":
        late = epsilon <= 1.01e-8
        law = fits.power_law(epsilon[late], times[late, 4])
        rows.append(("(g) two_missing: exponent of t_4 in epsilon, epsilon <= 1e-8", "-1/4",
                     ts.with_error(law.exponent, 2 * law.error + law.drift)))
        rows.append(("(g) two_missing: the same from the last two epsilons alone", "-1/4",
                     float(np.diff(np.log(times[-2:, 4]))[0] / np.diff(np.log(epsilon[-2:]))[0])))

# Too narrow: the overlap system at d = infinity, beside the reduced one.
ax = axes[1, 3]
narrow, wide = ts.open_run(options.runs, "fails_narrow"), ts.open_run(options.runs, "staircase")
m, t = ts.values(narrow, "width"), ts.values(narrow, "time")
limit = int(np.argmin(np.abs(ts.values(wide, "epsilon") - 1e-4)))
for k, color in enumerate(ts.sequence(len(m))):
    ax.plot(t[1:], ts.values(narrow, "risk")[k, 1:], color=color, lw=1.1, label=f"$m = {int(m[k])}$")
ax.plot(ts.values(wide, "time")[1:], ts.values(wide, "risk")[limit, 1:], color=style.BLACK, lw=0.8,
        ls="--", label="reduced")
for level in ts.values(narrow, "predicted_plateau_level")[0][1:3]:
    ax.axhline(level, color=style.GREY, lw=0.7, ls=":")
ax.set_title(r"(h) narrow, $\varepsilon = 10^{-4}$", loc="left", fontsize=9)
ax.legend(loc="upper right", fontsize=6.5)
style.log_time_axis(ax, t)
for k in range(len(m)):
    rows.append((f"(h) narrow, m = {int(m[k])}: t_1, degrees learnt in canonical order",
                 "late, fewer" if m[k] < 100 else None,
                 f"{ts.values(narrow, 'component_time')[k, 1]:.3g}, "
                 f"{int(ts.values(narrow, 'canonical_degrees')[k])}"))
rows.append(("(h) reduced system: t_1, degrees learnt in canonical order", None,
             f"{ts.values(wide, 'component_time')[limit, 1]:.3g}, "
             f"{int(ts.values(wide, 'canonical_degrees')[limit])}"))
# The curves that all panels have, and those of (g) alone.
handles, labels = axes[1, 2].get_legend_handles_labels()
shared = len(axes[0, 0].get_legend_handles_labels()[0])
level = plt.Line2D([], [], color=style.GREY, lw=0.7, ls=":")
axes[0, 0].legend(handles[:shared] + [level], labels[:shared] + ["plateaus"], loc="upper right",
                  fontsize=6.5)
axes[1, 2].legend(handles[shared:], labels[shared:], loc="upper right", fontsize=6.5)
for ax in axes[:, 0]:
    ax.set_ylabel("risk $R$")
axes[0, 0].set_ylim(-0.03, 1.45)
style.save(fig, options.out)
style.table(rows)
