"""What stands at an axis is what the data are: read back from the picture as a reader would."""

import re
import unittest

import numpy as np

from pictures import PictureTest, value_of

import ticks
import style
from overview import lettering, looks, names, scales

LINEAR = np.linspace(0, 10, 21)


class NumbersAtAxes(PictureTest):
    def check_read_back(self, values, *words, logarithmic=False, name="norm", **more):
        """That the first and last value of a curve are found between the ticks beside them."""
        picture = self.draw(self.result("r", {name: values}, time=LINEAR, **more), *words)
        curve = picture.curves()[0]
        for place, value in ((curve[0], values[0]), (curve[-1], values[-1])):
            found = picture.read(place[1], "y", logarithmic)
            self.assertAlmostEqual(found / value, 1.0, 2)
        for place, value in ((curve[0], LINEAR[0]), (curve[-1], LINEAR[-1])):
            self.assertAlmostEqual(picture.read(place[0], "x", False), value, 2)
        return picture

    def test_small_large_and_shifted_numbers(self):
        for low, high in ((2e-4, 7e-4), (3e-12, 9e-12), (2e5, 9e5), (1e17, 4e17), (0.1, 0.9),
                          (100.0, 180.0), (-3e-5, -1e-5), (-2e6, 5e6)):
            with self.subTest(low=low, high=high):
                self.check_read_back(np.linspace(low, high, 21), "--linear")

    def test_decades(self):
        for low, high in ((1e-9, 1.0), (2e-3, 3e-2), (0.3, 2.9), (1e-200, 1e100)):
            with self.subTest(low=low, high=high):
                self.check_read_back(np.geomspace(high, low, 21), "--log", logarithmic=True)

    def test_a_conserved_quantity_does_not_fill_its_panel(self):
        picture = self.check_read_back(3 + 1e-5 * np.sin(LINEAR), name="invariant")
        heights = picture.curves()[0][:, 1]
        self.assertLess(np.ptp(heights), 1.0)
        self.assertIn("of itself", picture.all_text())

    def test_rounding_is_no_line(self):
        noise = 1e-30 * np.abs(np.random.default_rng(0).normal(size=21))
        text = self.draw(self.result("r", {"sphere_defect": noise, "norm": 1 + LINEAR}, time=LINEAR)
                         ).all_text()
        self.assertIn("0 as far as is resolved, and not drawn: sphere_defect", text)
        falling = np.maximum(np.exp(-8 * LINEAR), noise)
        picture = self.draw(self.result("s", {"train_loss": falling}, time=LINEAR))
        self.assertIn("below 10\n\N{MINUS SIGN}16\n: not resolved", picture.all_text())
        self.assertGreater(min(picture.numbers("y")), 1e-17)

    def test_the_floor_follows_the_tolerances(self):
        falling = np.exp(-8 * LINEAR)
        for rtol, floor in ((1e-4, 8), (1e-6, 12)):
            text = self.draw(self.result("r", {"test_error": falling}, time=LINEAR, rtol=rtol)
                             ).all_text()
            self.assertIn(f"below 10\n−{floor}\n: not resolved", text)
        # Mirror flow is integrated in logarithms: its angles are right however small.
        text = self.draw(self.result("m", {"angle": falling**2}, time=LINEAR, kind="mirror")
                         ).all_text()
        self.assertNotIn("not resolved", text)

    def test_what_cancels_ends_at_the_tolerance_of_its_start(self):
        noise = 1e-9 * np.abs(np.random.default_rng(0).normal(size=21))
        for name in ("gradient_norm", "minimum_norm_distance", "imbalance"):
            picture = self.draw(self.result("r", {name: np.exp(-8 * LINEAR) + noise}, time=LINEAR))
            self.assertIn("below 10\n\N{MINUS SIGN}8\n: not resolved", picture.all_text(), name)
            self.assertGreater(min(picture.numbers("y")), 1e-9)

    def test_beside_a_saddle_what_cancels_ends_at_the_tolerance_of_what_it_grows_to(self):
        noise = 1e-9 * np.abs(np.random.default_rng(0).normal(size=21))
        grown = np.where(LINEAR < 3, 1e-3 * np.exp(LINEAR * np.log(1e3) / 3), np.exp(-8 * (LINEAR - 3)))
        picture = self.draw(self.result("r", {"gradient_norm": grown + noise}, time=LINEAR))
        self.assertIn("below 10\n\N{MINUS SIGN}8\n: not resolved", picture.all_text())

    def test_a_time_before_the_first_sample_is_a_guess(self):
        time = np.concatenate([[0.0], np.geomspace(1e-2, 1e4, 20)])
        times = np.array([3e-3, 0.2, 40.0])
        path = self.result("r", {"norm": np.outer(1 + times, time), "component_time": (
            ("degree",), np.array([times, 2 * times, 3 * times]).T)}, axes={"epsilon": [1e-3, 1e-2, 0.1]},
                           time=time)
        picture = self.draw(path, "--variables", "component_time", "--x", "epsilon")
        self.assertIn("before the first sample (\N{WHITE DOWN-POINTING SMALL TRIANGLE})",
                      picture.all_text())
        self.assertGreater(min(picture.numbers("y")), 9e-3)
        picture = self.draw(self.result("s", {"norm": np.outer(1 + times, time), "gap": ((), -times)},
                                        axes={"epsilon": [1e-3, 1e-2, 0.1]}, time=time),
                            "--variables", "gap")
        self.assertNotIn("before the first sample", picture.all_text())
        self.assertLess(min(picture.numbers("y")), -30)

    def test_an_observable_at_the_end_has_the_floor_of_its_start(self):
        ends = np.array([1e-24, 1e-6, 1e-4])
        values = np.exp(np.outer(np.log(ends), LINEAR / 10))
        picture = self.draw(self.result("r", {"test_error": values}, axes={
            "weight_decay": [0.0, 1e-3, 1e-2]}, time=LINEAR), "--x", "weight_decay")
        self.assertIn("below 10\n\N{MINUS SIGN}16\n: not resolved "
                      "(\N{WHITE DOWN-POINTING SMALL TRIANGLE})", picture.all_text())
        self.assertGreater(min(picture.numbers("y")), 1e-17)

    def test_what_grows_out_of_a_tiny_start_is_a_line(self):
        grown = 1e-12 * np.exp(2.5 * LINEAR)
        text = self.draw(self.result("r", {"mode_strength": (("time", "mode"), grown[:, None])},
                                     time=LINEAR)).all_text()
        self.assertNotIn("not resolved", text)

    def test_accuracies_share_an_axis_from_zero_to_one(self):
        picture = self.draw(self.result("r", {"train_accuracy": 0.9 + LINEAR / 100,
                                              "test_accuracy": 0.5 + LINEAR / 100}, time=LINEAR))
        self.assertEqual((picture.count_frames(), len(picture.curves())), (1, 2))
        numbers = picture.numbers("y")
        self.assertEqual((min(numbers), max(numbers)), (0.0, 1.0))

    def test_eigenvalues_are_on_signed_logarithms(self):
        values = np.array([np.geomspace(10, 1e-4, 21), -np.geomspace(5, 1e-3, 21)]).T
        picture = self.draw(self.result(
            "r", {"hessian_eigenvalues": (("time", "eigenvalue"), values)}, time=LINEAR))
        found = picture.numbers("y")
        self.assertIn(0.0, found)
        self.assertLess(min(found), 0.0)
        self.assertGreater(max(found), 0.0)
        self.assertIn("linear within", picture.all_text())

    def test_logarithms_beyond_all_numbers_are_on_logarithms_once_more(self):
        picture = self.draw(self.result("r", {
            "log10_time": np.geomspace(1, 1e279, 21), "log10_loss": -np.geomspace(1e-2, 1e279, 21)},
            time=LINEAR))
        self.assertGreater(max(picture.numbers("y", 1)), 1e200)
        self.assertLess(min(picture.numbers("y", 2)), -1e200)
        heights = picture.curves(1)[0][:, 1]
        self.assertLess(np.abs(np.diff(heights)).max(), 0.15 * np.ptp(heights))

    def test_a_run_much_shorter_than_others_has_its_room(self):
        time = np.array([np.linspace(0, end, 21) for end in (3.0, 500.0)])
        path = self.result("r", {"time": (("sample",), time), "norm": (("sample",), 1 + time)},
                           axes={"potential": ["a", "b"]})
        short, *long = self.draw(path).curves()
        self.assertGreater(np.ptp(short[:, 0]), 0.3 * np.ptp(np.concatenate(long)[:, 0]))
        # What failed early leaves the axis of the others as it is.
        path = self.result("s", {"time": (("sample",), time), "norm": (("sample",), 1 + time)},
                           axes={"potential": ["a", "b"]}, status=[3, 0])
        picture = self.draw(path)
        self.assertAlmostEqual(picture.read(picture.curves()[1][10, 0], "x", False), 250, 0)

    def test_the_values_of_a_study_are_at_its_axis(self):
        for axis in ([1e-3, 1e-2], [0.0, 1e-3, 1e-2], [1e-3, 3e-3, 1e-2], [1.0, 2.0, 5.0]):
            picture = self.draw(self.result("r", {"fit_time": ((), 1 + np.arange(len(axis)))},
                                            axes={"weight_decay": axis}))
            self.assertTrue(set(axis) <= set(picture.numbers("x")), axis)

    def test_the_last_number_has_room(self):
        self.draw(self.result("r", {f"norm_{k}": LINEAR for k in range(3)}, time=1000 * LINEAR))

    def test_what_happens_before_the_first_sample_is_seen(self):
        time = np.concatenate([[0.0], np.geomspace(1e-2, 1e3, 20)])
        early = np.where(time == 0, 5.0, 1.0 / (1 + time))
        picture = self.draw(self.result("r", {"norm": early}, time=time))
        self.assertIn(0.0, picture.numbers("x"))
        quiet = self.draw(self.result("s", {"norm": 1.0 / (1 + time)}, time=time))
        self.assertNotIn(0.0, quiet.numbers("x"))

    def test_ticks_tell_logarithmic_from_linear(self):
        for low, high in ((1e-3, 1e3), (0.2, 0.9), (3, 40)):
            _, _, others = ticks.logarithmic(low, high, 5)
            gaps = np.diff(np.log(others))
            self.assertGreater(gaps.max() / gaps.min(), 1.5, (low, high))
        self.assertEqual(scales.Scale("linear", 0, 1).ticks(5)[2], [])


class Ticks(unittest.TestCase):
    def test_texts_are_the_numbers_where_they_stand(self):
        for low, high in ((0, 1), (-3, 7), (1e-7, 4e-7), (0, 123456), (99990, 100010), (5, 5.001)):
            for most in (2, 3, 5, 8):
                places, texts = ticks.linear(low, high, most)
                for place, text in zip(places, texts):
                    self.assertAlmostEqual(value_of(text), place, delta=1e-6 * (high - low))
                self.assertLessEqual(len(places), most)

    def test_numbers_of_one_power_have_as_many_digits(self):
        _, texts = ticks.linear(7.4e-4, 8.3e-4, 5)
        self.assertEqual(len({len(text) for text in texts}), 1, texts)

    def test_unlabelled_ticks_can_be_told_apart(self):
        for low, high in ((1e-200, 1e250), (1, 1e40), (1e-12, 1)):
            self.assertLess(len(ticks.logarithmic(low, high, 5)[2]), 100)
            self.assertLess(len(ticks.symmetric(0, high, low, 5)[2]), 100)

    def test_what_is_read_together_is_written_alike(self):
        self.assertEqual(looks.value_labels([0.0, 1e-3, 1e-2]), ["0", "$10^{-3}$", "$10^{-2}$"])
        self.assertEqual(looks.value_labels([1e-3, 2e-2]), ["$10^{-3}$", "0.02"])
        self.assertEqual(looks.value_labels([0.5, 1.0]), ["0.5", "1"])

    def test_logarithmic_ticks_are_on_the_axis(self):
        for low, high in ((1e-300, 1e10), (1, 10), (0.95, 1.05), (1e-3, 1e3), (4e-5, 7e-5)):
            for most in (2, 4, 7):
                places, texts, others = ticks.logarithmic(low, high, most)
                self.assertGreaterEqual(len(places), 1)
                for place, text in zip(places, texts):
                    self.assertAlmostEqual(value_of(text) / place, 1.0, 3)
                    self.assertTrue(low * 0.999 <= place <= high * 1.001)
                self.assertTrue(all(low <= place <= high for place in others))

    def test_labels_have_the_symbols_of_the_papers(self):
        self.assertEqual(names.label("norm", "2-norm of the parameters"), r"norm $\Vert w\Vert$")
        self.assertEqual(names.label("a", "alignment s_i = <u_i, u*> of the neurons"),
                         "alignment $s_{i}$")
        self.assertEqual(names.label("plain_name", "plain_name"), "plain name")
        self.assertEqual(names.axis_label("weight_decay", "flow.weight_decay"),
                         r"weight decay $\lambda$")

    def test_formulas_are_set_in_the_fonts_own_letters(self):
        for text, expected in (
                (r"norm $\Vert w\Vert^2$ now", [("norm ‖𝑤‖", 0), ("2", 1), (" now", 0)]),
                (r"$-2\times10^{-4}$", [("−2 × 10", 0), ("−4", 1)]),
                (r"$t_{\mathrm{grok}}$", [("𝑡", 0), ("grok", -1)]),
                (r"2 \$ and 3 \$", [("2 $ and 3 $", 0)]),
                (r"$\frac{1}{2}$", None)):
            self.assertEqual(lettering.pieces(text), expected)

    def test_every_letter_of_the_labels_is_in_the_font(self):
        # The symbols are templates: \\ for \, \1 for a letter.
        symbols = [re.sub(r"\\\d", "x", symbol.replace(r"\\\1", r"\\sigma").replace("\\\\", "\\"))
                   for _, symbol in names.FORMULAS]
        for text in [*names.LABELS.values(), *names.AXES.values(), *symbols]:
            self.assertIsNotNone(lettering.pieces(text), text)
            for letters, _ in lettering.pieces(text):
                self.assertNotIn("?", style.plain(letters.replace("?", "")), text)


if __name__ == "__main__":
    unittest.main()
