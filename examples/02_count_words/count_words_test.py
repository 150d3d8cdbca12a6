# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Runs the word count on a log of its own, twice: the second run continues where the first ended."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM = sys.argv.pop()


class CountWordsTest(unittest.TestCase):
    def count(self, log, text, *arguments):
        outcome = subprocess.run([PROGRAM, log, *arguments], input=text, capture_output=True, text=True, check=False, timeout=120)
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        return outcome.stdout

    def test_counts_go_on_where_the_last_run_ended(self):
        with tempfile.TemporaryDirectory() as directory:
            log = Path(directory) / "log"
            self.assertEqual(self.count(log, "The mill turns.\nThe race runs.\n"), "mill 1\nrace 1\nruns 1\nthe 2\nturns 1\n")
            self.assertEqual(self.count(log, "the end\n"), "end 1\nmill 1\nrace 1\nruns 1\nthe 3\nturns 1\n")
            self.assertEqual(self.count(log, ""), "end 1\nmill 1\nrace 1\nruns 1\nthe 3\nturns 1\n")

    def test_lines_of_all_runs_are_printed_in_the_order_of_their_commits(self):
        with tempfile.TemporaryDirectory() as directory:
            log = Path(directory) / "log"
            lines = [f"line {number}" for number in range(20)]
            self.count(log, "\n".join(lines) + "\n")
            self.count(log, "the end\n")
            self.assertEqual(self.count(log, "", "lines"), "\n".join([*lines, "the end"]) + "\n")

    def test_of_control_characters_nothing_reaches_the_terminal(self):
        with tempfile.TemporaryDirectory() as directory:
            self.assertEqual(self.count(Path(directory) / "log", "a \x1b[2J\x9b b\n"), "a 1\nb 1\nj 1\n")


if __name__ == "__main__":
    unittest.main()
