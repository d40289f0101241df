"""The page of `gradflow report`: that it is whole, says what failed, passes nothing on that it quotes,
loads nothing, and that its controls change the charts (in a headless Chromium, where there is one)."""

import html.parser
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import unittest.mock

import netCDF4
import numpy as np

import pictures

import report
from webpage import page, series

VOID = {"meta", "img", "input", "br", "hr", "link"}
BROWSER = shutil.which("chromium-headless-shell") or shutil.which("chromium")
MOST_BYTES = 3_000_000


class Reader(html.parser.HTMLParser):
    """Elements that are not closed, what asks for an address, and the text."""

    def __init__(self):
        super().__init__()
        self.open, self.wrong, self.addresses, self.text, self.scripts = [], [], [], [], 0

    def handle_starttag(self, tag, attributes):
        self.scripts += tag == "script"
        for name, value in attributes:
            if name in ("src", "href", "srcset", "action") and not value.startswith("data:"):
                self.addresses.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)


def read(path):
    reader = Reader()
    reader.feed(pathlib.Path(path).read_text(encoding="utf-8"))
    reader.close()
    return reader


def study(folder, seeds=20, decays=15, failed=5, samples=50, config="[model]\n"):
    """A study of seeds and weight decays with some failures, as gradflow writes it."""
    rng = np.random.default_rng(0)
    decay = np.geomspace(1e-5, 1e-2, decays)
    time = np.concatenate([[0], np.geomspace(1e-2, 1e4, samples - 1)])
    loss = np.exp(-time[None, None, :] * decay[:, None, None]) * (
        1 + 0.1 * rng.random((decays, seeds, 1)))
    half = np.log(2) / decay[:, None] * (1 + 0.1 * rng.random((decays, seeds)))
    status = np.zeros((decays, seeds), dtype=int)
    status.flat[np.arange(failed) * 7] = 3
    pictures.write_result(
        folder, {"train_loss": loss, "norm": 1 + loss, "grok_time": ((), half),
                 "slow_grok_time": ((), half * decay[:, None])},
        axes={"weight_decay": decay, "seed": np.arange(seeds)}, time=time, status=status)
    with netCDF4.Dataset(os.path.join(folder, "result.nc"), "a") as data:
        message = data.createVariable("message", str, ("weight_decay", "seed"))
        for k in range(decays):
            for s in range(seeds):
                message[k, s] = "the step is <b>too large</b>" if status[k, s] else ""
        data.config = config
        data.gradflow_version, data.gradflow_commit = "0.2.0", "abc"
        data.content_hash = "d" * 32
        data.command = "gradflow run a.toml"
    return folder


class InItsOwnFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def written(self, result):
        out = os.path.join(self.folder, "report.html")
        self.assertEqual(report.write(report.arguments([result, "--out", out])), out)
        return out


class Pages(InItsOwnFolder):
    def test_a_study_of_300_points_with_5_failures(self):
        out = self.written(study(os.path.join(self.folder, "a")))
        reader = read(out)
        self.assertEqual((reader.open, reader.wrong, reader.addresses), ([], [], []))
        text = " ".join(reader.text)
        self.assertIn("300 runs: 295 ok, 5 not_finite", text)
        self.assertEqual(text.count("the step is <b>too large</b>"), 5)
        self.assertIn("--resume", text)
        self.assertIn("d" * 32, text)
        self.assertIn("gradflow run a.toml", text)
        self.assertLess(os.path.getsize(out), MOST_BYTES)
        self.assertIn("default-src 'none'", pathlib.Path(out).read_text(encoding="utf-8"))

    def test_the_table_holds_mean_standard_error_and_count(self):
        folder = study(os.path.join(self.folder, "a"), seeds=4, decays=3, failed=0)
        with netCDF4.Dataset(os.path.join(folder, "result.nc"), "a") as data:
            data["grok_time"][0, :] = [1.0, 2.0, 3.0, np.nan]
        text = " ".join(read(self.written(folder)).text)
        self.assertIn("2 ± 0.57735 (3)", text)  # 1/sqrt(3)

    def test_what_a_config_holds_is_text(self):
        config = "# </script><script>alert(1)</script>\n# <img src=x onerror=alert(1)>\n[model]\n"
        reader = read(self.written(study(os.path.join(self.folder, "a"), config=config)))
        self.assertIn("</script><script>alert(1)</script>", " ".join(reader.text))
        self.assertEqual(reader.scripts, 3 if page.dygraphs_texts() else 0)
        self.assertEqual(reader.addresses, [])

    def test_names_in_the_data_end_no_script(self):
        text = page.as_script({"a": "</script><!--&"})
        self.assertNotRegex(text, "[<>&]")
        self.assertEqual(json.loads(text), {"a": "</script><!--&"})

    def test_a_single_run(self):
        time = np.geomspace(0.1, 10, 30)
        folder = pictures.write_result(os.path.join(self.folder, "one"),
                                       {"train_loss": np.exp(-time), "grok_time": ((), 3.25)},
                                       time=time)
        reader = read(self.written(folder))
        text = " ".join(reader.text)
        self.assertEqual((reader.open, reader.wrong), ([], []))
        self.assertIn("a single run: 1 ok", text)
        self.assertIn("3.25", text)

    def test_large_studies_are_thinned_by_the_stated_rule(self):
        folder = study(os.path.join(self.folder, "a"), seeds=100, decays=200, samples=100)
        out = self.written(folder)
        self.assertLess(os.path.getsize(out), MOST_BYTES)
        text = " ".join(read(out).text)
        self.assertIn("60 of 20000 runs", text)
        self.assertIn(f"{series.MOST_POINTS} of 20000 runs, evenly chosen", text)

    def test_results_without_a_finite_number(self):
        time = np.geomspace(0.1, 10, 5)
        nothing = np.full((2, 5), np.nan)
        folder = pictures.write_result(os.path.join(self.folder, "nan"),
                                       {"train_loss": nothing, "grok_time": ((), [np.nan, np.inf])},
                                       axes={"step": [0.1, 1.0]}, time=time, status=[3, 3])
        reader = read(self.written(folder))
        self.assertEqual((reader.open, reader.wrong), ([], []))
        self.assertIn("2 not_finite", " ".join(reader.text))

    def test_without_the_package_the_page_is_static_and_says_so(self):
        folder = study(os.path.join(self.folder, "a"))
        with unittest.mock.patch.object(page, "DYGRAPHS", "/nowhere"):
            reader = read(self.written(folder))
        self.assertIn("This page is static", " ".join(reader.text))
        self.assertEqual(reader.scripts, 0)

    def test_through_the_program(self):
        program = os.environ["GRADFLOW"]
        done = subprocess.run([program, "report", self.folder], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("result.nc: there is no result to report on", done.stderr)
        config = os.path.join(self.folder, "a.toml")
        pathlib.Path(config).write_text(
            '[model]\nname = "linear_regression"\n[time]\nend = 1.0\n'
            '[measure]\nexponents = ["end_time"]\n'
            '[study]\n"flow.weight_decay" = [0.1, 0.2, 0.4]\n', encoding="utf-8")
        folder = os.path.join(self.folder, "r")
        subprocess.run([program, "run", config, "--out", folder, "--quiet"], check=True,
                       capture_output=True)
        done = subprocess.run([program, "report", folder], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.strip(), os.path.join(folder, "report.html"))
        text = " ".join(" ".join(read(os.path.join(folder, "report.html")).text).split())
        self.assertIn("point seconds", text)
        self.assertIn("exponent along weight_decay prefactor end_time 0 ± 0 1 ", text)
        again = subprocess.run([program, "run", config, "--out", folder, "--overwrite", "--quiet"],
                               capture_output=True, text=True, check=False)
        self.assertEqual(again.returncode, 0, again.stderr)  # the page is one of ours


# Reads the charts, clicks, reads them again; what was drawn differently stands in the document.
PROBE = """<script>
window.addEventListener("load", () => {
  const shown = (name) => Array.from(document.querySelectorAll("#" + name + " canvas"))
    .map((c) => c.toDataURL()).join();
  const out = [];
  const changes = (name, control, change) => {
    const before = shown(name);
    const at = document.getElementById(control);
    change(at);
    at.dispatchEvent(new Event("change"));
    out.push(control + ":" + (shown(name) !== before));
  };
  const tick = (at) => { at.checked = !at.checked; };
  const next = (at) => { at.value = String((Number(at.value) + 1) % at.options.length); };
  out.push("drawn:" + (shown("curves").length > 5000 && shown("numbers").length > 5000));
  changes("curves", "curves-logy", tick);
  changes("curves", "curves-logx", tick);
  changes("curves", "curves-mean", tick);
  changes("curves", "curves-color", next);
  changes("curves", "curves-y", next);
  changes("numbers", "numbers-logx", tick);
  changes("numbers", "numbers-logy", tick);
  changes("numbers", "numbers-mean", tick);
  changes("numbers", "numbers-y", next);
  changes("numbers", "numbers-x", next);
  document.getElementById("curves-note").textContent = "PROBE " + out.join(" ") + " END";
});
</script></body>"""


@unittest.skipIf(BROWSER is None, "chromium is not there (packages.txt): nothing looked at in a browser")
@unittest.skipIf(page.dygraphs_texts() is None, "libjs-dygraphs is not there: the page is static")
class InABrowser(InItsOwnFolder):
    def opened(self, path):
        """(document after scripts, what the console said, addresses asked for)"""
        log = os.path.join(self.folder, "net.json")
        done = subprocess.run(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
             "--disable-background-networking", "--disable-component-update",
             f"--user-data-dir={self.folder}/profile", f"--log-net-log={log}",
             "--virtual-time-budget=4000", "--dump-dom", f"file://{path}"],
            capture_output=True, text=True, timeout=120, check=True)
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        addresses = re.findall(r'"url":"([^"]*)"', pathlib.Path(log).read_text(encoding="utf-8"))
        return done.stdout, console, [a for a in addresses
                                      if not a.startswith(("file://", "data:", "devtools:"))]

    def test_it_opens_without_errors_or_requests_and_its_controls_work(self):
        out = self.written(study(os.path.join(self.folder, "a")))
        text = pathlib.Path(out).read_text(encoding="utf-8")
        pathlib.Path(out).write_text(text.replace("</body>", PROBE), encoding="utf-8")
        document, console, addresses = self.opened(out)
        self.assertEqual((console, addresses), ([], []))
        found = re.search("PROBE (.*) END", document)
        self.assertIsNotNone(found, "the probe did not come to its end")
        for word in found[1].split():
            self.assertTrue(word.endswith(":true"), found[1])

    def test_a_single_run_and_a_large_study(self):
        time = np.geomspace(0.1, 10, 30)
        single = pictures.write_result(os.path.join(self.folder, "one"),
                                       {"train_loss": np.exp(-time)}, time=time)
        large = study(os.path.join(self.folder, "b"), seeds=100, decays=100, samples=60)
        # Draws of a weight decay, in no order: a point for each.
        design = pictures.make_group(
            pictures.write_result(os.path.join(self.folder, "c"), {
                "train_loss": np.exp(-np.outer(np.arange(1, 9), time)), "fit_time": ((), np.arange(8.0))},
                axes={"draw": np.arange(8)}, time=time),
            "draw", "random", {"weight_decay": 10.0 ** -np.array([3, 1, 4, 2, 5, 8, 6, 7])})
        for folder in (single, large, design):
            document, console, addresses = self.opened(self.written(folder))
            self.assertEqual((console, addresses), ([], []))
            self.assertRegex(document, '<div class="chart" id="curves"[^>]*><div')


if __name__ == "__main__":
    unittest.main()
