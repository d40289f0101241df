"""Groups of keys along one dimension: designs are points over the keys that were drawn, a zip is known by
a key that tells its places apart, and no line joins what is in no order."""

import os
import re

import netCDF4
import numpy as np

from pictures import PictureTest, make_group

from webpage import facts, page, series
from overview.reading import Result
from overview.runs import Runs

TIME = np.concatenate([[0.0], np.geomspace(1e-2, 1e3, 30)])
DRAWS = 12
DECAY = 10.0 ** (-5 + 0.25 * np.array([3, 1, 2, 8, 5, 12, 9, 4, 7, 11, 6, 10]))
VARIANCE = np.geomspace(0.01, 1, DRAWS)[::-1]
SEEDS = {"seed": np.arange(6)}


class Groups(PictureTest):
    def study(self, kind, keys, axes=None, missing=()):
        """A study of a group after other axes; the fit time is 1/weight_decay, or 1, 2, ... along it."""
        count = len(next(iter(keys.values())))
        shape = (*(len(values) for values in (axes or {}).values()), count)
        along = 1 / np.asarray(keys["weight_decay"]) if "weight_decay" in keys else np.arange(1.0, count + 1)
        fit = np.broadcast_to(along, shape).copy()
        for place in missing:
            fit[place] = np.nan
        folder = self.result("r", {"train_loss": np.exp(-TIME / fit[..., None]), "fit_time": ((), fit)},
                             axes={**(axes or {}), "draw": np.arange(count)}, time=TIME)
        return make_group(folder, "draw", kind, keys)

    def test_a_design_is_points_over_each_drawn_key(self):
        for kind in ("sobol", "random"):
            folder = self.study(kind, {"weight_decay": DECAY, "initial_variance": VARIANCE})
            picture = self.draw(folder)
            text = picture.all_text()
            self.assertNotIn("draw", text.replace("drawn", ""))
            self.assertEqual(picture.count_frames() - 1, 5)  # the loss; its end and the fit time over two keys
            for panel in (2, 3, 4, 5):
                self.assertEqual(picture.curves(panel), [], f"a line in panel {panel}")
            found = [(picture.read(x, "x", True, 4), picture.read(y, "y", True, 4))
                     for x, y in picture.points(4)]
            for x, y in found:
                self.assertAlmostEqual(x * y, 1.0, delta=0.01)
            self.assertEqual(len(found), DRAWS)

    def test_x_chooses_a_key_and_the_colour_another(self):
        folder = self.study("sobol", {"weight_decay": DECAY, "initial_variance": VARIANCE})
        picture = self.draw(folder, "--x", "weight_decay", "--variables", "fit_time")
        self.assertEqual(picture.curves(), [])
        self.assertIn("initial variance", picture.all_text())  # at the colour bar
        self.refuses([folder, "--x", "weight_decai"], 'did you mean "weight_decay"')
        self.draw(folder, "--x", "draw", "--variables", "fit_time")

    def test_repetitions_of_draws_are_medians_without_lines_between_them(self):
        folder = self.study("random", {"weight_decay": DECAY}, SEEDS)
        picture = self.draw(folder, "--variables", "fit_time")
        for line in picture.curves():  # the bars of 80 %
            self.assertEqual(len(set(line[:, 0])), 1)
        self.assertIn("median", picture.all_text())

    def test_another_axis_has_the_colours(self):
        folder = self.study("random", {"weight_decay": DECAY}, {"samples": [10, 20]})
        picture = self.draw(folder)
        self.assertIn("curves of one look differ in draw (12 values)", picture.all_text())
        self.assertEqual(len(picture.points(3)), 2 * DRAWS)

    def test_places_of_a_zip_are_known_by_the_first_key_that_tells_them_apart(self):
        folder = self.study("zip", {"rtol": [1e-8, 1e-8, 1e-9], "samples": [80, 20, 40],
                                    "dimension": [50, 100, 200]})
        picture = self.draw(folder, "--variables", "fit_time")
        self.assertIn("samples", picture.all_text())
        self.assertEqual(picture.numbers("x"), [20, 40, 80])
        self.assertEqual(len(picture.curves()), 1)
        for x in ("draw", "samples"):
            self.assertEqual(self.draw(folder, "--variables", "fit_time", "--x", x).numbers("x"),
                             [20, 40, 80])
        other = self.draw(folder, "--variables", "fit_time", "--x", "dimension")
        self.assertEqual(other.numbers("x"), [50, 100, 200])
        self.assertEqual(len(other.curves()), 1)
        twice = self.draw(folder, "--variables", "fit_time", "--x", "rtol")
        self.assertEqual(twice.curves(), [])
        self.assertEqual(len(twice.points()), 3)

    def test_places_of_a_zip_that_no_key_tells_apart_are_named_by_all(self):
        folder = self.study("zip", {"activation": ["tanh", "erf", "tanh"], "width": [10, 10, 20]})
        picture = self.draw(folder, "--variables", "fit_time")
        for name in ("tanh, 10", "erf, 10", "tanh, 20", "activation, width"):
            self.assertIn(name, picture.all_text())
        self.assertEqual(picture.curves(), [])

    def test_a_seed_in_a_zip_does_not_make_its_places_repetitions(self):
        folder = self.study("zip", {"seed": [1, 2, 3], "width": [10, 20, 30]})
        picture = self.draw(folder, "--variables", "train_loss,fit_time")
        self.assertNotIn("median", picture.all_text())
        self.assertIn("width", picture.all_text())

    def test_keys_select(self):
        folder = self.study("zip", {"rtol": [1e-8, 1e-8, 1e-9], "samples": [20, 40, 80]})
        self.assertIn("model.samples = 40", self.draw(folder, "--where", "model.samples=40").all_text())
        two = self.draw(folder, "--where", "rtol=1e-8", "--variables", "fit_time")
        self.assertEqual(two.numbers("x"), [20, 40])
        self.refuses([folder, "--where", "samples=30"], "has no 30; it has 20, 40, 80")
        self.refuses([folder, "--where", "sample=30"], 'did you mean "samples"?')

    def test_no_median_where_most_repetitions_have_no_value(self):
        folder = self.study("zip", {"width": [10, 20, 30]}, SEEDS,
                            missing=[(slice(1, None), 2), (slice(0, 2), 0)])
        picture = self.draw(folder, "--variables", "fit_time")
        self.assertIn("no median where fewer than half of the repetitions have a value",
                      picture.all_text())
        line, = picture.curves()
        self.assertEqual(len(line), 2)  # the third place is the one run that has a value

    def test_places_with_names_are_points_and_what_was_given_is_no_measurement(self):
        folder = self.result("r", {"train_loss": np.exp(-np.outer([1, 2, 3], TIME)),
                                   "fit_time": ((), [1.0, 2, 3]), "step": ((), [0.1, 0.2, 0.3])},
                             axes={"method": ["flow", "descent", "sgd"]}, time=TIME)
        with netCDF4.Dataset(os.path.join(folder, "result.nc"), "a") as data:
            data["step"].long_name = "flow.step"
        picture = self.draw(folder)
        self.assertEqual(picture.count_frames(), 3)  # the loss, its end, the fit time
        self.assertNotIn("step", picture.all_text())
        self.assertEqual((picture.curves(3), len(picture.points(3))), ([], 3))

    def test_the_report_has_the_keys_as_axes_and_in_its_tables(self):
        runs = Runs([Result(self.study("sobol", {"weight_decay": DECAY, "initial_variance": VARIANCE},
                                       {"samples": [10, 20]}))])
        axes = {axis["name"]: axis for axis in series.axes(runs)}
        self.assertEqual(list(axes), ["samples", "weight_decay", "initial_variance"])
        self.assertEqual([axis["drawn"] for axis in axes.values()], [False, True, True])
        for place, run in zip(series.places(runs, range(len(runs.runs))), runs.runs):
            for name, k in zip(axes, place):
                self.assertEqual(axes[name]["values"][k], run.has(name))
        columns, _, rows, _ = facts.measurements(runs)
        self.assertEqual(columns, ["samples", "draw", "weight_decay", "initial_variance"])
        self.assertEqual(rows[0][0], ["10", "0", "5.62341e-05", "1"])
        text = page.of(runs, self.path("r"))
        self.assertIn("weight_decay, along draw", text)
        choices = re.search('<select id="numbers-color">(.*?)</select>', text)[1]
        self.assertNotIn("weight_decay", choices)  # a series of its own for each draw
