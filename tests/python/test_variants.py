"""Variants of a study, through the program: alternatives of any keys, and of the model."""

import json
import pathlib
import unittest

import numpy as np

from program import BASE, InItsOwnFolder, run


class Variants(InItsOwnFolder):
    def test_two_models_have_the_bits_of_their_single_runs_and_nan_for_what_one_lacks(self):
        variants = {"limit": {"model.name": "single_index_mean_field"},
                    "narrow": {"model.name": "single_index_network", "model.width": 6},
                    "wide": {"model.name": "single_index_network", "model.width": 12}}
        text = "[time]\nend = 0.1\nsamples = 3\n" + "".join(
            f"[study.variant.net.{name}]\n" + "".join(
                f"{json.dumps(key)} = {json.dumps(value)}\n" for key, value in keys.items())
            for name, keys in variants.items())
        with self.result(text, "v") as data:
            self.assertEqual(data["net"][:].tolist(), list(variants))
            self.assertEqual(data.model, "single_index_mean_field; single_index_network")
            self.assertTrue(np.ma.filled(np.isnan(data["sphere_defect"][0]), True).all())
            for k, keys in enumerate(variants.values()):
                words = [w for key, value in keys.items() for w in ("--set", f"{key}={value}")]
                with self.result("[time]\nend = 0.1\nsamples = 3\n", f"v{k}", *words) as single:
                    for name in ("risk", "alignment"):
                        np.testing.assert_array_equal(data[name][k], single[name][...])
            printed = run("check", "v.toml").stdout
            with self.result(printed, "w") as again:
                self.assertEqual(again.content_hash, data.content_hash)
            # A study that plots and reports like any other, with the names on its axis.
            run("plot", "v")
            self.assertIn("narrow", pathlib.Path(run("report", "v").stdout.strip()).read_text(
                encoding="utf-8"))

    def test_observables_of_one_name_over_other_dimensions_stand_side_by_side(self):
        text = ('[time]\nend = 0.1\nsamples = 2\n[output]\nobservables = ["effective_vector"]\n'
                '[study.variant.m.a]\n"model.name" = "diagonal_linear_network"\n'
                '[study.variant.m.b]\n"model.name" = "separable_classification"\n')
        with self.result(text, "o") as data:
            self.assertEqual(data["effective_vector"].dimensions[-1], "feature")
            other = data["effective_vector_coordinate"]
            self.assertEqual(other.dimensions[-1], "coordinate")
            self.assertTrue(np.isnan(np.ma.filled(other[0], np.nan)).all())
            self.assertFalse(np.isnan(np.ma.filled(other[1], np.nan)).any())

    def test_variants_reuse_the_points_of_studies_without_them(self):
        text = BASE + '[study]\nseed = [0, 1]\n'
        variants = ('[study.variant.flow.flow]\n[study.variant.flow.descent]\n'
                    '"flow.kind" = "gradient_descent"\n"flow.step" = 1e-2\n')
        with self.result(text, "p"), self.result(text + variants, "v", "--reuse", "p"):
            self.assertEqual(json.loads(run("status", "v", "--json").stdout)["reused"], 2)

    def test_what_stands_without_the_study_holds_where_a_variant_leaves_it(self):
        text = BASE + ('[flow]\nweight_decay = {}\n[study.variant.v.a]\n'
                       '[study.variant.v.b]\n"flow.weight_decay" = 2.0\n')
        hashes = []
        for k, decay in enumerate([0.5, 0.6]):
            with self.result(text.format(decay), f"h{k}") as data:
                hashes.append(data.content_hash)
                with self.result(run("check", f"h{k}.toml").stdout, f"i{k}") as again:
                    self.assertEqual(again.content_hash, data.content_hash)
        self.assertNotEqual(*hashes)
        pathlib.Path("h0.toml").write_text(text.format(0.6), encoding="utf-8")
        self.assertIn("another config",
                      run("run", "h0.toml", "--out", "h0", "--resume", code=2).stderr)


if __name__ == "__main__":
    unittest.main()
