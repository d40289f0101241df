"""The two limits of the flow as lambda -> 0: errors with their orders, and the law of the jump."""

import os

import numpy as np

import fits
import style
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()

study, completion = (style.load(os.path.join(options.runs, "two_phases" + name))
                     for name in ("", "_completion"))
decays = study["weight_decay"].values
first, last = study["slow_window"].values[[0, -1]]
fast_end = study["fast_window"].values[-1]
ERRORS = (("fast_error", "fast", style.BLUE, "s", {}),
          ("slow_error", "slow", style.RED, "o", {}),
          ("composite_error", "composite, all $t$", style.BLACK, "o",
           {"mfc": "none", "ms": 7, "mew": 0.8}))
PROBLEMS = (  # runs, title, the same in a table, marker, colour
    (study.sel(parametrisation="difference"), r"$\beta = u^2 - v^2$", "beta = u^2 - v^2", "o",
     style.BLUE),
    (study.sel(parametrisation="product"), r"$\beta = u \odot v$", "beta = u v", "s", style.RED),
    (completion, r"$6 \times 6$ matrix, $UV^\top$", "6 x 6 matrix, U V'", "^", style.GREEN),
)

fig, panels = plt.subplots(2, 2, figsize=(style.PAGE, 4.6))
for ax, letter, (runs, title, *_) in zip(panels.flat, "abc", PROBLEMS):
    for name, label, color, marker, how in ERRORS:
        order, error = (float(runs[f"{name}_{what}"]) for what in ("exponent", "exponent_error"))
        prefactor = float(runs[name + "_prefactor"])
        x = np.array([decays[0] / 1.8, decays[-1] * 1.8])
        if name != "composite_error":
            ax.plot(x, prefactor * x**order, color=color, lw=0.8)
        ax.plot(decays, runs[name], marker, color=color, label=f"{label}: order {order:.3f}", **how)
    ax.set_xscale("log")
    ax.set_xlim(decays[0] / 2, decays[-1] * 2)
    style.log_ticks(ax.xaxis)
    style.log_axis(ax, "sup-distance" if letter in "ac" else None, 2e-7, 2e1)
    ax.set_xlabel(r"weight decay $\lambda$" if letter == "c" else "")
    ax.legend(loc="upper left", fontsize=7.5)
    ax.set_title(title)
    style.panel_label(ax, f"({letter})")

law = panels[1, 1]
for runs, label, _, marker, color in PROBLEMS:
    times = runs["slow_grok_time"].values
    law.plot(decays, 100 * (times / times[0] - 1), marker, color=color,
             label=f"{label}: {times[0]:.4f}")
law.axhspan(-1, 1, color=style.GREY, alpha=0.15, lw=0)
law.set_xscale("log")
law.set_xlim(decays[0] / 2, decays[-1] * 2)
style.log_ticks(law.xaxis)
law.set_ylim(-1.4, 3.8)
law.set_xlabel(r"weight decay $\lambda$")
law.set_ylabel(r"change of $\lambda\, t_{\mathrm{grok}}$ (%)")
law.legend(loc="upper left", title=r"$\lambda\, t_{\mathrm{grok}}$ at $\lambda = 10^{-6}$",
           title_fontsize=8, alignment="left")
style.panel_label(law, "(d)")
style.save(fig, options.out)


def law_at_one_level(runs):
    """lambda t at which the test error passes one level for all lambda: that of lambda = 1e-6."""
    end = float(runs["test_error"][0, -1])
    level = 0.5 * (float(runs["plateau_test_error"][0]) + end)
    passed = []
    for tau, error in zip(runs["slow_time"].values, runs["test_error"].values):
        k = np.flatnonzero((error[:-1] > level) & (error[1:] <= level) & (tau[1:] > 1e-3))[-1]
        near = slice(k - 2, k + 4)  # a cubic through four samples would do; six leave no doubt
        fit = np.polynomial.Polynomial.fit(error[near], np.log(tau[near]), 5)
        passed.append(np.exp(fit(level)))
    return np.array(passed)


def with_error(runs, name):
    return f"{float(runs[name + '_exponent']):.5f} +- {float(runs[name + '_exponent_error']):.1g}"


rows = []
for runs, _, text, *_ in PROBLEMS:
    times = runs["slow_grok_time"].values
    one_level = law_at_one_level(runs)
    drift = np.abs(one_level / one_level[0] - 1)
    drift_order = fits.power_law(decays[3:], drift[3:]).exponent
    rows += [
        (f"{text}: order of the slow error, tau in [{first:g}, {last:g}]", 1,
         with_error(runs, "slow_error")),
        (f"  order of the fast error, t <= {fast_end:g}", 1, with_error(runs, "fast_error")),
        (f"  order of the composite error, all t up to tau = {last:g}", 1,
         with_error(runs, "composite_error")),
        ("  slow error / lambda at lambda = 1e-6", None, float(runs["slow_error"][0]) / decays[0]),
        ("  exponent of t_grok in lambda", -1, with_error(runs, "grok_time")),
        ("  lambda t_grok at lambda = 1e-6", None, times[0]),
        ("  largest relative change of lambda t_grok to lambda = 1e-3", 0,
         np.abs(times / times[0] - 1).max()),
        ("  the same at one level of the test error for all lambda", 0, drift.max()),
        ("  order of that change in lambda", 1, drift_order),
    ]
style.table(rows)
