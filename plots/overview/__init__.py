"""The picture of whatever a result holds, as `gradflow plot` draws it.

What there is, and what is drawn of it:

    reading.py       results: dimensions, selections, values
    runs.py          the runs of all of them: their points, groups, repetitions
    trajectories.py  which panels there are of runs over time and of studies of such runs
    curves.py          observables over time
    vectors.py         vectors over their own dimension, matrices
    measurements.py    numbers of runs against an axis of the study
    drawing.py         what these share: looks, names, repetitions
    sweeps.py        which panels there are of chains of settled values, up and down
    branches.py      which panels there are of branches of stationary points
    chains.py          what these two share: observables along a key
    bisections.py    which panels there are of chains of runs that bracket a crossing
    arrays.py        which panels there are of a file without runs
    remarks.py       what is to be said of runs that failed

How it is drawn:

    names.py         what things are called, and what kind of quantity a name stands for
    scales.py        how an axis is scaled
    looks.py         colours and line styles of runs, and the key to them
    panels.py        what a panel holds, and how it is drawn
    frames.py        a frame with its ticks and numbers
    lettering.py     formulas set from the font alone
    page.py          the page: where panels, keys and notes stand

A further kind of picture is a module with `applies(runs)`, whether it can draw these runs, and
`content(runs, request)`, the panels and what is to be said of them; `plot.py` names all kinds.
"""
