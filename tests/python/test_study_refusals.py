"""Study tables that do not go together are refused at their place."""

import unittest

from program import BASE, InItsOwnFolder


class Refusals(InItsOwnFolder):
    def test_what_does_not_go_together_is_told_with_its_place(self):
        decay = '"flow.weight_decay" = { log = [1e-3, 1e-1] }\n'
        for study, *expected in [
                ('[study.zip.a]\n"flow.weight_decay" = [1e-3, 1e-2]\n"solver.rtol" = [1e-6]\n',
                 ":10:1: study.zip.a.solver.rtol: has 1 values, flow.weight_decay has 2"),
                ('[study.zip.a]\n', "study.zip.a: has no key"),
                ('[study.zip.a]\n"flow.weight_decy" = [1]\n', 'did you mean "weight_decay"?'),
                ('[study.zip]\na = 3\n', "study.zip.a: is the integer 3, expected a table"),
                ('[study]\n"flow.weight_decay" = [1e-3]\n[study.sobol.a]\ncount = 2\n' + decay,
                 "study.sobol.a.flow.weight_decay: is an axis already, at bad.toml:9:1"),
                ('[study.zip.a]\n"flow.weight_decay" = [1e-3]\n[study.random.b]\ncount = 2\n' + decay,
                 "is in zip.a already"),
                ("[study.sobol.a]\ncount = 0\n" + decay, "expected an integer >= 1"),
                ("[study.sobol.a]\n" + decay, "study.sobol.a.count: missing"),
                ('[study.sobol.a]\ncount = 2\n"flow.weight_decay" = { log = [0, 1] }\n',
                 "log expects first > 0"),
                ('[study.sobol.a]\ncount = 2\n"flow.weight_decay" = { linear = [2, 1] }\n',
                 "linear expects first < last"),
                ('[study.sobol.a]\ncount = 2\n"flow.weight_decay" = { linear = [-1, 1] }\n',
                 "weight_decay: is -1"),
                ('[study.sobol.a]\ncount = 2\n"flow.weight_decay" = { liner = [1, 2] }\n',
                 'unknown range "liner"; did you mean "linear"?'),
                ('[study.sobol.a]\ncount = 2\n"flow.weight_decay" = [1, 2]\n',
                 "expected { log = [first, last] }"),
                ('[study.sobol.a]\ncount = 2\n"model.samples" = { linear = [1.5, 3] }\n',
                 "expects integers"),
                ('[study.random.a]\ncount = 2\n"flow.kind" = { linear = [1, 2] }\n',
                 "cannot be drawn"),
                ("[study.random.a]\ncount = 2\nseed = -1\n" + decay, "expected an integer >= 0"),
                ("[study.sobol.weight_decay]\ncount = 2\n" + decay,
                 "has the name of flow.weight_decay"),
                ("[study.sobol.time]\ncount = 2\n" + decay, "the points have time of their own"),
                ("[study.sobol.train_loss]\ncount = 2\n" + decay,
                 "the points have train_loss of their own"),
                ('[study.zip.a]\n"model.samples" = [2]\n[study.sobol.a]\ncount = 2\n' + decay,
                 "has the name of study.zip.a"),
                ('[study.zip.a]\n"model.name" = ["linear_regression"]\n', "cannot be an axis"),
                ("[study.variant]\n", "expected groups with names, [study.variant.NAME]"),
                ("[study.variant.a]\n", "study.variant.a: has no key"),
                ('[study.variant.a]\n"flow.kind" = "sgd"\n',
                 "study.variant.a.flow.kind: is the text", "expected a table of keys"),
                ('[study.variant.a.b]\n"flow.knd" = "sgd"\n',
                 ":9:1: study.variant.a.b.flow.knd: unknown key", 'did you mean "kind"?'),
                ('[study.variant.a.b]\n"flow.kind" = "sdg"\n',
                 ":9:1: study.variant.a.b.flow.kind: is", 'did you mean "sgd"?'),
                ('[study.variant.a.b]\n"model.width" = 3\n',
                 ":9:1: study.variant.a.b.model.width: unknown key"),
                ('[study.variant.a.b]\n"model.name" = "matrix_completion"\n'
                 '"model.noise_variance" = 0.1\n', ":10:1: study.variant.a.b.model.noise_variance: "
                 'matrix_completion has no key "model.noise_variance"'),
                ('[study.variant.a.b]\n"flow.step" = -1\n', "study.variant.a.b.flow.step: is -1"),
                ('[study.variant.a.b]\n[study.variant.a.c]\n"flow.kind" = "gradient"\n',
                 "study.variant.a.c: has the same values as b"),
                ('[study.variant.a.b]\n"time.end" = "= 1 / flow.weight_decay"\n',
                 ":9:1: study.variant.a.b.time.end: ", "is inf"),
                ('[study.variant.a.b]\n"model.samples" = 1\n[study.variant.c.d]\n'
                 '"model.samples" = 2\n',
                 "study.variant.c.model.samples: is in variant.a already"),
                ('[study.variant.norm.b]\n"model.samples" = 1\n', "the points have norm of their own"),
                ("[study]\nseed = { count = 1000 }\n[study.sobol.a]\ncount = 1001\n" + decay,
                 "makes a study of 1001000", "expected at most 1000000")]:
            with self.subTest(study=study):
                self.refused(BASE + study, *expected, at="study.")


if __name__ == "__main__":
    unittest.main()
