# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Runs the wallets as a process on a log of its own, talks to it over HTTP, kills it and starts it again."""
import json
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from running_service import RunningService  # noqa: E402

PROGRAM = sys.argv.pop()


class ServiceTest(unittest.TestCase):
    def test_moves_are_answered_once_and_survive_a_kill(self):
        with tempfile.TemporaryDirectory() as directory:
            wallets = RunningService(PROGRAM, directory)
            self.addCleanup(lambda: wallets.process.kill())
            self.assertEqual(wallets.ask("PUT", "/wallets/anna/moves/m1", {"pence": 500}), (200, {"accepted": True, "balance": 500}))
            self.assertEqual(wallets.ask("PUT", "/wallets/anna/moves/m2", {"pence": -501}), (409, {"accepted": False, "balance": 500}))
            self.assertEqual(wallets.ask("PUT", "/wallets/anna/moves/m3", {"pence": "x"})[0], 400)
            self.assertEqual(wallets.ask("GET", "/views/balances/anna"), (200, 500))
            self.assertEqual(wallets.end(signal.SIGKILL), -signal.SIGKILL)

            wallets = RunningService(PROGRAM, directory)
            self.assertEqual(wallets.ask("GET", "/wallets/anna"), (200, 500))
            self.assertEqual(wallets.ask("PUT", "/wallets/anna/moves/m1", {"pence": 500}), (200, {"accepted": True, "balance": 500}))
            self.assertEqual(wallets.ask("GET", "/wallets/anna"), (200, 500))
            run_file = Path(directory) / "run" / "wallets.json"
            self.assertEqual(json.loads(run_file.read_text())["pid"], wallets.process.pid)
            self.assertEqual(wallets.end(signal.SIGTERM), 0)
            self.assertFalse(run_file.exists())

    def test_reasons_why_it_does_not_start_hold_no_control_characters(self):
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "wiped\x1b[2J\u009b"
            file.write_text("no directory")
            state = ["--state-dir", f"{directory}/state", "--run-dir", f"{directory}/run"]
            for arguments in (["--log", f"file:{file}/log", *state], ["--log-file", f"{file}/x", *state], ["--port", "\x1b[2J"]):
                with self.subTest(arguments):
                    outcome = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=120)
                    self.assertNotEqual(outcome.returncode, 0)
                    self.assertIn("\\x1b[2J", outcome.stderr)
                    self.assertNotRegex(outcome.stderr, "[\x1b\x80-\x9f]")


if __name__ == "__main__":
    unittest.main()
