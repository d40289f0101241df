"""Which panels there are of a file without runs, another program's: its vectors and matrices."""

import numpy as np

import style
from overview import scales
from overview.drawing import Content
from overview.panels import Curve, Panel, Picture
from overview.reading import Refused, nearest


def applies(runs):
    return len(runs.results) == 1


def content(runs, request):
    result = runs.results[0]
    drawable = [name for name in result.data.variables if result.is_number(name)
                and name not in result.sizes and len(result.array_dims(name)) in (1, 2)
                and all(result.size(dim) > 0 for dim in result.array_dims(name))]
    for name in request.variables:
        if name not in drawable:
            raise Refused(f"--variables {name}: there is no vector or matrix of that name"
                          + nearest(name, drawable))
    if request.x:
        raise Refused(f"--x {request.x}: {result.file} holds no runs")
    panels = [_panel(result, name, request.scale or None) for name in request.variables or drawable]
    others = [name for name in result.data.variables
              if name not in drawable and name not in result.sizes]
    notes = [f"neither vector nor matrix, and not drawn: {', '.join(others)}"] if others else []
    return Content(panels, notes)


def _panel(result, name, wish):
    values, dims = result.array(name), result.array_dims(name)
    title = style.plain(result.long_name(name))
    if len(dims) == 2:
        limit = np.abs(values[np.isfinite(values)]).max(initial=0.0) or 1.0
        return Picture(title, values, style.plain(f"{dims[1]} across, {dims[0]} down"), float(limit),
                       names=(name,))
    x = result.along_dimension(dims[0])
    x = x.astype(float) if x.dtype.kind in "fiu" else np.arange(float(values.size))
    return Panel(title, scales.of_axis(x), scales.choose(name, values, wish=wish),
                 style.plain(dims[0]), [Curve(x, values, marker=values.size <= 40)], names=(name,))
