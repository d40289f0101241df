"""The options of `gradflow plot`, and what it refuses."""

import os
import unittest

import numpy as np

from made_up import DECAYS, TIME, curves
from pictures import PictureTest, call


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
