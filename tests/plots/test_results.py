"""Whatever a result holds, it is drawn without a warning, and what cannot be drawn is named."""

import re
import unittest

import netCDF4
import numpy as np

from made_up import DECAYS, TIME, curves, study
from pictures import PictureTest


class WhateverAResultHolds(PictureTest):
    def test_nothing_but_nan(self):
        values = np.full((3, TIME.size), np.nan)
        picture = self.draw(self.result("r", **study(values, status=[3, 3, 3])))
        self.assertIn("no finite value", picture.all_text())
        self.assertIn("3 of 3 runs failed or are missing", picture.all_text())

    def test_single_run_of_nan_at_no_time(self):
        time = np.full(3, np.nan)
        self.draw(self.result("r", {"train_loss": time, "norm": time}, time=time, status=3))

    def test_infinite_values(self):
        values = curves(3)
        values[0, 5:], values[1, 7] = np.inf, -np.inf
        self.draw(self.result("r", **study(values, status=[3, 0, 0])))

    def test_values_at_the_end_of_the_numbers(self):
        values = curves(3)
        values[0, 20:], values[2, 3] = 1.7e308, 5e-324
        self.draw(self.result("r", **study(values, status=[0, 0, 0])))
        self.draw(self.path("r"), "--log")
        self.draw(self.path("r"), "--linear")

    def test_axes_from_end_to_end_of_the_numbers(self):
        values = np.geomspace(9e299, 1e-299, TIME.size)
        self.draw(self.result("r", {"train_loss": values, "norm": values[::-1]}, time=TIME))
        self.draw(self.result("s", {"final_angle": ((), values[:3]),
                                    "final_angle_error": ((), values[:3])},
                              axes={"weight_decay": DECAYS}))
        self.draw(self.result("m", {"matrix": (("row", "column"), 1e-300 * np.ones((2, 2)))}),
                  "--variables", "matrix")

    def test_matrices_without_a_sample(self):
        picture = self.draw(self.result("r", {"matrix": (("time", "row", "column"),
                                                         np.ones((0, 2, 3)))}, time=np.zeros(0)))
        self.assertIn("no finite value", picture.all_text())

    def test_failed_runs_leave_the_frame_of_the_others(self):
        values = curves(3)
        values[2, 1:20], values[2, 20:] = np.geomspace(1, 1e200, 19), np.nan
        picture = self.draw(self.result("r", **study(values, status=[0, 0, 3])), "--variables",
                            "train_loss")
        self.assertIn("failed runs leave the frame", picture.all_text())
        self.assertIn("1 of 3 runs failed or are missing (weight_decay = 0.01: not_finite)",
                      picture.all_text())
        self.assertLess(max(picture.numbers("y")), 1e6)

    def test_one_sample(self):
        time = np.array([0.0])
        self.draw(self.result("r", {"train_loss": [1.0], "norm": [2.0],
                                    "first_layer": (("time", "neuron"), [[1.0, 2.0]])}, time=time))
        values = curves(3, time)
        self.draw(self.result("s", {"train_loss": values, "norm": values},
                              axes={"weight_decay": DECAYS}, time=time))

    def test_one_point(self):
        values = curves(1)
        self.draw(self.result("r", {"train_loss": values, "fit_time": ((), values[:, 0])},
                              axes={"weight_decay": [1e-3]}, time=TIME))

    def test_no_sample_and_no_observable(self):
        self.draw(self.result("r", {"train_loss": np.zeros(0)}, time=np.zeros(0)))
        picture = self.draw(self.result("s", {}))
        self.assertIn("there is nothing to draw", picture.all_text())

    def test_constants_and_zeros(self):
        same = np.full(TIME.size, 0.25)
        self.draw(self.result("r", {"norm": same, "train_loss": 0 * same, "invariant": -same},
                              time=TIME))

    def test_a_zero_among_decades_is_on_the_axis_with_the_decades(self):
        counts = np.where(TIME < 1, 0.0, np.minimum(TIME, 1000))
        picture = self.draw(self.result("r", {"fast_modes": counts}, time=TIME))
        self.assertIn(0.0, picture.numbers("y"))
        self.assertGreaterEqual(len(picture.numbers("y")), 3)
        self.assertIn("linear below", picture.all_text())

    def test_a_zero_among_the_decades_of_a_study(self):
        values = curves(4)
        picture = self.draw(self.result("r", {"fit_time": ((), values[:, 3])},
                                        axes={"weight_decay": [0.0, 1e-4, 1e-3, 1e-2]}))
        self.assertTrue({0.0, 1e-4, 1e-3} <= set(picture.numbers("x")))

    def test_two_hundred_seeds_are_a_median_and_a_band(self):
        values = np.array([curves(200) * (1 + seed / 100) for seed in range(1)])[0]
        picture = self.draw(self.result("r", {"train_loss": values, "fit_time": ((), values[:, 9])},
                                        axes={"seed": list(range(200))}, time=TIME))
        self.assertIn("thick: median, band: 80 % of 200 repetitions; thin: 20 of them",
                      picture.all_text())
        self.assertEqual(len(picture.curves(1)), 21)

    def test_the_band_holds_eighty_percent(self):
        values = np.array([np.full(TIME.size, 1.0 + k) for k in range(11)])
        picture = self.draw(self.result("r", {"norm": values}, axes={"init_seed": list(range(11))},
                                        time=TIME), "--variables", "norm")
        outline, = picture.outlines("PolyCollection")
        ends = [float(y) for y in re.findall(r"[ML] \S+ (\S+)", outline)]
        self.assertAlmostEqual(picture.read(max(ends), "y", False), 2.0, 3)
        self.assertAlmostEqual(picture.read(min(ends), "y", False), 10.0, 3)

    def test_repetitions_with_times_of_their_own(self):
        time = np.array([np.linspace(0, 1 + seed, 20) for seed in range(6)])
        path = self.result("r", {"time": (("sample",), time), "norm": (("sample",), 1 + time)},
                           axes={"seed": list(range(6))})
        self.draw(path)

    def test_axes_of_words_and_of_odd_names(self):
        values = curves(3)
        self.draw(self.result("$r_1^", {"train_loss": values, "fit_time": ((), values[:, 0])},
                              axes={"activation": ["x*tanh(x)", "$re{lu", "\N{SNOWMAN}"]},
                              time=TIME, model="a_$b^{"))

    def test_names_of_any_length_have_their_place(self):
        """Nothing is cut, as with each picture, and long words are told apart."""
        paths = [f"data/of/a/long/path/where/all/is/{k}_in_a_file_that_has_a_long_name_too.npy"
                 for k in range(3)]
        values = curves(3)
        text = self.draw(self.result("a" * 150, {"train_loss": values, "fit_time": ((), values[:, 0]),
                                                 "n" * 80: values + 1},
                                     axes={"target": paths}, time=TIME)).all_text()
        for k in range(3):
            self.assertIn(f"\n{k}_in_a", text)
        self.draw(self.path("a" * 150), "--variables", "fit_time")
        results = [self.result(f"folder_of_results_number_{k}", {"norm": 1 + k + TIME}, time=TIME)
                   for k in range(14)]
        self.assertIn("folder_of_results_number_13", self.draw(*results).all_text())

    def test_three_axes_of_many_values(self):
        values = np.ones((8, 9, 10, 5)) * np.arange(1, 6)
        path = self.result("r", {"norm": values}, time=np.arange(5.0),
                           axes={"width": list(range(1, 9)), "depth": list(range(1, 10)),
                                 "samples": list(range(1, 11))})
        self.assertIn("curves of one look differ in width (8 values) and depth (9 values)",
                      self.draw(path).all_text())

    def test_another_programs_file(self):
        path = self.path("other.nc")
        with netCDF4.Dataset(path, "w") as data:
            for name, size in (("x", 5), ("y", 4), ("none", 0), ("letters", 3)):
                data.createDimension(name, size)
            data.createVariable("v", "f4", ("x",))[:] = [1, np.nan, np.inf, 3, 4]
            data.createVariable("m", "i2", ("y", "x"))[:] = np.arange(20).reshape(4, 5)
            data.createVariable("empty", "f8", ("none",))
            data.createVariable("text", "S1", ("letters",))[:] = list("abc")
            data.createVariable("word", str, ("x",))[0] = "a"
            data.createVariable("cube", "f8", ("x", "x", "x"))[:] = 1
        picture = self.draw(path)
        self.assertIn("neither vector nor matrix, and not drawn: empty, text, word, cube",
                      picture.all_text())
        with netCDF4.Dataset(self.path("bare.nc"), "w"):
            pass
        self.assertIn("there is nothing to draw", self.draw(self.path("bare.nc")).all_text())

    def test_what_has_no_room_is_said(self):
        path = self.result("r", {f"quantity_{k}": TIME + k for k in range(30)}, time=TIME)
        text = self.draw(path).all_text()
        self.assertIn("no room for: quantity_15", text)
        self.assertIn("and 7 more", text)
        self.assertIn("no room for: quantity_6,", self.draw(path, "--style", "slides").all_text())


if __name__ == "__main__":
    unittest.main()
