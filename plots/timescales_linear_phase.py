"""The linear phase: sigma_1 M_1/phi_1 against the logistic of the theory, by epsilon."""

import numpy as np

import style
import timescales as ts
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
runs = ts.open_run(options.runs, "exponents")
epsilon, t = ts.values(runs, "epsilon"), ts.values(runs, "time")
moment = ts.values(runs, "alignment")[:, :, 1]
predicted = ts.values(runs, "predicted_component_time")[:, 1]
spread = float(runs["initial_spread"][0])
published = {1e-4: .11, 1e-6: .032, 1e-8: .0043, 1e-10: 5e-4, 1e-12: 6e-5}

fig, (left, right) = plt.subplots(1, 2, figsize=(style.PAGE, 2.9), width_ratios=[1.4, 1])
chosen = [int(np.argmin(np.abs(np.log(epsilon / e)))) for e in published]
errors, rows = [], []
for k in range(len(epsilon)):
    inside = t <= 3 * predicted[k]
    time = t[inside]
    logistic = 1 / (1 + 8 / (spread * epsilon[k]**0.5) * np.exp(-time / epsilon[k]**0.5))
    progress = -0.5 * moment[k, inside]
    errors.append(float(np.max(np.abs(progress - logistic))))
    if k in chosen:
        color = ts.sequence(len(chosen))[chosen.index(k)]
        left.plot(time / epsilon[k]**0.5, progress, color=color,
                  label=r"$\varepsilon = $" + style.tex(list(published)[chosen.index(k)]))
        left.plot(time / epsilon[k]**0.5, logistic, color=style.BLACK, lw=0.8, ls=":")
        rows.append((f"sup error of the logistic, epsilon = {epsilon[k]:g}",
                     list(published.values())[chosen.index(k)], errors[-1]))
left.set_xlim(0, 30)
left.set_ylim(-0.05, 1.2)
left.set_xlabel(r"$t/\sqrt{\varepsilon}$")
left.set_ylabel(r"$\sigma_1 M_1/\varphi_1$")
handles, labels = left.get_legend_handles_labels()
left.legend(handles + [plt.Line2D([], [], color=style.BLACK, lw=0.8, ls=":")],
            labels + ["logistic"], loc="lower right")
right.plot(epsilon, errors, "o-", color=style.RED, lw=0.8, ms=3, label="computed")
right.plot(list(published), list(published.values()), "s", color=style.BLUE, mfc="white",
           label="reference")
right.set_xscale("log")
style.log_ticks(right.xaxis)
style.log_axis(right, "sup error over $t < 3t_1$")
right.set_xlabel(r"$\varepsilon$")
right.legend(loc="lower right")
for ax, text in ((left, "(a)"), (right, "(b)")):
    style.panel_label(ax, text)
style.save(fig, options.out)
style.table(rows, header=("quantity", "reference", "measured"))
