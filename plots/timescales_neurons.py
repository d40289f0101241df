"""All neurons: eps^(1/4) a_i and s_i against log t; the ends of the Jacobian's spectrum below."""

import numpy as np

import style
import timescales as ts
from matplotlib import pyplot as plt

options = style.arguments(__doc__)
style.use()
run = ts.open_run(options.runs, "baseline")
epsilon = 1e-8
t = ts.values(run, "time")
a, s = ts.values(run, "second_layer"), ts.values(run, "neuron_alignment")
spectrum = ts.values(run, "spectrum")
times = ts.values(run, "component_time")

fig, (top, middle, bottom) = plt.subplots(3, 1, figsize=(style.PAGE, 5.4), sharex=True)
m = a.shape[1]
for i, color in enumerate(ts.sequence(m)):
    top.plot(t[1:], epsilon**0.25 * a[1:, i], color=color, lw=0.7)
    middle.plot(t[1:], s[1:, i], color=color, lw=0.7)
top.set_ylabel(r"$\varepsilon^{1/4} a_i$")
middle.set_ylabel(r"$s_i = \langle u_i, u_*\rangle$")
bar = fig.colorbar(plt.cm.ScalarMappable(plt.Normalize(a[0].min(), a[0].max()), style.SEQUENCE),
                   ax=[top, middle], aspect=40, pad=0.01)
bar.set_label("$a_i(0)$")
bottom.plot(t[1:], -spectrum[1:, 0], color=style.BLUE, label="fastest decay")
bottom.plot(t[1:], np.where(spectrum[1:, 1] < 0, -spectrum[1:, 1], np.nan), color=style.SKY,
            label="next decay")
bottom.plot(t[1:], np.where(spectrum[1:, 2] > 0, spectrum[1:, 2], np.nan), color=style.RED,
            label="fastest growth")
for value, color in ((1 / (2 * np.pi) / epsilon, style.BLUE), (0.5 / epsilon**0.5, style.RED)):
    bottom.axhline(value, color=color, lw=0.8, ls=":")
bottom.plot([], [], color=style.GREY, lw=0.8, ls=":", label="predicted")  # of either colour
style.log_axis(bottom, "rate")
bottom.legend(loc="lower left")
for ax in (top, middle, bottom):
    for k in (1, 2):
        ax.axvline(times[k], color=style.GREY, lw=0.6, ls="--")
for k in (1, 2):
    top.annotate(f"$t_{k}$", (times[k], top.get_ylim()[1]), xytext=(3, -11),
                 textcoords="offset points", color=style.GREY)
for ax, letter in zip((top, middle, bottom), "abc"):
    style.panel_label(ax, f"({letter})")
style.log_time_axis(bottom, t[t >= 1e-6])  # before, nothing but the mean of a moves
style.save(fig, options.out)

at = [int(np.searchsorted(t, np.sqrt(times[k] * times[k + 1]))) for k in (0, 1)]
share = np.abs(a * s**2).max(axis=1) / np.abs(a * s**2).sum(axis=1).clip(1e-300)
style.table([
    ("decay rate before degree 1: sigma_0^2/epsilon", 1 / (2 * np.pi) / epsilon,
     -spectrum[at[0], 0]),
    ("growth rate before degree 1: lambda/sqrt(epsilon)", 0.5 / epsilon**0.5, spectrum[at[0], 2]),
    ("spectral gap before degree 1 (fastest over next decay)", None,
     spectrum[at[0], 0] / spectrum[at[0], 1]),
    ("share of one neuron in sum |a s^2| at t_2", "0.86 to 0.93 at 1e-10",
     share[int(np.searchsorted(t, times[2]))]),
])
