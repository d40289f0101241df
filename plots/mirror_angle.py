"""The angle to the predicted direction against log log t, with the rates of theory."""

import os

import matplotlib.pyplot as plt
import numpy as np

import mirror
import style


def main():
    args = style.arguments(__doc__)
    style.use()
    fig, ax = plt.subplots(figsize=(0.62 * style.PAGE, 2.7))
    rows = []
    for name, (label, color, _) in mirror.NAMES.items():
        run = style.load(os.path.join(args.runs, "far_" + name))
        log10_time, angle = run["log10_time"].values, run["angle"].values
        keep = (log10_time > 0.5) & (angle > 0)
        ax.plot(log10_time[keep], angle[keep], color=color, label=label)
        z = (run["input"].values * run["label"].values[:, None])[int(run["predicted_weight"].argmax())]
        z1, z2 = np.abs(z)
        log_t = np.log(10) * log10_time[keep]
        loss = -1.0
        exponent = -1.0
        if name == "cosh":
            constant = (1 + z1 + z2) * abs(np.log(z1 / z2)) / 2
            theory = constant / log_t
            loss = -(z1 + z2) / (1 + z1 + z2)
            rows.append(("cosh: angle times log t", constant, float(angle[-1] * log_t[-1])))
        elif name == "hyperbolic_entropy":
            exponent = -(z1 - z2) / z1
            theory = angle[keep][-1] * (log_t / log_t[-1]) ** exponent
        else:
            theory = angle[keep][-1] * log_t[-1] / log_t
        ax.plot(log10_time[keep], theory, color=color, lw=0.8, ls=(0, (1, 1.5)))
        rows += [(f"{name}: slope of log angle against log log t", exponent,
                  f"{float(run['angle_exponent']):.5f} +- {float(run['angle_exponent_error']):.1g}"),
                 (f"{name}: slope of log L against log t", loss,
                  f"{float(run['loss_exponent']):.5f} +- {float(run['loss_exponent_error']):.1g}"),
                 (f"{name}: log10 t when settled within 1e-3 rad", None,
                  float(run["settled_log10_time"])),
                 (f"{name}: angle at the end", 0, float(angle[-1]))]
    ax.axhline(1e-3, color=style.GREY, lw=0.6, ls=(0, (5, 2)))
    ax.set_xscale("log")
    ax.set_xlim(1, 1e24)
    style.log_axis(ax, "angle to prediction (rad)", 3e-7, 1)
    style.log_ticks(ax.xaxis)
    ax.set_xlabel(r"$\log_{10} t$")
    ax.legend(loc="lower left")
    style.save(fig, args.out)
    style.table(rows)


main()
