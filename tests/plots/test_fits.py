"""The power laws that the figures fit."""

import unittest

import numpy as np

import pictures  # noqa: F401, finds the scripts

import fits


class PowerLaws(unittest.TestCase):
    def setUp(self):
        self.x = np.geomspace(1e-14, 1e-6, 17)

    def test_exact_laws_are_recovered_with_what_theory_has_besides(self):
        # Rounding of logarithms of size 30, over a range of 18 in log x.
        law = fits.power_law(self.x, 3 * self.x)
        self.assertAlmostEqual(law.exponent, 1, delta=1e-13)
        self.assertAlmostEqual(law.constant, 3, delta=1e-12)
        self.assertLess(law.error, 1e-13)
        self.assertLess(law.drift, 1e-13)
        np.testing.assert_allclose(law(self.x), 3 * self.x, rtol=1e-12)
        logarithm = 0.5 * np.sqrt(self.x) * np.log(10 / np.sqrt(self.x))
        self.assertAlmostEqual(fits.power_law(self.x, logarithm, log_prefactor=10).exponent, 0.5,
                               delta=1e-13)
        bare = fits.power_law(self.x, logarithm)
        self.assertLess(bare.exponent, 0.49)
        self.assertGreater(bare.drift, bare.error)
        bent = 2.7 * self.x**0.25 * np.exp(-0.5 * self.x**(1 / 12))
        law = fits.power_law(self.x, bent, correction=1 / 12)
        # The columns log x and x^(1/12) are near one another: a condition number of some 1e3.
        self.assertAlmostEqual(law.exponent, 0.25, delta=1e-9)
        self.assertAlmostEqual(law.constant, 2.7, delta=1e-8)

    def test_errors_are_those_of_the_scatter_or_of_the_points(self):
        scatter = np.random.default_rng(1).normal(size=self.x.size)
        y = self.x**0.3 * np.exp(0.01 * scatter)
        slope, covariance = np.polyfit(np.log(self.x), np.log(y), 1, cov=True)
        law = fits.power_law(self.x, y)
        self.assertAlmostEqual(law.exponent, slope[0], delta=1e-12)
        self.assertAlmostEqual(law.error, covariance[0, 0]**0.5, delta=1e-12)
        # Twice the scatter is known of each point: an error of that; a tenth: that of the scatter.
        known = np.full(self.x.size, 0.02)
        spread = np.log(self.x) - np.log(self.x).mean()
        self.assertAlmostEqual(fits.power_law(self.x, y, known).error,
                               0.02 / np.sqrt(spread @ spread), delta=1e-12)
        self.assertAlmostEqual(fits.power_law(self.x, y, known / 20).error, law.error, delta=1e-12)

    def test_points_of_small_errors_decide(self):
        y = self.x**0.5
        y[0] *= 100
        error = np.full(self.x.size, 1e-3)
        error[0] = 10
        self.assertAlmostEqual(fits.power_law(self.x, y, error).exponent, 0.5, delta=1e-4)

    def test_what_has_no_value_is_left_out_and_what_has_no_logarithm_refused(self):
        y = 2 * self.x**0.25
        y[3] = np.nan
        self.assertAlmostEqual(fits.power_law(self.x, y).exponent, 0.25, delta=1e-13)
        y[3] = 0
        with self.assertRaises(ValueError):
            fits.power_law(self.x, y)


if __name__ == "__main__":
    unittest.main()
