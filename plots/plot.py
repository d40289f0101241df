"""Draws what a folder of results holds: plot.py DIR [--out FILE]. Called by `gradflow plot`.

A single run: losses and errors, norms, and each vector observable over time. A study: the same
curves, coloured by an axis, and the numbers measured in each run against that axis.
"""

import argparse
import math
import os
import sys
import textwrap

import numpy as np

import style
from matplotlib import cm, colors, lines, ticker
from matplotlib import pyplot as plt

MOST_PANELS = 15
MOST_CURVES = 300  # a panel
MOST_LABELS = 6  # more values of an axis get a colour bar
LOSS_WORDS = ("loss", "error", "risk")
# How the run went and what it was given, not what came out of it.
BOOKKEEPING = {
    "status", "warning", "steps", "rejected_steps", "rhs_evaluations", "linearisations",
    "factorisations", "indefinite_factorisations", "wall_seconds", "solver_method",
    "solver_linear", "message", "energy_drop", "energy_dissipation", "energy_defect",
    "energy_defect_max", "final_state", "slow_time", "time", "end_time"}


def plain(text):
    """Text that matplotlib must not read as a formula."""
    return str(text).replace("$", r"\$")


def short(value):
    """A value of an axis, briefly."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        return plain(value)
    return style.tex(float(value)) if isinstance(value, (float, np.floating)) else str(value)


def is_number(array):
    return array.dtype.kind in "fiub"


class Result:
    """The dataset with its dimensions sorted into axes of the study, time and the rest."""

    def __init__(self, data):
        self.data = data
        self.axes = list(data["status"].dims) if "status" in data else []
        self.along = self._running_dimension()
        self.shape = tuple(data.sizes[a] for a in self.axes)
        self.runs = int(np.prod(self.shape, dtype=int))
        # The axis with the say: the first that is more than a repetition with another seed.
        telling = [a for a in self.axes if data.sizes[a] > 1]
        other = [a for a in telling if a != "seed"]
        self.main = (other or telling or self.axes or [None])[0]

    def _running_dimension(self):
        for name in ("time", "sample"):
            if name in self.data.sizes and name not in self.axes:
                return name
        # Branches and sweeps: what most observables run along.
        votes = {}
        for variable in self.data.data_vars.values():
            rest = [d for d in variable.dims if d not in self.axes]
            if len(rest) == 1 and is_number(variable) and variable.name not in BOOKKEEPING:
                votes[rest[0]] = votes.get(rest[0], 0) + 1
        votes.pop("parameter", None)
        best = max(votes, key=votes.get, default=None)
        return best if best is not None and votes[best] > 1 else None

    def dims(self, name):
        """Dimensions of a variable without the study's axes, or None if it does not have these."""
        dims = self.data[name].dims
        if dims[:len(self.axes)] != tuple(self.axes):
            return None
        return dims[len(self.axes):]

    def by_run(self, name):
        """Values with one row for each run."""
        values = np.asarray(self.data[name].values, dtype=float)
        return values.reshape((self.runs,) + values.shape[len(self.axes):])

    def times(self):
        """Times with one row for each run."""
        name = "time" if self.along == "sample" and "time" in self.data else self.along
        times = np.asarray(self.data[name].values, dtype=float)
        if times.ndim == 1:
            return np.broadcast_to(times, (self.runs, times.size))
        return times.reshape(self.runs, -1)

    def time_label(self):
        name = "time" if self.along == "sample" and "time" in self.data else self.along
        return plain(self.data[name].attrs.get("long_name", name)).split(",")[0]

    def names(self, *dims):
        """Variables over the axes and then these dimensions ("*": any), in the file's order."""
        out = []
        for name in self.data.data_vars:
            own = self.dims(name)
            if name in BOOKKEEPING or name.endswith("_observed_error") or own is None:
                continue
            if not is_number(self.data[name]) or len(own) != len(dims):
                continue
            if all(want in ("*", have) for want, have in zip(dims, own)):
                out.append(name)
        return out

    def coordinate(self, dim):
        """Numbers along a dimension: its coordinate, else 0, 1, ..."""
        values = self.data[dim].values if dim in self.data.coords else np.arange(self.data.sizes[dim])
        return values if values.dtype.kind in "fiu" else np.arange(values.size)

    def axis_values(self, axis):
        return self.data[axis].values if axis in self.data.coords else np.arange(
            self.data.sizes[axis])

    def index(self, run):
        return dict(zip(self.axes, np.unravel_index(run, self.shape))) if self.axes else {}

    def where(self, run):
        """The point of a run in words, as they would stand in a config."""
        values = {a: self.axis_values(a)[k] for a, k in self.index(run).items()}
        return ", ".join(f"{a} = {v:g}" if isinstance(v, np.floating) else f"{a} = {v}"
                         for a, v in values.items())


def flags(data, name, value):
    """The words for a status or for the bits of a warning."""
    attributes = data[name].attrs
    words = str(attributes.get("flag_meanings", "")).split()
    values = np.atleast_1d(attributes.get("flag_masks", attributes.get("flag_values", [])))
    if "flag_masks" in attributes:
        return " ".join(w for w, v in zip(words, values) if int(value) & int(v)) or str(value)
    return next((w for w, v in zip(words, values) if int(v) == int(value)), f"status {value}")


def footnotes(result):
    """Sentences on runs that failed and on those with warnings."""
    data, notes = result.data, []
    if "status" in data:
        status = np.atleast_1d(data["status"].values).ravel()
        bad = np.flatnonzero(status != 0)
        if bad.size:
            shown = [": ".join(filter(None, (result.where(k), flags(data, "status", status[k]))))
                     for k in bad[:3]]
            more = f" and {bad.size - 3} more" if bad.size > 3 else ""
            count = f"{bad.size} of {result.runs} runs failed or are missing" if result.axes else "the run failed"
            note = f"{count} ({'; '.join(shown)}{more})"
            if bad.size == 1 and "message" in data:
                note += f": {np.atleast_1d(data['message'].values).ravel()[bad[0]]}"
            notes.append(plain(note))
    if "warning" in data:
        warning = np.atleast_1d(data["warning"].values).ravel()
        bad = np.flatnonzero(warning > 0)
        if bad.size:
            words = sorted({flags(data, "warning", warning[k]) for k in bad})
            count = f"{bad.size} of {result.runs} runs" if result.axes else "the run"
            notes.append(plain(f"warnings of {count}: {', '.join(words)}"))
    return notes


def wants_log(values, loss_like):
    """Whether a log axis shows these values better."""
    finite = values[np.isfinite(values)]
    if finite.size == 0 or (finite < 0).any():
        return False
    positive = finite[finite > 0]
    if positive.size < 2:
        return False
    decades = np.log10(positive.max()) - np.log10(positive.min())
    return decades > (0.5 if loss_like else 1.5)


def is_linear(values):
    """Equally spaced to rounding, but for the last, where a run may have ended early."""
    values = values[np.isfinite(values)]
    if values.size < 4:
        return True
    steps = np.diff(values)[:-1]
    return bool(np.allclose(steps, steps.mean(), rtol=1e-3, atol=0))


class Painter:
    """One figure, filled panel by panel."""

    def __init__(self, result):
        self.result = result
        self.panels = []  # (title, draw function)
        self.linear_time = True
        if result.along is not None:
            self.times = result.times()
            finite = self.times[np.isfinite(self.times)]
            self.linear_time = ("log10" in result.time_label()
                                or all(is_linear(row) for row in self.times[:50])
                                or not (finite > 0).any() or (finite < 0).any())
        self.choose()

    # Which panels there are.

    def choose(self):
        result = self.result
        if result.along is not None:
            scalars = result.names(result.along)
            if result.axes:
                for name in scalars:
                    self.add(self.curves, [name])
            else:
                groups = {}
                for name in scalars:
                    # Losses and errors share a panel: they are of one kind and compared.
                    key = "losses" if any(w in name for w in LOSS_WORDS) else name
                    key = "accuracies" if "accuracy" in name else key
                    groups.setdefault(key, []).append(name)
                for names in groups.values():
                    self.add(self.curves, names)
            for name in result.names(result.along, "*"):
                if result.axes:
                    self.add(self.profiles_of_runs, name)
                else:
                    self.add(self.modes, name)
        for name in result.names("snapshot_time", "*"):
            if not result.axes:
                self.add(self.snapshots, name)
        for name in result.names("snapshot_time", "*", "*"):
            if not result.axes:
                self.add(self.picture, name)
        if result.axes:
            if result.along is not None:
                self.add(self.last_values, None)
            for name in result.names():
                values = result.by_run(name)
                values = values[np.isfinite(values)]
                # What is the same in all runs was given, or is no news.
                if values.size and (values != values[0]).any():
                    self.add(self.measurement, name)
        elif not self.panels:
            for name in self.other_vectors():
                self.add(self.profile, name)

    def other_vectors(self):
        for name, variable in self.result.data.data_vars.items():
            if variable.ndim == 1 and is_number(variable) and name not in BOOKKEEPING:
                yield name

    def add(self, draw, what):
        self.panels.append((draw, what))

    # The figure.

    def draw(self, title):
        left_out = len(self.panels) - MOST_PANELS
        panels = self.panels[:MOST_PANELS]
        notes = footnotes(self.result)
        if left_out > 0:
            notes.append(f"{left_out} more observables are in result.nc")
        columns = min(3, max(1, len(panels)))
        rows = max(1, math.ceil(len(panels) / columns))
        width = style.PAGE if columns > 1 else 4.2
        wrap = int(width * 17)
        footer = "\n".join(line for note in notes for line in textwrap.wrap(note, wrap)[:4])
        fig, axes = plt.subplots(rows, columns, squeeze=False,
                                 figsize=(width, 2.15 * rows + 0.3 + 0.14 * footer.count("\n")))
        flat = axes.ravel()
        for ax in flat[len(panels):]:
            ax.set_axis_off()
        for ax, (draw, what) in zip(flat, panels):
            try:
                draw(ax, what)
                if not ax.has_data():
                    raise ValueError("no value" + ("" if self.linear_time else " at t > 0"))
            except Exception as problem:  # one panel that cannot be drawn does not cost the others
                ax.clear()
                ax.set_xticks([])
                ax.set_yticks([])
                name = what if isinstance(what, str) else ", ".join(what or ["result"])
                ax.text(0.5, 0.5, plain(f"{name}:\n{problem}"), ha="center", va="center",
                        transform=ax.transAxes, color=style.GREY, fontsize=8, wrap=True)
        if not panels:
            flat[0].text(0.5, 0.5, "there is nothing to draw", ha="center", va="center",
                         transform=flat[0].transAxes, color=style.GREY)
            flat[0].set_axis_off()
        fig.suptitle(plain(title), fontsize=10)
        if footer:
            fig.supxlabel(footer, fontsize=7.5, color=style.RED, x=0.01, ha="left")
        return fig

    # What a panel shows.

    def finish(self, ax, values, loss_like, label):
        if np.size(values) and wants_log(values, loss_like):
            # Below 1e-14 of the largest is rounding.
            positive = values[np.isfinite(values) & (values > 0)]
            floor = 1e-14 * positive.max()
            cut = positive.min() < floor
            style.log_axis(ax, low=floor if cut else None, high=5 * positive.max() if cut else None)
        ax.set_ylabel(label)

    def time_axis(self, ax, drawn=None):
        label = self.result.time_label()
        if self.linear_time:
            ax.set_xlabel(label)
            ax.margins(x=0)
        else:
            style.log_time_axis(ax, self.times[np.isfinite(self.times)], label)

    def line(self, ax, t, y, **how):
        """A curve, or a marker where there is but one point of it."""
        good = np.isfinite(t) & np.isfinite(y)
        if not self.linear_time:
            good &= t > 0
        if good.any():
            ax.plot(t[good], y[good], **{"marker": "o" if good.sum() == 1 else None, **how})

    def label(self, name):
        return plain(name.removesuffix("_snapshot").replace("_", " "))

    def curves(self, ax, names):
        result = self.result
        everything = []
        for k, name in enumerate(names):
            values = result.by_run(name)
            everything.append(values.ravel())
            if result.axes:
                for run in self.chosen_runs():
                    self.line(ax, self.times[run], values[run], **self.look(run))
            else:
                self.line(ax, self.times[0], values[0], color=style.COLORS[k % len(style.COLORS)],
                          label=self.label(name))
        loss_like = any(w in names[0] for w in LOSS_WORDS) or names[0] == "gradient_norm"
        self.time_axis(ax)
        many = len(names) > 1
        self.finish(ax, np.concatenate(everything), loss_like,
                    "losses and errors" if many and loss_like else "accuracy" if many
                    else self.label(names[0]))
        if result.axes:
            self.key(ax)
        elif many:
            self.legend_above(ax, 2)

    def legend_above(self, ax, columns):
        """Above the panel, where there is no curve to hide."""
        if not ax.has_data():
            return
        ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncol=columns, borderaxespad=0.2,
                  columnspacing=1.0, handlelength=1.2, fontsize=7.5)

    def modes(self, ax, name):
        """A vector observable of one run: a line for each entry."""
        result = self.result
        values = result.by_run(name)[0]
        dim = result.dims(name)[1]
        numbers = result.coordinate(dim)
        count = values.shape[1]
        chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_CURVES)).astype(int))
        norm = colors.Normalize(min(numbers), max(numbers) if count > 1 else min(numbers) + 1)
        for k in chosen:
            self.line(ax, self.times[0], values[:, k], color=style.SEQUENCE(norm(numbers[k])),
                      lw=1.0 if count <= 30 else 0.5, label=short(numbers[k]))
        self.time_axis(ax)
        self.finish(ax, values, any(w in name for w in LOSS_WORDS), self.label(name))
        if count <= MOST_LABELS and ax.has_data():
            ax.legend(title=self.label(dim), title_fontsize=8)
        elif ax.has_data():
            self.whole_ticks(self.bar(ax, norm, self.label(dim)).ax.yaxis, numbers)

    def snapshots(self, ax, name):
        """A profile at a few times."""
        result = self.result
        dim = result.dims(name)[1]
        x, times = result.coordinate(dim), result.coordinate("snapshot_time")
        values = result.by_run(name)[0]
        for k, t in enumerate(times):
            good = np.isfinite(values[k])
            if good.any():
                ax.plot(x[good], values[k][good], color=style.SEQUENCE(k / max(1, len(times) - 1)),
                        marker="." if good.sum() <= 40 else None, lw=1.0, label=f"t = {style.tex(t)}")
        ax.set_xlabel(plain(result.data[dim].attrs.get("long_name", dim)
                            if dim in result.data.coords else dim))
        ax.set_ylabel(self.label(name))
        self.whole_ticks(ax.xaxis, x)
        if len(times) <= MOST_LABELS and ax.has_data():
            self.legend_above(ax, 3)

    def picture(self, ax, name):
        """A matrix at the last time at which it is known."""
        result = self.result
        values = result.by_run(name)[0]
        known = np.flatnonzero(np.isfinite(values).any(axis=(1, 2)))
        if known.size == 0:
            raise ValueError("no finite values")
        k = known[-1]
        limit = np.nanmax(np.abs(values[k])) or 1
        image = ax.imshow(values[k], cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto",
                          interpolation="nearest")
        rows, columns = result.dims(name)[1:]
        ax.set_xlabel(self.label(columns))
        ax.set_ylabel(self.label(rows))
        ax.set_title(f"{self.label(name)} at t = "
                     f"{style.tex(result.coordinate('snapshot_time')[k])}")
        ax.figure.colorbar(image, ax=ax)

    def profiles_of_runs(self, ax, name):
        """A vector observable of each run of a study, at the end."""
        result = self.result
        values = result.by_run(name)
        x = result.coordinate(result.dims(name)[1])
        shown = []
        for run in self.chosen_runs():
            known = np.flatnonzero(np.isfinite(values[run]).any(axis=1))
            if known.size == 0:
                continue
            y = values[run][known[-1]]
            good = np.isfinite(y)
            how = self.look(run)
            ax.plot(x[good], y[good], marker="." if good.sum() <= 40 else None,
                    **{**how, "lw": 0.8})
            shown.append(y)
        ax.set_xlabel(self.label(result.dims(name)[1]))
        self.whole_ticks(ax.xaxis, x)
        self.finish(ax, np.concatenate(shown) if shown else np.array([]),
                    any(w in name for w in LOSS_WORDS), f"{self.label(name)} at the end")
        self.key(ax)

    def measurement(self, ax, name):
        self.against_axis(ax, self.result.by_run(name), self.label(name), name)

    def last_values(self, ax, _):
        """Without measurements: where the first error, or else the first observable, ended."""
        result = self.result
        names = result.names(result.along)
        name = next((n for n in names if "test" in n), names[0])
        values = result.by_run(name)
        last = np.full(result.runs, np.nan)
        status = np.asarray(result.data["status"].values).ravel()
        for run in np.flatnonzero(status == 0):  # the end of those that got there
            good = np.flatnonzero(np.isfinite(values[run]))
            if good.size:
                last[run] = values[run][good[-1]]
        self.against_axis(ax, last, f"{self.label(name)} at the end", name)

    def against_axis(self, ax, values, label, name):
        """One number a run against the main axis; a curve for each combination of the others."""
        result = self.result
        grid = np.moveaxis(values.reshape(result.shape), result.axes.index(result.main), -1)
        rows = grid.reshape(-1, grid.shape[-1])
        axis = result.axis_values(result.main)
        words = axis.dtype.kind not in "fiu"
        x = np.arange(axis.size) if words else axis.astype(float)
        order = np.argsort(x)
        second = self.second()
        few = len(rows) == (result.data.sizes[second] if second else 1)
        for k, row in enumerate(rows[:MOST_CURVES]):
            good = order[np.isfinite(row[order]) & np.isfinite(x[order])]
            if good.size:
                ax.plot(x[good], row[good], color=style.BLUE, ms=3, lw=0.8,
                        alpha=1 if few else 0.5, marker="o" if few else ".",
                        ls=style.LINE_STYLES[k] if few else "none")
        if words:
            long = sum(len(short(v)) for v in axis) > 16
            ax.set_xticks(x, [short(v) for v in axis], rotation=20 if long else 0,
                          ha="right" if long else "center", fontsize=7)
            ax.set_xlim(-0.3, x.size - 0.7)
        elif wants_log(x, False) and (x > 0).all():
            ax.set_xscale("log")
            ax.set_xlim(x.min() / 1.3, x.max() * 1.3)
            style.log_ticks(ax.xaxis)
        else:
            self.whole_ticks(ax.xaxis, axis)
        ax.set_xlabel(self.label(result.main))
        self.finish(ax, values, any(w in name for w in LOSS_WORDS), label)

    def whole_ticks(self, axis, numbers):
        if np.asarray(numbers).dtype.kind in "iu":
            axis.set_major_locator(ticker.MaxNLocator(5, integer=True))

    def profile(self, ax, name):
        variable = self.result.data[name]
        x = self.result.coordinate(variable.dims[0])
        y = np.asarray(variable.values, dtype=float)
        good = np.isfinite(y)
        if good.any():
            ax.plot(x[good], y[good], marker="." if good.sum() < 40 else None)
        ax.set_xlabel(self.label(variable.dims[0]))
        ax.set_ylabel(self.label(name))

    # Colours and line styles of a study's runs.

    def chosen_runs(self):
        runs = self.result.runs
        return np.unique(np.linspace(0, runs - 1, min(runs, MOST_CURVES)).astype(int))

    def norm(self):
        values = self.result.axis_values(self.result.main)
        if values.dtype.kind not in "fiu" or values.size < 2 or values.min() == values.max():
            return None
        if wants_log(values.astype(float), False) and (values > 0).all():
            return colors.LogNorm(values.min(), values.max())
        return colors.Normalize(values.min(), values.max())

    def second(self):
        """The axis that line styles show, if there is one with few values."""
        data = self.result.data
        for axis in self.result.axes:
            if axis != self.result.main and 1 < data.sizes[axis] <= len(style.LINE_STYLES):
                return axis
        return None

    def look(self, run):
        result = self.result
        index = result.index(run)
        k = index[result.main]
        values = result.axis_values(result.main)
        norm = self.norm()
        if values.size <= MOST_LABELS or norm is None:
            color = (style.COLORS[k % len(style.COLORS)] if norm is None or values.size <= 3
                     else style.SEQUENCE(k / (values.size - 1)))
        else:
            color = style.SEQUENCE(norm(values[k]))
        second = self.second()
        a_colour = result.runs // max(1, values.size)
        return {"color": color, "lw": 1.1 if a_colour <= 4 else 0.6,
                "alpha": 1 if a_colour <= 4 else 0.6,
                "ls": style.LINE_STYLES[index[second]] if second else "-"}

    def key(self, ax):
        """What the colours and line styles mean."""
        result = self.result
        if not ax.has_data():
            return
        values = result.axis_values(result.main)
        norm = self.norm()
        handles = []
        if values.size > MOST_LABELS and norm is not None:
            self.bar(ax, norm, self.label(result.main))
        elif values.size <= 10:
            for k, value in enumerate(values):
                run = next(r for r in range(result.runs) if result.index(r)[result.main] == k)
                handles.append(lines.Line2D([], [], color=self.look(run)["color"],
                                            label=short(value)))
        second = self.second()
        if second:
            for k, value in enumerate(result.axis_values(second)):
                handles.append(lines.Line2D([], [], color=style.GREY, ls=style.LINE_STYLES[k],
                                            label=f"{self.label(second)} {short(value)}"))
        # The key is the same in all panels: once is enough.
        if handles and not getattr(self, "key_is_drawn", False):
            ax.legend(handles=handles, title_fontsize=7, fontsize=7,
                      title=self.label(result.main) if len(handles) >= values.size else None)
            self.key_is_drawn = True

    def bar(self, ax, norm, label):
        return ax.figure.colorbar(cm.ScalarMappable(norm, style.SEQUENCE), ax=ax, label=label,
                                  pad=0.02, aspect=30)


def title_of(data, folder):
    name = os.path.basename(os.path.normpath(os.path.abspath(folder)))
    model = data.attrs.get("model", "")
    return f"{name}: {model.replace('_', ' ')}" if model and model != name else name


def main():
    parser = argparse.ArgumentParser(prog="gradflow plot", description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--out", help="picture to write; a PDF is put beside it")
    options = parser.parse_args()
    style.use()
    try:
        data = style.load(options.folder)
        out = options.out or os.path.join(
            options.folder if os.path.isdir(options.folder) else os.path.dirname(options.folder),
            "figure.png")
        result = Result(data)
        figure = Painter(result).draw(title_of(data, options.folder))
        out = style.save(figure, out)
    except (OSError, ValueError) as problem:
        print(f"gradflow: {options.folder}: cannot be plotted: {problem}", file=sys.stderr)
        return 1
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
