"""Learning times against epsilon over ten decades with fitted and predicted exponents."""

import numpy as np

import fits
import style
import timescales as ts
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
two = ts.open_run(options.runs, "exponents")
three = ts.open_run(options.runs, "exponents_degree3")
epsilon = ts.values(two, "epsilon")
t, t3 = ts.values(two, "component_time"), ts.values(three, "component_time")
spread = float(two["initial_spread"][0])
log_prefactor = 4 * 2 * (2**0.5 - 1) / spread  # kappa = |phi_1/sigma_1| = 2
window = epsilon <= 1.01e-10
tail = epsilon <= 1.01e-12
windows = [
    ("t_0", epsilon, t[:, 0], window, {}, "1"),
    ("t_1, logarithm taken out", epsilon, t[:, 1], window, {"log_prefactor": log_prefactor}, "1/2"),
    ("t_2 - t_1, with a term eps^(1/12)", epsilon, t[:, 2] - t[:, 1], window,
     {"correction": 1 / 12}, "1/4"),
    ("t_3 (sigma = h_0 + ... + h_3)", epsilon, t3[:, 3], window, {}, "1/6"),
    ("t_3, epsilon <= 1e-12", epsilon, t3[:, 3], tail, {}, "1/6"),
]
rows, constants = [], {}
for name, e, times, mask, kind, theory in windows:
    law = fits.power_law(e[mask], times[mask], **kind)
    rows.append((f"exponent of {name}", theory,
                 ts.with_error(law.exponent, 2 * law.error + law.drift)))
    constants[name] = law.constant
rows += [
    ("constant of t_0: ln 2/(2 sigma_0^2)", np.log(2) * np.pi, constants["t_0"]),
    ("constant of t_1: 1/(2 lambda)", 1.0, constants["t_1, logarithm taken out"]),
    ("constant of t_2: T*", float(two["predicted_blow_up"][0]),
     constants["t_2 - t_1, with a term eps^(1/12)"]),
    ("(t_2 - t_1)/eps^(1/4) at 1e-10 (reference 2.537)", 2.537,
     (t[12, 2] - t[12, 1]) / epsilon[12]**0.25),
    ("(t_2 - t_1)/eps^(1/4) at 1e-14 (reference 2.655)", 2.655,
     (t[20, 2] - t[20, 1]) / epsilon[20]**0.25),
]

fig, (left, right) = plt.subplots(1, 2, figsize=(style.PAGE, 3.2), width_ratios=[1.15, 1])
curves = [("$t_0$", t[:, 0], 1, style.BLUE), ("$t_1$", t[:, 1], 0.5, style.RED),
          ("$t_2$", t[:, 2], 0.25, style.GREEN), ("$t_3$", t3[:, 3], 1 / 6, style.ORANGE)]
middle = np.sqrt(epsilon[1:] * epsilon[:-1])
for name, times, power, color in curves:
    left.plot(epsilon, times, "o", color=color, ms=3, label=name)
    left.plot(epsilon, times[-1] * (epsilon / epsilon[-1])**power, color=color, lw=0.8)
    local = np.diff(np.log(times)) / np.diff(np.log(epsilon))
    right.plot(middle, local, "o-", color=color, ms=3, lw=0.8)
    right.axhline(power, color=color, lw=0.8, ls=":")
log_term = np.log(log_prefactor / epsilon**0.5)
local = np.diff(np.log(t[:, 1] / log_term)) / np.diff(np.log(epsilon))
right.plot(middle, local, "s-", color=style.RED, mfc="white", ms=3, lw=0.8)
left.set_xscale("log")
style.log_ticks(left.xaxis)
style.log_axis(left, "half time $t_k$")
left.set_xlabel(r"$\varepsilon$")
handles, labels = left.get_legend_handles_labels()
left.legend(handles + [plt.Line2D([], [], color=style.GREY, lw=0.8)], labels + ["predicted slope"],
            loc="lower right")
right.set_xscale("log")
style.log_ticks(right.xaxis)
right.set_xlabel(r"$\varepsilon$")
right.set_ylabel(r"local exponent $d\log t_k/d\log\varepsilon$")
right.axhline(0, color=style.GREY, lw=0.5)
right.set_ylim(-0.14, 1.08)  # t_3 rises as epsilon falls, for a while
right.legend([plt.Line2D([], [], color=style.RED, marker="s", mfc="white", ms=3, lw=0.8),
              plt.Line2D([], [], color=style.GREY, ls=":", lw=0.8)],
             [r"$t_1$, logarithm taken out", "predicted"], loc="center right",
             bbox_to_anchor=(1, 0.72))
for ax, text in ((left, "(a)"), (right, "(b)")):
    style.panel_label(ax, text)
style.save(fig, options.out)
style.table(rows)
