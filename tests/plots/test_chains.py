"""Sweeps are drawn up and down with their transitions, branches with what is special on them."""

import contextlib
import unittest

import netCDF4
import numpy as np

from pictures import PictureTest

from overview import drawing, reading, runs, sweeps

DECAY = np.linspace(0.01, 0.5, 50)
UP, DOWN = 0.41, 0.04  # where the state is lost and learnt again


def learnt(decay, end):
    return np.where(decay < end, 2 - decay, 0.0)


def loop(copies=None):
    """‖w‖ of a sweep up and down, or of several of different size."""
    both = np.array([learnt(DECAY, UP), learnt(DECAY, DOWN)])
    return both if copies is None else np.array([(1 + k / 10) * both for k in range(copies)])


class ChainTest(PictureTest):
    def sweep(self, name="r", axes=None, ways=("up", "down"), orders=(1, 1), **more):
        runs = () if axes is None else (len(next(iter(axes.values()))),)
        norm = loop(*runs)[..., :len(ways), :]
        dims = ("direction", "weight_decay")
        over = ("transition",)
        full = [np.broadcast_to(v, (*runs, 2)) for v in ([0, 1], [UP - 1e-3, DOWN - 1e-3],
                                                        [UP + 1e-3, DOWN + 1e-3], orders)]
        path = self.result(name, {
            "train_loss": (dims, 1 / (1 + norm)), "norm": (dims, norm),
            "rank": (dims, np.sign(norm)), "value_status": (dims, 0 * norm),
            "strength": ((*dims, "mode"), norm[..., None] * np.array([1.0, 0.5])),
            "transition_direction": (over, full[0]), "transition_low": (over, full[1]),
            "transition_high": (over, full[2]), "transition_order": (over, full[3]),
            "hysteresis_area": ((), np.full(runs, 0.3) * (1 + np.arange(runs[0]) if runs else 1)),
        }, axes=axes, coordinates={"direction": list(ways), "weight_decay": DECAY}, **more)
        return path

    def branches(self, name="r", **more):
        """A branch that folds at 0.4 and a trivial one, as deep linear networks have."""
        strength = np.linspace(0.2, 1.8, 21)
        decay = np.vstack([0.4 - (strength - 1)**2 / 2, np.linspace(0.05, 0.5, 21)])
        norm = np.vstack([strength, 0 * strength])
        dims = ("branch", "point")
        return self.result(name, {
            "weight_decay": (dims, decay), "arclength": (dims, np.cumsum(norm, axis=1)),
            "norm": (dims, norm), "regularised_loss": (dims, decay + norm),
            "unstable_modes": (dims, [np.where(strength < 1, 1, 0), 0 * strength]),
            "special_kind": (("special",), [1, 3, 2]), "special_branch": (("special",), [0, 0, 1]),
            "special_point": (("special",), [10, 20, 5]),
            "special_weight_decay": (("special",), [0.4, 0.08, decay[1, 5]]),
            "maxwell_weight_decay": (("maxwell",), [0.3]),
            "maxwell_branch_below": (("maxwell",), [0]),
            "maxwell_branch_above": (("maxwell",), [1]),
        }, coordinates={"branch": [0, 1], "point": list(range(21))}, **more)


class Sweeps(ChainTest):
    def test_up_and_down_are_two_curves_over_the_key(self):
        picture = self.draw(self.sweep(), "--variables", "norm")
        self.assertEqual(len(picture.curves(1)), 2)
        up, down = picture.curves(1)
        middle = picture.read(up[np.argmax(np.diff(up[:, 0]) > 0), 1], "y", False)
        self.assertAlmostEqual(middle, 1.99, 2)
        self.assertAlmostEqual(picture.read(up[-1, 0], "x", False), 0.5, 3)
        self.assertIn("up", picture.all_text())
        self.assertIn("down", picture.all_text())

    def test_a_jump_stands_upright_where_its_transition_is(self):
        picture = self.draw(self.sweep(), "--variables", "norm")
        for curve, at in zip(picture.curves(1), (UP, DOWN)):
            jump = np.argmax(np.abs(np.diff(curve[:, 1])))
            self.assertAlmostEqual(picture.read(curve[jump, 0], "x", False), at, 3)
            self.assertAlmostEqual(curve[jump, 0], curve[jump + 1, 0])

    def test_the_norm_is_squared_and_loss_and_rank_are_beside_it(self):
        picture = self.draw(self.sweep())
        self.assertIn("train loss", picture.all_text())
        self.assertIn("rank", picture.all_text())
        self.assertAlmostEqual(picture.read(picture.curves(2)[0][0, 1], "y", False, 2), 1.99**2, 2)
        self.assertIn("hysteresis area 0.3", picture.all_text())
        self.assertIn("transitions on the way up: 0.41", picture.all_text())

    def test_the_order_of_a_transition_is_in_the_key(self):
        self.assertIn("first order", self.draw(self.sweep()).all_text())
        text = self.draw(self.sweep("s", orders=(2, 0))).all_text()
        self.assertIn("second order", text)
        self.assertIn("order not known", text)
        self.assertNotIn("first order", text)

    def test_a_study_has_a_curve_for_each_sweep_and_the_area_against_its_axis(self):
        picture = self.draw(self.sweep(axes={"depth": [2, 3, 4]}))
        self.assertEqual(len(picture.curves(2)), 6)
        self.assertIn("hysteresis area", picture.all_text())

    def test_many_seeds_are_drawn_without_arrows(self):
        few = self.draw(self.sweep(axes={"seed": [0, 1]}), "--variables", "norm")
        many = self.draw(self.sweep("s", axes={"seed": list(range(20))}), "--variables", "norm")
        self.assertEqual((len(few.curves(1)), len(many.curves(1))), (4, 40))
        arrows = len(few.outlines("patch")) - len(many.outlines("patch"))
        self.assertEqual(arrows, 4 * 3 * 2)  # of a line and a head each

    def test_arrows_do_not_go_aslant_over_a_jump(self):
        decay = np.linspace(0.02, 0.5, 13)
        norm = np.array([np.where(decay < 0.28, 2.0, 1.0), np.where(decay < 0.1, 2.0, 1.0)])
        path = self.result("r", {
            "norm": (("direction", "weight_decay"), norm), "train_loss": (("direction", "weight_decay"),
                                                                          norm),
            "value_status": (("direction", "weight_decay"), 0 * norm),
            "transition_direction": (("transition",), [0, 1]),
            "transition_low": (("transition",), [0.26, 0.06]),
            "transition_high": (("transition",), [0.3, 0.1]),
            "transition_order": (("transition",), [0, 0])},
            coordinates={"direction": ["up", "down"], "weight_decay": decay})
        with contextlib.closing(reading.Result(path)) as result:
            panels = sweeps.content(runs.Runs([result]), drawing.Request()).panels
        arrows = [arrow for panel in panels if panel.names == ("train_loss",) for arrow in panel.arrows]
        self.assertGreaterEqual(len(arrows), 4)
        for arrow in arrows:
            self.assertEqual(arrow.tail[1], arrow.head[1])

    def test_one_way_alone(self):
        self.assertNotIn("down", self.draw(self.sweep(ways=("up",))).all_text())
        picture = self.draw(self.sweep("s"), "--where", "direction=down", "--variables", "norm")
        self.assertEqual(len(picture.curves(1)), 1)

    def test_a_vector_has_a_curve_for_each_entry(self):
        picture = self.draw(self.sweep(), "--variables", "strength")
        self.assertEqual(len(picture.curves(1)), 4)

    def test_values_that_were_not_settled_are_counted(self):
        path = self.sweep()
        with netCDF4.Dataset(path + "/result.nc", "a") as data:
            data["value_status"][0, 3] = 1
        self.assertIn("1 values were not settled", self.draw(path).all_text())

    def test_what_does_not_go_together_is_refused_in_one_line(self):
        path = self.sweep()
        self.refuses((path, "--x", "norm"), "--x norm")
        self.refuses((path, "--variables", "norm_squard"), 'did you mean "norm_squared"')
        self.refuses((path, "--variables", "transition_low"), "is no observable")

    def test_values_of_equal_ratios_are_on_a_logarithmic_axis(self):
        path = self.sweep()
        with netCDF4.Dataset(path + "/result.nc", "a") as data:
            data["weight_decay"][:] = np.geomspace(1e-4, 1, 50)
        self.assertTrue({1e-3, 1e-1} <= set(self.draw(path).numbers("x")))


class Branches(ChainTest):
    def test_stable_parts_are_solid_and_unstable_ones_dashed_from_the_fold_on(self):
        picture = self.draw(self.branches(), "--variables", "norm")
        self.assertEqual(len(picture.curves(1)), 3)
        self.assertEqual(picture.dashed(1), [True, False, False])
        unstable, stable, _ = picture.curves(1)
        np.testing.assert_allclose(unstable[-1], stable[0])
        self.assertAlmostEqual(picture.read(stable[0][0], "x", False), 0.4, 3)

    def test_folds_branch_points_and_maxwell_points_are_named(self):
        text = self.draw(self.branches()).all_text()
        for word in ("folds: 0.4", "Maxwell points: 0.3", "branch points: 0.1625", "unstable"):
            self.assertIn(word, text)

    def test_one_branch_alone(self):
        picture = self.draw(self.branches(), "--where", "branch=0", "--variables", "norm_squared")
        self.assertEqual(len(picture.curves(1)), 2)

    def test_what_is_no_observable_of_branches_is_refused(self):
        path = self.branches()
        self.refuses((path, "--variables", "rank"), "there is no such variable")
        self.refuses((path, "--x", "norm"), "drawn over what changes")


if __name__ == "__main__":
    unittest.main()
