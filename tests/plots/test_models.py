"""The default result of every model and one study of each are drawn without a warning, and whole.

The program is the one that the environment's GRADFLOW names."""

import os
import subprocess
import unittest

from pictures import PictureTest

GRADFLOW = os.environ.get("GRADFLOW", "")

# Small settings of every model, what more is recorded than by default, and the axis of its study.
TIME = "[time]\nend = 1e3\nsamples = 60\n"
DECAYS = '"flow.weight_decay" = [1e-3, 1e-2]\n"seed" = { count = 6 }\n'
MODELS = {
    "linear_regression": ("samples = 8\ndimension = 5\n", TIME,
                          ["hessian_eigenvalues", "spectral_gap", "tangent_kernel_eigenvalues"],
                          DECAYS),
    "diagonal_linear_network": ("samples = 8\ndimension = 12\n", TIME,
                                ["effective_vector", "invariant", "fast_modes", "kkt_residual"],
                                DECAYS),
    "matrix_completion": ("rows = 4\ncolumns = 5\nrank = 3\n", TIME, ["matrix", "invariant"], DECAYS),
    "matrix_sensing": ("rows = 4\ncolumns = 4\nrank = 2\n", TIME, ["matrix", "invariant"],
                       '"flow.weight_decay" = [0.0, 1e-3, 1e-2]\n'),
    "two_layer_network": ('width = 6\nsamples = 6\nactivation = "tanh"\n', TIME,
                          ["first_layer", "second_layer", "bias", "prediction"],
                          '"model.activation" = ["tanh", "erf", "gelu"]\n'),
    "deep_linear_network": ("depth = 3\nwidth = 3\ntarget_singular_values = [2, 1]\n", TIME,
                            ["matrix", "hessian_eigenvalues"],
                            '"model.depth" = [2, 3]\n"flow.weight_decay" = { log = [1e-3, 1, 7] }\n'),
    "multilayer_perceptron": ('widths = [2, 4, 2]\nsamples = 12\nloss = "cross_entropy"\n'
                              'activation = "tanh"\n', TIME, ["layer_norm"],
                              '"flow.weight_decay" = [1e-3, 1e-2]\n"model.activation" = '
                              '["tanh", "erf"]\n"seed" = { count = 2 }\n'),
    "modular_addition": ("modulus = 5\nwidth = 10\n", TIME, ["fourier_power"], DECAYS),
    "single_index_mean_field": ("width = 12\nepsilon = 1e-4\n", "[time]\nend = 10\nfirst = 1e-9\n"
                                "samples = 60\n", ["second_layer", "neuron_alignment", "spectrum"],
                                '"model.epsilon" = { log = [1e-5, 1e-3, 3] }\n'),
    "single_index_overlaps": ("width = 6\ndimension = 30\nepsilon = 1e-2\n", "[time]\nend = 3\n"
                              "samples = 40\n", ["second_layer"], '"model.width" = [4, 6]\n'),
    "single_index_network": ("width = 5\ndimension = 10\nepsilon = 1e-2\n", "[time]\nend = 1\n"
                             'spacing = "linear"\nsamples = 40\n', ["neuron_alignment"],
                             '"seed" = { count = 5 }\n'),
    "separable_classification": ("samples = 10\ndimension = 2\n", "", ["weight", "margin"],
                                 '"model.potential" = ["squared_norm", "cosh"]\n'),
}
# Gradient descent beyond stability: some of its points end with a status.
DIVERGED = """[model]
name = "two_layer_network"
width = 8
[flow]
kind = "gradient_descent"
[time]
end = 1e3
[study]
"flow.step" = [0.01, 0.1, 1, 10, 100]
"""


@unittest.skipUnless(GRADFLOW, "GRADFLOW names no program")
class EveryModel(PictureTest):
    def run_config(self, name, text, code=0):
        with open(self.path(name + ".toml"), "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run([GRADFLOW, "run", name + ".toml", "--out", name, "--quiet"],
                              cwd=self.folder, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return self.path(name)

    def test_default_results_and_studies(self):
        known = subprocess.run([GRADFLOW, "models"], capture_output=True, text=True, check=True)
        self.assertEqual({line.split()[0] for line in known.stdout.splitlines()}, set(MODELS))
        for name, (parameters, time, more, axes) in MODELS.items():
            model = f'[model]\nname = "{name}"\n{parameters}'
            for kind, rest in (("default", ""), ("more", f"[output]\nobservables = {more}\n"),
                               ("study", f"[study]\n{axes}")):
                with self.subTest(model=name, result=kind):
                    picture = self.draw(self.run_config(kind + name, model + time + rest))
                    text = picture.all_text().replace("-", "_")
                    self.assertGreaterEqual(picture.count_frames(), 2)
                    for word in ("no finite value", "nothing to draw", "Traceback"):
                        self.assertNotIn(word, text)

    def test_a_study_that_diverged_is_drawn_by_the_program(self):
        folder = self.run_config("diverged", DIVERGED, code=1)
        picture = self.draw(folder)
        self.assertIn("2 of 5 runs failed or are missing", picture.all_text())
        for out in ("x.jpg", "x.png"):
            done = subprocess.run([GRADFLOW, "plot", "diverged", "--out", out], cwd=self.folder,
                                  capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, out + "\n", ""))

    def test_the_program_passes_options_on(self):
        config = '[model]\nname = "linear_regression"\nsamples = 8\ndimension = 5\n' + TIME
        for name in ("a", "b"):
            self.run_config(name, config + '[study]\n"flow.weight_decay" = [1e-3, 1e-2]\n')

        def plot(*words):
            return subprocess.run([GRADFLOW, "plot", *words], cwd=self.folder, capture_output=True,
                                  text=True, check=False)

        done = plot("a", "b/result.nc", "--variables", "norm,test_error", "--x", "slow_time",
                    "--where", "weight_decay=1e-3", "--log", "--style", "slides", "--out", "p.svg")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "p.svg\n", ""))
        for words, message in (
                (["a", "--variables", "nrom"],
                 'gradflow: --variables nrom: there is no such variable; did you mean "norm"?\n'),
                (["a", "--log", "--linear"], "gradflow: --log and --linear exclude each other\n"),
                (["a", "--out", "x.xyz"], "gradflow: --out x.xyz: there are no pictures of the kind "
                 ".xyz; expected one of .png, .pdf, .svg, .jpg, .jpeg\n"),
                (["a", "--wher", "x=1"], 'gradflow: there is no option --wher; did you mean '
                 '"--where"? (see gradflow --help)\n')):
            done = plot(*words)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (2, "", message))


if __name__ == "__main__":
    unittest.main()
