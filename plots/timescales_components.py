"""Hermite components of the risk against log t with the predicted and measured learning times."""

import style
import timescales as ts
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
run = ts.open_run(options.runs, "baseline")
t, c = ts.values(run, "time"), ts.values(run, "risk_component")
predicted, measured = (ts.values(run, n) for n in ("predicted_component_time", "component_time"))
epsilon = 1e-8

fig, ax = plt.subplots(figsize=(style.PAGE, 2.8))
ax.plot(t[1:], ts.values(run, "risk")[1:], color=style.BLACK, lw=0.9, label="risk $R$")
for k in range(3):
    ax.plot(t[1:], c[1:, k], color=ts.DEGREE_COLORS[k], label=f"$C_{k}$")
    ax.axvline(predicted[k], color=ts.DEGREE_COLORS[k], lw=0.8, ls="--")
    ax.plot(measured[k], 0.5 * c[0, k], "o", color=ts.DEGREE_COLORS[k], ms=4)
    ax.annotate(f"$t_{k}$", (predicted[k], 1.18), xytext=(3, 0), textcoords="offset points",
                color=ts.DEGREE_COLORS[k])
style.log_time_axis(ax, t)
ax.set_ylim(-0.03, 1.3)
ax.set_ylabel("component of the risk")
handles, labels = ax.get_legend_handles_labels()
handles += [plt.Line2D([], [], color=style.GREY, lw=0.8, ls="--"),
            plt.Line2D([], [], color=style.GREY, ls="", marker="o", ms=4)]
ax.legend(handles, labels + ["predicted", "half time"], loc="upper center",
          bbox_to_anchor=(0.45, 1), ncol=2)
style.save(fig, options.out)
style.table([(f"half time t_{k} of C_{k}", predicted[k], measured[k]) for k in range(3)]
            + [("T* of the outer problem", None, float(run["predicted_blow_up"])),
               ("(t_2 - t_1)/epsilon^(1/4)",
                (predicted[2] - predicted[1]) / epsilon**0.25,
                (measured[2] - measured[1]) / epsilon**0.25)])
