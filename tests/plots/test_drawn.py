"""What is drawn of a result, and how: nothing hidden, nothing joined that does not belong together."""

import os
import unittest

import netCDF4
import numpy as np

from made_up import DECAYS, TIME, curves, study
from pictures import PictureTest


class WhatIsDrawn(PictureTest):
    def test_no_curve_hides_another(self):
        falling = np.exp(-TIME)
        picture = self.draw(self.result("r", {
            "train_loss": falling, "regularised_loss": falling, "train_error": falling * (1 + 1e-9),
            "test_error": 1 + falling}, time=TIME))
        self.assertIn("train loss = regularised loss", picture.all_text())
        self.assertEqual(picture.dashed(), [False, True, False])

    def test_no_run_of_a_study_hides_another(self):
        falling = np.exp(-TIME)
        path = self.result("r", {"train_loss": [falling, falling * (1 + 1e-4), 1 + falling]},
                           axes={"kind": ["gradient", "gradient_descent", "sgd"]}, time=TIME)
        picture = self.draw(path, "--variables", "train_loss")
        self.assertEqual(picture.dashed(), [False, True, False])
        self.assertIn("dashed: a curve that lies on another one", picture.all_text())
        # Curves that part after a common start are seen as they are.
        parting = [np.exp(-TIME / (1 + k * TIME)) for k in (0, 0.1, 1)]
        picture = self.draw(self.result("s", {"train_loss": parting}, axes={"weight_decay": DECAYS},
                                        time=TIME), "--variables", "train_loss")
        self.assertNotIn("dashed", picture.all_text())

    def test_curves_with_times_of_their_own_may_hide_one_another(self):
        """As descent, whose first sample is its first step, hides the flow; and its points at words have
        its colour."""
        late = np.concatenate([[0.0], np.geomspace(1e-2, 1e4, 40)])
        path = self.result("r", {"time": (("sample",), [TIME, late]),
                                 "norm": (("sample",), [3 - np.tanh(TIME), 3 - np.tanh(late)]),
                                 "fit_time": ((), [1.0, 2.0])},
                           axes={"kind": ["gradient", "gradient_descent"]})
        picture = self.draw(path, "--variables", "norm")
        self.assertEqual(picture.dashed(), [False, True])
        ends = self.draw(path, "--variables", "fit_time")
        self.assertEqual(len(set(ends.point_colors())), 2)

    def test_what_lies_on_another_curve_is_said_where_dashes_tell_something_else(self):
        curve = 3 - np.tanh(TIME)
        path = self.result("r", {"norm": [[curve, curve], [2 * curve, 2 * curve]]},
                           axes={"weight_decay": DECAYS[:2], "kind": ["gradient", "heavy_ball"]}, time=TIME)
        self.assertIn("some curves lie on one another",
                      self.draw(path, "--variables", "norm").all_text())

    def test_eigenvalues_of_both_ends_stand_at_their_places(self):
        values = np.array([[5.0, 4.0, 3.0, -1.0, -2.0]] * TIME.size)
        ends = {"eigenvalue": [1, 2, 3, -2, -1]}
        more = {"final_state": (("parameter",), np.ones(30)), "hessian_eigenvalues_snapshot": (
            ("snapshot_time", "eigenvalue"), values[:2])}
        picture = self.draw(self.result("r", {**more, "norm": TIME}, time=TIME, coordinates={
            **ends, "snapshot_time": [1.0, 10.0]}), "--variables", "hessian_eigenvalues_snapshot")
        found = sorted({round(picture.read(x, "x", False)) for x, _ in picture.points()})
        self.assertEqual(found, [1, 2, 3, 29, 30])
        self.assertEqual([len(line) for line in picture.curves()], [3, 2, 3, 2])  # none from 3 to 29

    def test_what_a_run_ends_with_is_drawn_once(self):
        values = curves(3, TIME[:30])
        text = self.draw(self.result("r", {"angle": values, "final_angle": ((), values[:, -1])},
                                     axes={"weight_decay": DECAYS}, time=TIME[:30])).all_text()
        self.assertNotIn("angle at the end", text)
        self.assertIn("final angle", text)

    def test_long_words_that_begin_and_end_alike_show_where_they_differ(self):
        starts = [f"a[weight_decay={value}, seed=0]" for value in ("1e-4", "1e-3")]
        text = self.draw(self.result("r", {"norm": curves(2)}, axes={"initial": starts}, time=TIME)
                         ).all_text()
        for value in ("1e-4", "1e-3"):
            self.assertIn(f"…{value}…", text)

    def test_what_has_too_many_dimensions_is_said_and_can_be_selected_from(self):
        values = np.random.default_rng(0).normal(size=(TIME.size, 2, 3, 4))
        path = self.result("r", {"norm": 1 + TIME, "preactivation": (
            ("time", "layer", "neuron", "training_sample"), values)}, time=TIME)
        self.assertIn("preactivation: over time, layer, neuron, training_sample, and not drawn",
                      self.draw(path).all_text())
        self.refuses([path, "--variables", "preactivation"], "has 4 dimensions", "--where selects")
        one = self.draw(path, "--where", "layer=1")
        self.assertIn("preactivation at 𝑡 = 0", one.all_text())
        self.assertIn("layer = 1", one.all_text())

    def test_what_was_asked_for_has_room_before_the_rest(self):
        path = self.result("r", {f"quantity_{k}": TIME + k for k in range(30)}, time=TIME)
        with netCDF4.Dataset(os.path.join(path, "result.nc"), "a") as data:
            data.config_resolved += '[output]\nobservables = ["quantity_29"]\n'
        text = self.draw(path).all_text()
        self.assertIn("\nquantity 29\n", text)
        self.assertIn("no room for: quantity_14,", text)

    def test_what_happened_before_the_first_sample_is_dotted(self):
        time = np.array([np.concatenate([[0.0], np.geomspace(first, 1e4 * first, 20)])
                         for first in (1e-2, 1e2)])
        picture = self.draw(self.result("r", {
            "time": (("sample",), time), "norm": (("sample",), 5 / (1 + np.log1p(1e3 * time)))},
            axes={"weight_decay": [1e-2, 1e-6]}))
        self.assertEqual(picture.dashed(), [False, True, False])
        self.assertIn("dotted lines: before the first sample", picture.all_text())

    def test_numbers_against_another_have_no_lines_in_the_key(self):
        times = np.array([[1.0, 2.0, np.nan], [2.0, 4.0, np.nan]])
        path = self.result("r", {"grok_time": ((), times), "fit_time": ((), np.array(
            [[1.0, 2.0, 1e9], [2.0, 3.0, 1e9]]))}, axes={"width": [8, 16], "weight_decay": DECAYS})
        picture = self.draw(path, "--variables", "fit_time", "--x", "grok_time")
        self.assertIn("points of one colour differ in width (2 values)", picture.all_text())
        self.assertNotIn("width 𝑚:", picture.all_text())
        # Points that are not there leave the axes to those that are.
        self.assertLess(max(picture.numbers("y")), 10)

    def test_fits_have_the_looks_of_what_they_were_fitted_to(self):
        decays, widths = np.geomspace(1e-5, 1e-2, 7), [10, 20]
        times = np.array([0.25 / decays, 0.5 / decays])
        path = self.result("r", {"grok_time": ((), times)},
                           axes={"width": widths, "weight_decay": decays})
        with netCDF4.Dataset(os.path.join(path, "result.nc"), "a") as data:
            for what, values in (("exponent", [-1, -1]), ("exponent_error", [0.01, 0.02]),
                                 ("prefactor", [0.25, 0.5])):
                variable = data.createVariable("grok_time_" + what, "f8", ("width",))
                variable[:] = values
                variable.long_name = f"{what} of grok_time against weight_decay"
        picture = self.draw(path, "--variables", "grok_time")
        self.assertEqual(picture.dashed(), [False, True, False, True])

    def test_a_point_below_the_axis_is_marked_at_its_edge(self):
        components = np.array([[1.0, 1e-2, 0.0, 1e-4, 0.0]] * 2)
        picture = self.draw(self.result("r", {"risk_component": (("degree",), components)}, axes={
            "width": [4, 8]}), "--variables", "risk_component")
        self.assertIn("\N{WHITE DOWN-POINTING SMALL TRIANGLE}", picture.all_text())
        self.assertEqual([len(curve) for curve in picture.curves()], [2, 2])  # no spikes to 0

    def test_runs_with_grids_of_their_own_are_drawn_over_them(self):
        grids = np.array([np.linspace(-1 - k, 1 + k, 60) for k in range(6)])
        path = self.result("r", {
            "grid_point": (("grid_point_index",), grids),
            "prediction": (("time", "grid_point_index"), np.ones((6, 1, 60)) * grids[:, None]),
            "teacher_on_grid": (("grid_point_index",), grids)},
            axes={"seed": list(range(6))}, time=[1.0])
        picture = self.draw(path, "--variables", "prediction")
        self.assertEqual([round(picture.read(curve[-1, 0], "x", False), 2)
                          for curve in picture.curves()], [1, 2, 3, 4, 5, 6])
        for phrase in ("each run has its own grid_point", "teacher and data differ"):
            self.assertIn(phrase, picture.all_text())
        one = self.draw(path, "--variables", "prediction", "--where", "seed=3")
        self.assertAlmostEqual(one.read(one.curves()[0][-1, 0], "x", False), 4, 2)
        self.assertIn("teacher", one.all_text())

    def test_a_bar_has_the_numbers_of_the_entries(self):
        values = np.outer(TIME, np.arange(1, 22.0))
        degrees = {"degree": list(range(21))}
        picture = self.draw(self.result("r", {"alignment": (("time", "degree"), values)}, time=TIME,
                                        coordinates=degrees))
        self.assertIn("degree\n", picture.all_text())
        self.assertEqual(picture.numbers("x", 2), [0, 5, 10, 15, 20])
        # Numbers that differ between the panels stand for none of them.
        both = self.draw(self.result("s", {"alignment": (("time", "degree"), values), "weights": (
            ("time", "neuron"), values[:, :9])}, time=TIME, coordinates=degrees))
        self.assertIn("entries:", both.all_text())

    def test_what_came_to_no_value_is_said(self):
        times = np.array([1.0, np.nan, 3.0])
        picture = self.draw(self.result("r", {"grok_time": ((), times)}, axes={"weight_decay": DECAYS}))
        self.assertIn("no value in 1 of 3 runs", picture.all_text())

    def test_a_warning_of_a_single_run_comes_with_its_message(self):
        path = self.result("r", {"norm": TIME}, time=TIME)
        with netCDF4.Dataset(os.path.join(path, "result.nc"), "a") as data:
            warning = data.createVariable("warning", "i4", ())
            warning[...] = 2
            warning.flag_values = np.array([1, 2], dtype="i4")
            warning.flag_meanings = "other no_plateau"
            data.createVariable("message", str, ())[...] = "the test error never rests"
        self.assertIn("warnings of the run: no_plateau: the test error never rests",
                      self.draw(path).all_text())

    def test_matrices_are_pictures_at_three_times(self):
        matrices = np.random.default_rng(0).normal(size=(TIME.size, 4, 6))
        picture = self.draw(self.result("r", {"matrix": (("time", "row", "column"), matrices)},
                                        time=TIME))
        self.assertEqual(picture.count_frames(), 4)  # and one colour bar
        self.assertIn("matrix at 𝑡 = 0", picture.all_text())
        self.assertIn("matrix at 𝑡 = 10\n4", picture.all_text())

    def test_the_colours_of_a_matrix_have_their_numbers_in_full(self):
        for size in (3e-7, 1.0, 2e5):
            matrix = size * np.array([[1.0, -0.5], [0.0, 0.25]])
            picture = self.draw(self.result("r", {"matrix": (("row", "column"), matrix)}),
                                "--variables", "matrix")
            numbers, places = np.array(picture.ticks("y", 2)).T
            self.assertGreaterEqual(numbers.size, 3)
            self.assertTrue((np.abs(numbers) <= size).all())
            self.assertAlmostEqual(np.polyval(np.polyfit(numbers / size, places, 1), 0.0),
                                   places[numbers == 0][0], 3)

    def test_snapshots_of_a_study_are_drawn_at_each_time(self):
        times = [1.0, 100.0]
        values = np.random.default_rng(0).normal(size=(3, 2, 7))
        picture = self.draw(self.result(
            "r", {"prediction": (("snapshot_time", "grid_point"), values),
                  "matrix": (("snapshot_time", "row", "column"), np.ones((3, 2, 3, 3)))},
            axes={"weight_decay": DECAYS}, time=TIME,
            coordinates={"snapshot_time": times, "grid_point": np.linspace(-1, 1, 7)}))
        text = picture.all_text()
        self.assertIn("prediction at 𝑡 = 1\n", text)
        self.assertIn("prediction at 𝑡 = 100", text)
        self.assertIn("matrix at 𝑡 = 100", text)
        self.assertIn("matrix: the last of 2 snapshots", text)

    def test_a_function_is_drawn_at_a_few_times_against_its_data(self):
        grid = np.linspace(-1, 1, 50)
        values = np.outer(TIME / (1 + TIME), grid**2)
        picture = self.draw(self.result(
            "r", {"prediction": (("time", "grid_point"), values),
                  "teacher_on_grid": (("grid_point",), grid**2),
                  "point": (("training_sample",), grid[::10]),
                  "target": (("training_sample",), grid[::10]**2)},
            time=TIME, coordinates={"grid_point": grid}))
        self.assertEqual(len(picture.curves()), 6)
        for word in ("training points", "teacher", "𝑡 = 0", "𝑡 = 10\n4"):
            self.assertIn(word, picture.all_text())

    def test_a_layer_of_one_input_is_a_vector(self):
        weights = np.ones((TIME.size, 5, 1)) * np.arange(5)[:, None]
        picture = self.draw(self.result("r", {
            "first_layer": (("time", "neuron", "input"), weights),
            "second_layer": (("time", "neuron"), weights[..., 0])}, time=TIME))
        self.assertEqual((len(picture.curves(1)), len(picture.curves(2))), (5, 5))

    def test_the_predicted_direction_stands_beside_the_direction(self):
        direction = np.outer(np.ones(TIME.size), [0.6, 0.8])
        picture = self.draw(self.result("r", {"direction": (("time", "coordinate"), direction),
                                              "predicted_direction": (("coordinate",), [0.6, 0.8])},
                                        time=TIME, kind="mirror"))
        self.assertIn("\npredicted\n", picture.all_text())

    def test_a_fit_is_drawn_with_its_exponent_and_error(self):
        decays = np.geomspace(1e-5, 1e-2, 7)
        path = self.result("r", {"grok_time": ((), 0.25 / decays)}, axes={"weight_decay": decays})
        with netCDF4.Dataset(os.path.join(path, "result.nc"), "a") as data:
            for what, value in (("exponent", -1.0), ("exponent_error", 0.0123), ("prefactor", 0.25)):
                variable = data.createVariable("grok_time_" + what, "f8", ())
                variable[...] = value
                variable.long_name = f"{what} of grok_time against weight_decay"
        picture = self.draw(path, "--variables", "grok_time")
        self.assertIn("slope \N{MINUS SIGN}1.000 \N{PLUS-MINUS SIGN} 0.012", picture.all_text())
        # The line goes through the points that it was fitted to.
        points, line = picture.curves()
        np.testing.assert_allclose(points, line, atol=0.01)

    def test_folders_share_axes_and_one_legend(self):
        for k, name in enumerate("ab"):
            self.result(name, {"norm": 1 + k + TIME, "test_error": np.exp(-TIME)}, time=TIME)
        picture = self.draw(self.path("a"), self.path("b"))
        self.assertEqual(picture.all_text().count("folder:\na\nb\n"), 1)
        self.assertEqual([len(picture.curves(panel)) for panel in (1, 2)], [2, 2])

    def test_folders_of_one_name_are_told_apart(self):
        for name in ("one/r", "two/r"):
            self.result(name, {"norm": 1 + TIME}, time=TIME)
        self.assertIn("\none/r\ntwo/r\n",
                      self.draw(self.path("one/r"), self.path("two/r")).all_text())

    def test_a_study_and_a_run_together(self):
        self.result("study", **study(curves(3)))
        self.result("run", {"train_loss": curves(1)[0], "norm": TIME}, time=TIME)
        picture = self.draw(self.path("study"), self.path("run"))
        self.assertEqual(len(picture.curves()), 4)

    def test_what_only_some_folders_have_is_said(self):
        self.result("a", {"norm": TIME, "sharpness": TIME}, time=TIME)
        self.result("b", {"norm": TIME}, time=TIME)
        self.assertIn("not in all folders with the same sizes, and not drawn: sharpness",
                      self.draw(self.path("a"), self.path("b")).all_text())


if __name__ == "__main__":
    unittest.main()
