"""What the checks of .ci say of trees that are made up."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class CheckOfTrees(unittest.TestCase):
    script = ""       # in .ci
    always_there = {}  # files of every tree

    def check(self, files):
        """Exit code and messages for a tree of these files."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for folder_of_all in ("src", "models"):
                (root / folder_of_all).mkdir()
            for name, text in {**self.always_there, **files}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            return self.run_on(root)

    def run_on(self, root):
        done = subprocess.run([sys.executable, "-B", ROOT / ".ci" / self.script, root],
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stderr
