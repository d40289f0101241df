"""The program as tests of studies call it."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import netCDF4

PROGRAM = os.environ["GRADFLOW"]
MODEL = '[model]\nname = "linear_regression"\nsamples = 3\ndimension = 4\n'
BASE = MODEL + "[time]\nend = 0.5\nsamples = 2\n"


def run(*words, code=0):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False)
    assert done.returncode == code, (done.returncode, done.stderr)
    return done


class InItsOwnFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(folder.name)

    def result(self, text, name, *words):
        pathlib.Path(f"{name}.toml").write_text(text, encoding="utf-8")
        run("run", f"{name}.toml", "--out", name, "--quiet", *words)
        return netCDF4.Dataset(f"{name}/result.nc")

    def refused(self, text, *expected, at=""):
        """One line of `check`, at a place of the config and a key that begins with `at`."""
        pathlib.Path("bad.toml").write_text(text, encoding="utf-8")
        (line,) = run("check", "bad.toml", code=2).stderr.splitlines()
        for words in expected:
            self.assertRegex(line, re.escape(words))
        self.assertRegex(line, r"^gradflow: bad.toml:\d+:\d+: " + re.escape(at))
