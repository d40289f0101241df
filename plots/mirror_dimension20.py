"""50 points in 20 dimensions: angles to the predicted direction for potentials and mixtures."""

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
    entries = [(name, label, color, run) for name, run in
               mirror.runs(style.load(os.path.join(args.runs, "dimension20")))
               for label, color, _ in [mirror.NAMES[name]]]
    for label, color, config in (("cosh, scales 0.5 to 2.4", style.ORANGE, "mixture_scales"),
                                 ("squares and entropies", style.PURPLE, "mixture_degenerate")):
        entries.append((label, label, color, style.load(os.path.join(args.runs, config))))
    for name, label, color, run in entries:
        log10_time, angle = run["log10_time"].values, run["angle"].values
        keep = (log10_time > 1) & (angle > 0)
        ax.plot(np.log10(log10_time[keep]), angle[keep], color=color, label=label)
        rows += [(f"{name}: angle at the end", 0, float(angle[-1])),
                 (f"{name}: log10 t when settled within 1e-3 rad", None,
                  float(run["settled_log10_time"])),
                 (f"{name}: support vectors", int(run["predicted_support"]),
                  int(run["measured_support"]))]
    short = style.load(os.path.join(args.runs, "dimension20_too_short"))
    rows += [("cosh to s = 1e150: angle", 0, float(short["final_angle"])),
             ("cosh to s = 1e150: angle of the extrapolated direction", 0,
              f"{float(short['extrapolated_angle']):.2g} +- {float(short['extrapolation_error']):.1g}")]
    ax.axhline(1e-3, color=style.GREY, lw=0.6, ls=(0, (5, 2)), label=mirror.SETTLED)
    ax.set_xlim(left=0)
    style.log_axis(ax, "angle to prediction (rad)", 3e-4, 0.7)
    ax.set_xlabel(r"$\log_{10}\,\log_{10}\,t$")
    ax.legend(loc="upper right")
    style.save(fig, args.out)
    style.table(rows)


main()
