#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""What bench/run --against decides, by figures that are given: against_test.py."""
import argparse
import pathlib
import subprocess
import sys
import tempfile
import unittest

LAUNCHER = pathlib.Path(__file__).resolve().parent / "launcher"
sys.path.insert(0, str(LAUNCHER))

import against  # noqa: E402
from retail import RetailSuite  # noqa: E402
from report import Failed, Row  # noqa: E402


def sample(cpu_seconds, seconds=1.0, records=1_000_000, all_cpu_seconds=None):
    return {"records": records, "seconds": seconds, "cpu_seconds": cpu_seconds, "all_cpu_seconds": all_cpu_seconds}


class Suite:
    """A suite whose programs take what its list says, in the order of the rounds."""

    name = "log"

    def __init__(self, name, given, order):
        self.build, self.given, self.order = name, list(given), order
        self.made = [Row("append", {"batch": 10}, "millrace"), Row("append", {"batch": 10}, "plain")]

    def rows(self):
        return self.made

    def run(self, row):
        assert row.system == "millrace"
        self.order.append(self.build)
        return self.given.pop(0)


class Counted:
    """A suite whose measurement is two processes, each with its log of cachegrind."""

    def __init__(self, work):
        self.work, self.fails = work, False

    def confirming(self, _row, records):
        return {"limit": records}

    def run(self, _row, _settings, under):
        pattern = under[-1].partition("=")[2]
        for process in ("1", "2"):
            pathlib.Path(pattern.replace("%p", process)).write_text(f"=={process}== I   refs:      100,000,000\n")
        if self.fails:
            raise OSError("the process is gone")
        return {"records": 100_000}


def judge(theirs, ours, instructions):
    """The verdict on one case, and how often its instructions were counted."""
    counted = []

    def count():
        counted.append(1)
        return instructions

    found = against.compared(Row("append", {"batch": 10}, "millrace"), theirs, ours)
    against.confirm(found, count)
    return found, len(counted)


class Against(unittest.TestCase):
    def test_the_builds_take_turns_and_each_second_round_turns_the_order(self):
        order = []
        ours, theirs = Suite("ours", [sample(1)] * 3, order), Suite("theirs", [sample(1)] * 3, order)
        against.measure(ours, theirs, 3, None)
        self.assertEqual(order, ["ours", "theirs", "theirs", "ours", "ours", "theirs"])

    def test_the_least_cpu_of_all_rounds_decides(self):
        found, counted = judge([sample(1.0), sample(0.5), sample(3.0)], [sample(0.51), sample(9.0)], (100, 200))
        self.assertEqual((found["base_cpu"], found["new_cpu"]), (0.5, 0.51))
        self.assertEqual((found["verdict"], counted), ("ok", 0))

    def test_cpu_is_taken_per_record(self):
        found, _ = judge([sample(1.0, records=1_000_000)], [sample(2.0, records=2_000_000)], None)
        self.assertEqual(found["change"], 0)

    def test_over_five_percent_that_the_instructions_confirm_is_worse(self):
        found, counted = judge([sample(1.0)], [sample(1.06)], (1000, 1060))
        self.assertEqual((found["verdict"], counted), ("WORSE", 1))
        self.assertEqual(against.worse({"rows": [found]}), [found])

    def test_over_five_percent_that_the_instructions_do_not_confirm_passes(self):
        found, _ = judge([sample(1.0)], [sample(1.5)], (1000, 1049))
        self.assertEqual(found["verdict"], "not confirmed")
        self.assertEqual(against.worse({"rows": [found]}), [])

    def test_a_case_that_cannot_be_counted_fails_and_the_others_keep_their_figures(self):
        def count():
            raise failure

        for failure in (OSError("no space"), Failed("valgrind: an unknown system call")):
            found = against.compared(Row("rest", {}, "millrace"), [sample(1.0)], [sample(1.5)])
            against.confirm(found, count)
        other, _ = judge([sample(1.0)], [sample(1.0)], None)
        self.assertEqual(against.worse({"rows": [found, other]}), [found])
        text = against.table({"suite": "retail", "against": "other", "rounds": 9, "quick": False, "rows": [found, other]})
        self.assertIn("rest: its instructions could not be counted: valgrind: an unknown system call", text)
        self.assertIn("append", text)

    def test_case_after_case_is_counted_also_behind_one_that_failed(self):
        with tempfile.TemporaryDirectory() as directory:
            suite = Counted(pathlib.Path(directory))
            row = Row("estate", {}, "millrace")
            self.assertEqual(against.count_instructions(suite, row), 2_000)
            suite.fails = True
            with self.assertRaises(OSError):
                against.count_instructions(suite, row)
            suite.fails = False
            self.assertEqual(against.count_instructions(suite, row), 2_000)
            self.assertEqual(list(suite.work.iterdir()), [])

    def test_both_builds_take_the_same_rate_in_the_open_loop(self):
        ours, theirs = RetailSuite(None, None, True), RetailSuite(None, None, True)
        ours.beside(theirs)
        theirs.peak.append(4_000)
        ours.peak.append(3_000)
        self.assertEqual((ours.peak[-1], theirs.peak[-1]), (3_000, 3_000))

    def test_five_percent_or_less_is_not_counted(self):
        for cpu in (1.05, 1.0, 0.2):
            found, counted = judge([sample(1.0)], [sample(cpu)], (1000, 9000))
            self.assertEqual((found["verdict"], counted), ("ok", 0))

    def test_what_a_measurement_prepares_does_not_hide_what_it_measures(self):
        # Two thirds of the CPU go into the preparation: 4 % more in all are 12 % more of what is measured.
        found, _ = judge([sample(1.0, all_cpu_seconds=3.0)], [sample(1.12, all_cpu_seconds=3.12)], (1000, 1040))
        self.assertEqual(found["verdict"], "WORSE")
        self.assertAlmostEqual(found["instructions"]["change"], 0.12)

    def test_a_lower_rate_alone_passes_and_is_shown(self):
        found, _ = judge([sample(1.0, seconds=1)], [sample(1.0, seconds=4)], None)
        self.assertEqual(found["verdict"], "ok")
        text = against.table({"suite": "log", "against": "other", "rounds": 9, "quick": False, "rows": [found]})
        self.assertIn("1.00 M", text)
        self.assertIn("250 k", text)

    def test_a_case_without_a_cpu_figure_is_shown_as_such(self):
        found, counted = judge([{"p50_us": 10}], [{"p50_us": 99}], None)
        self.assertEqual((found["verdict"], counted), ("no CPU figure", 0))

    def test_the_other_build_is_a_checkout_or_a_directory_of_programs(self):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name).resolve()
            programs = root / "build/release/bin"
            programs.mkdir(parents=True)
            with self.assertRaises(SystemExit) as refused:
                against.binaries_of(root, "bench-log")
            self.assertIn("build the release preset there", str(refused.exception))
            (programs / "bench-log").touch()
            self.assertEqual(against.binaries_of(root, "bench-log"), programs)
            self.assertEqual(against.binaries_of(programs, "bench-log"), programs)

    def test_a_suite_that_cannot_be_compared_is_refused(self):
        done = subprocess.run([LAUNCHER.parent / "run", "peers", "--against", "."], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("log, stream, retail", done.stderr)

    def test_the_rounds_are_nine_unless_said_otherwise(self):
        order = []
        options = argparse.Namespace(rounds=None, quick=False, case=None, against=pathlib.Path("other"))
        result = against.run(Suite("ours", [sample(1)] * 9, order), Suite("theirs", [sample(1)] * 9, order), options)
        self.assertEqual((result["rounds"], len(order)), (9, 18))


if __name__ == "__main__":
    unittest.main()
