"""Results as xarray datasets, with what is asked of them again and again."""

import os
import tomllib

import numpy as np
import xarray


def words_of(variable, value):
    """A value of a variable of flags in words, by its flag_values and flag_meanings."""
    values = np.atleast_1d(variable.attrs.get("flag_values", []))
    meanings = str(variable.attrs.get("flag_meanings", "")).split()
    return dict(zip(values.tolist(), meanings)).get(int(value), str(int(value)))


def open(directory):
    """The result in a folder (or a result file) as an `xarray.Dataset`. Its arrays are read when
    they are used; `.load()` reads all of them at once.

    `ds.gradflow.ok`, `ds.gradflow.failures()` and `ds.gradflow.config` are explained at `Result`.
    Raises FileNotFoundError where there is no result (yet): `gradflow.status` says what there is.
    """
    path = os.fspath(directory)
    if os.path.isdir(path):
        path = os.path.join(path, "result.nc")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path}: there is no result; gradflow.status says what there is "
                                "of a study, `gradflow collect` makes a result of it")
    return xarray.open_dataset(path, engine="netcdf4", decode_times=False)


@xarray.register_dataset_accessor("gradflow")
class Result:
    """`ds.gradflow` of a dataset that gradflow wrote."""

    def __init__(self, dataset):
        self._dataset = dataset

    def _status(self):
        if "status" not in self._dataset:
            raise AttributeError("this dataset has no variable `status`: it is no result of gradflow")
        return self._dataset["status"]

    @property
    def ok(self):
        """True where a run ended well (status 0), over the axes of the study: `ds.where(ds.gradflow.ok)`."""
        return self._status() == 0

    def failures(self):
        """A `pandas.DataFrame` with a row for each point that failed: the study's axes, `status` in
        words, `message`. Runs that a bisection had no need of (status -1) are none of them."""
        import pandas  # xarray brings it

        status = self._status()
        names = list(status.dims)
        rows = []
        for place in np.argwhere(np.atleast_1d(status.values > 0)):
            at = dict(zip(names, place.tolist()))  # of a single run: nothing
            row = {name: self._coordinate(name, k) for name, k in at.items()}
            row["status"] = words_of(status, status.isel(at).item())
            if "message" in self._dataset:
                row["message"] = str(self._dataset["message"].isel(at).item())
            rows.append(row)
        return pandas.DataFrame(rows, columns=[*names, "status", "message"])

    def _coordinate(self, name, place):
        return self._dataset[name].values[place] if name in self._dataset.coords else place

    @property
    def config(self):
        """The config that was run, as a dict with all defaults filled in; it runs to the same
        result."""
        text = self._dataset.attrs.get("config_resolved")
        if text is None:
            raise AttributeError("this dataset has no attribute `config_resolved`: it is no result "
                                 "of gradflow")
        return tomllib.loads(text)
