#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""bench/run log --quick ends well and writes JSON of the form that bench/README.md promises: form_test.py BIN WORK."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

BIN, WORK = (pathlib.Path(argument) for argument in sys.argv[1:3])
RUN = pathlib.Path(__file__).resolve().parent / "run"
FIGURES = ("records_per_s", "cpu_s_per_million", "peak_rss_mb", "p50_us", "p99_us", "min", "max")
CASES = {"append", "read", "small_append", "wake", "fdatasync"}


def run(*arguments):
    return subprocess.run([RUN, *arguments], capture_output=True, text=True, timeout=280, check=False)


class BenchRun(unittest.TestCase):
    def test_the_quick_form_of_log_writes_a_row_for_each_system_of_each_case(self):
        WORK.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=WORK) as directory:
            file = pathlib.Path(directory) / "log.json"
            done = run("log", "--quick", "--bin", BIN, "--dir", directory, "--json", file)
            self.assertEqual(done.returncode, 0, done.stderr)
            result = json.loads(file.read_text())
            self.assertEqual([p.name for p in pathlib.Path(directory).iterdir()], ["log.json"])
        self.assertEqual(result["suite"], "log")
        self.assertEqual(result["rounds"], 1)
        self.assertEqual(set(result["machine"]), {"cpu", "cores", "kernel"})
        self.assertEqual({row["case"] for row in result["rows"]}, CASES)
        for row in result["rows"]:
            self.check_row(row)
        systems = {}
        for row in result["rows"]:
            systems.setdefault((row["case"], json.dumps(row["params"])), set()).add(row["system"])
        for (case, params), found in systems.items():
            settled = (case, json.loads(params).get("settling")) == ("append", "on")
            plain = {"plain-twice", "plain-twice-synced"} if settled else {"plain"}
            self.assertEqual(found, plain if case == "fdatasync" else {"millrace", *plain})
        self.assertIn("fdatasync", done.stdout)

    def check_row(self, row):
        self.assertIsInstance(row["params"], dict)
        for figure in FIGURES:
            self.assertTrue(row[figure] is None or row[figure] > 0, f"{figure} of {row}")
        self.assertTrue(row["records_per_s"] or row["p50_us"], row)
        self.assertLessEqual(row["min"], row["max"])

    def test_an_unknown_suite_is_refused_with_the_names_of_those_there_are(self):
        done = run("nexmark")
        self.assertEqual(done.returncode, 2)
        self.assertIn("log, stream, retail", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
