"""Whatever a result holds, it is drawn without a warning, and what cannot be drawn is named."""

import os
import re
import unittest

import netCDF4
import numpy as np

from pictures import PictureTest, call

TIME = np.concatenate([[0.0], np.geomspace(1e-3, 1e4, 40)])
DECAYS = [1e-4, 1e-3, 1e-2]


def curves(runs, time=TIME):
    """Positive curves over decades, one a run."""
    return np.array([np.exp(-time * 10.0**-k) + 1e-6 for k in range(runs)])


def study(values, status=None, **more):
    return dict(variables={"train_loss": values, "norm": 1 + values, "fit_time": ((), values[:, 0])},
                axes={"weight_decay": DECAYS}, time=TIME, status=status, **more)


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


class Options(PictureTest):
    def setUp(self):
        super().setUp()
        values = curves(3)
        self.study = self.result(
            "study", {"train_loss": values, "norm": 1 + values,
                      "slow_time": np.outer(DECAYS, TIME), "fit_time": ((), values[:, 3]),
                      "weights": (("time", "neuron"), np.ones((3, TIME.size, 4)))},
            axes={"weight_decay": DECAYS}, time=TIME)
        self.single = self.result("single", {"norm": TIME, "fit_time": ((), 3.0)}, time=TIME)

    def test_variables_x_and_where(self):
        self.assertEqual(self.draw(self.study, "--variables", "norm,fit_time").count_frames(), 2)
        slow = self.draw(self.study, "--variables", "norm", "--x", "slow_time")
        self.assertIn("slow time", slow.all_text())
        self.draw(self.study, "--variables", "train_loss", "--x", "norm")
        over_axis = self.draw(self.study, "--variables", "norm", "--x", "weight_decay")
        self.assertIn("norm at the end", over_axis.all_text())
        self.draw(self.study, "--x", "neuron")
        self.draw(self.study, "--x", "fit_time")
        one = self.draw(self.study, "--where", "weight_decay=1e-3")
        self.assertIn("weight_decay = 0.001", one.all_text())
        two = self.draw(self.study, "--where", "weight_decay=1e-3,1e-2", "--variables", "norm")
        self.assertEqual(len(two.curves()), 2)
        self.draw(self.study, "--where", "time=100")
        self.draw(self.study, "--where", "neuron=2", "--where", "weight_decay=1e-3")
        self.draw(os.path.join(self.study, "result.nc"))

    def test_log_and_linear(self):
        logarithmic = self.draw(self.study, "--variables", "norm", "--log")
        linear = self.draw(self.study, "--variables", "train_loss", "--linear")
        for picture, scale in ((logarithmic, np.log), (linear, np.asarray)):
            numbers, places = np.array(picture.ticks("y")).T
            line = np.polyfit(places, scale(numbers), 1)
            np.testing.assert_allclose(np.polyval(line, places), scale(numbers), atol=1e-3)

    def test_pictures_of_all_kinds(self):
        for kind in ("png", "pdf", "svg", "jpg", "jpeg", "PNG"):
            out = self.path("p." + kind)
            self.assertEqual(call(self.single, "--out", out), (0, out + "\n", ""))
            self.assertGreater(os.path.getsize(out), 1000)

    def test_what_cannot_be_is_refused_in_one_line_with_the_nearest_name(self):
        self.refuses([self.study, "--variables", "nrom"], 'did you mean "norm"?')
        self.refuses([self.study, "--x", "slowtime"], 'did you mean "slow_time"?')
        self.refuses([self.study, "--where", "weightdecay=1"], 'did you mean "weight_decay"?')
        self.refuses([self.study, "--where", "weight_decay=2e-3"], "0.0001, 0.001, 0.01")
        self.refuses([self.study, "--where", "weight_decay"], "expected key=value")
        self.refuses([self.study, "--log", "--linear"], "exclude each other")
        self.refuses([self.study, "--style", "papr"], 'did you mean "paper"?')
        self.refuses([self.study, "--out", self.path("x.xyz")], ".xyz", ".png, .pdf, .svg, .jpg")
        self.refuses([self.study, "--out", self.path("x.pgn")], 'did you mean ".png"?')
        self.refuses([self.study, "--out", self.folder], "is a folder")
        self.refuses([self.study, "--variables", "weights", "--x", "fit_time"],
                     "weights is no number of a run: it is over weight_decay, time, neuron")
        self.refuses([self.study, "--variables", "norm", "--x", "neuron"], "norm has no neuron")
        self.refuses([self.single, "--variables", "fit_time"], "fit_time is one number, 3")
        self.refuses([self.single, "--x", "fit_time"], "takes one value only")
        self.refuses([self.single, "--where", "time=1", "--x", "time"], "one value of it")
        self.refuses([self.path("nothing")], "there is no result to plot")
        with open(self.path("text.nc"), "w", encoding="utf-8") as file:
            file.write("no NetCDF")
        self.refuses([self.path("text.nc")], "text.nc", "cannot be read")


if __name__ == "__main__":
    unittest.main()
