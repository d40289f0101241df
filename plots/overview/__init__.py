"""The picture of whatever a result holds, as `gradflow plot` draws it.

    reading.py       results and their runs: dimensions, selections, values
    names.py         what things are called: long names with symbols, what kind of quantity a name is
    scales.py        how an axis is scaled
    looks.py         colours and line styles of runs, and the key to them
    panels.py        what a panel holds, and how it is drawn
    trajectories.py  which panels there are of runs over time and of studies of such runs
    arrays.py        which panels there are of a file without runs
    page.py          the page: where panels, keys and notes stand

A further kind of picture is a module with `applies(runs)` and `panels(runs, request)`, named in
`plot.py`.
"""
