"""The angle to the predicted direction against log log t, with the rates of theory: a power of log t
for each potential."""

import os

import matplotlib.pyplot as plt
import numpy as np

import mirror
import style


def main():
    args = style.arguments(__doc__)
    style.use()
    fig, (near, far) = plt.subplots(1, 2, figsize=(style.PAGE, 2.5))
    rows = []
    for name, (label, color, _) in mirror.NAMES.items():
        run = style.load(os.path.join(args.runs, "far_" + name))
        log10_time, angle = run["log10_time"].values, run["angle"].values
        keep = (log10_time > 1) & (angle > 0)
        log10_time, angle = log10_time[keep], angle[keep]
        # The heaviest support vector, its entries in absolute value.
        z1, z2 = np.abs(run["input"].values[int(run["predicted_weight"].argmax())])
        log_t = np.log(10) * log10_time
        exponent, loss = -1.0, -1.0
        if name == "cosh":
            constant = (1 + z1 + z2) * abs(np.log(z1 / z2)) / 2
            theory = constant / log_t
            loss = -(z1 + z2) / (1 + z1 + z2)
            rows.append(("cosh: angle times log t", constant, float(angle[-1] * log_t[-1])))
        else:
            if name == "hyperbolic_entropy":
                exponent = -(z1 - z2) / z1
            theory = angle[-1] * (log_t / log_t[-1]) ** exponent
        # The others end within the first fiftieth of the way: they are in (a).
        for ax in (near, far) if name == "hyperbolic_entropy" else (near,):
            ax.plot(np.log10(log10_time), angle, color=color, label=label)
            ax.plot(np.log10(log10_time), theory, color=color, lw=0.9, ls=(0, (1, 1.5)))
        rows += [(f"{name}: slope of log angle against log log t", exponent,
                  f"{float(run['angle_exponent']):.5f} +- {float(run['angle_exponent_error']):.1g}"),
                 (f"{name}: slope of log L against log t", loss,
                  f"{float(run['loss_exponent']):.5f} +- {float(run['loss_exponent_error']):.1g}"),
                 (f"{name}: log10 t when settled within 1e-3 rad", None,
                  float(run["settled_log10_time"])),
                 (f"{name}: log10 t at the end", None, float(log10_time[-1])),
                 (f"{name}: angle at the end", 0, float(angle[-1]))]
    for ax, right, low, mark in ((near, 7, 3e-7, "(a)"), (far, 285, 1e-34, "(b)")):
        ax.axhline(1e-3, color=style.GREY, lw=0.6, ls=(0, (5, 2)), zorder=1)
        ax.set_xlim(0, right)
        style.log_axis(ax, "angle to prediction (rad)", low, 1)
        ax.set_xlabel(r"$\log_{10}\,\log_{10}\,t$")
        style.panel_label(ax, mark)
    near.plot([], [], color=style.GREY, lw=0.9, ls=(0, (1, 1.5)), label="theory")
    near.plot([], [], color=style.GREY, lw=0.6, ls=(0, (5, 2)), label=mirror.SETTLED)
    near.legend(loc="lower left")
    far.legend(loc="upper right", bbox_to_anchor=(1, 0.88))
    style.save(fig, args.out)
    style.table(rows)


main()
