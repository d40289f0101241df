"""Inner and outer approximations of the small-epsilon theory over the computed risk."""

import numpy as np

import style
import timescales as ts
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
run = ts.open_run(options.runs, "baseline")
t, risk = ts.values(run, "time"), ts.values(run, "risk")
theory = ts.values(run, "risk_asymptotic")
parts = ts.values(run, "risk_component_asymptotic")
outer = ts.values(run, "second_component_outer")
c = ts.values(run, "risk_component")
predicted, measured = (ts.values(run, n) for n in ("predicted_component_time", "component_time"))

fig, (top, bottom) = plt.subplots(2, 1, figsize=(style.PAGE, 4.2), sharex=True,
                                  height_ratios=[1.7, 1])
top.plot(t[1:], risk[1:], color=style.GREY, lw=3, alpha=0.6, label="computed")
top.plot(t[1:], theory[1:], color=style.BLACK, lw=0.9, ls="--", label="matched")
levels = ts.values(run, "predicted_plateau_level")
top.plot(t[1:], parts[1:, 0] + levels[1], color=style.BLUE, lw=1.1,
         label="inner, degree 0: exponential")
near = (t > 3e-6) & (t < 2e-2)
top.plot(t[near], parts[near, 1] + levels[2], color=style.RED, lw=1.1,
         label="inner, degree 1: logistic")
top.plot(t, outer + levels[3], color=style.GREEN, lw=1.1, label="outer, degree 2")
top.set_ylabel("risk $R$")
top.set_ylim(-0.03, 1.3)
top.legend(loc="upper right")
bottom.plot(t[1:], np.abs(risk - theory)[1:], color=style.BLACK, lw=0.9, label="$R$")
for k in range(3):
    bottom.plot(t[1:], np.abs(c[1:, k] - parts[1:, k]), color=ts.DEGREE_COLORS[k], lw=0.9,
                label=f"$C_{k}$")
style.log_axis(bottom, "|computed $-$ matched|", 1e-8, 1)
bottom.legend(loc="upper left", ncol=4)
style.log_time_axis(bottom, t)
style.save(fig, options.out)
before = t < 10 * measured[1]
style.table([(f"t_{k}", predicted[k], measured[k]) for k in range(3)] + [
    ("largest |R - R_asymptotic|, t < 10 t_1", None, float(np.abs(risk - theory)[before].max())),
    ("largest |R - R_asymptotic|, all t", None, float(np.abs(risk - theory).max()))])
