# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Runs the guest book on a log of its own: what one process wrote the next one reads."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM = sys.argv.pop()


class AppendReadTest(unittest.TestCase):
    def run_program(self, *arguments):
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=120)

    def test_each_visit_finds_those_before_it(self):
        with tempfile.TemporaryDirectory() as directory:
            log = Path(directory) / "guests"
            first = self.run_program(log, "Ada")
            self.assertEqual((first.returncode, first.stdout), (0, "0: Ada was here\n"), first.stderr)
            second = self.run_program(log, "Grace")
            self.assertEqual((second.returncode, second.stdout), (0, "0: Ada was here\n1: Grace was here\n"), second.stderr)

    def test_names_reach_the_terminal_without_control_characters(self):
        with tempfile.TemporaryDirectory() as directory:
            outcome = self.run_program(Path(directory) / "guests", "Eve\x1b[2J\n")
            self.assertEqual((outcome.returncode, outcome.stdout), (0, "0: Eve\\x1b[2J\\n was here\n"), outcome.stderr)

    def test_a_place_where_no_log_can_be_is_an_error_with_a_code(self):
        with tempfile.NamedTemporaryFile() as file:
            outcome = self.run_program(file.name, "Ada")
            self.assertEqual(outcome.returncode, 1)
            self.assertRegex(outcome.stderr, r"^base\.\w+: ")

    def test_wrong_arguments_print_the_usage(self):
        outcome = self.run_program()
        self.assertEqual(outcome.returncode, 2)
        self.assertIn("Usage:", outcome.stderr)


if __name__ == "__main__":
    unittest.main()
