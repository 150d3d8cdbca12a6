# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Runs the wallets as a process on a log of its own, talks to it over HTTP, kills it and starts it again."""
import json
import select
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

PROGRAM = sys.argv.pop()


class Wallets:
    """A running instance; its address is known once it says that it has started."""

    def __init__(self, directory):
        command = [PROGRAM, "--log", f"file:{directory}/log", "--state-dir", f"{directory}/state", "--run-dir", f"{directory}/run"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            entry = json.loads(line)
            if entry["message"] == "started":
                self.url = f"http://127.0.0.1:{entry['port']}"
                break
        else:
            raise AssertionError("the service ended before it had started")
        self.wait_until_ready()

    def wait_until_ready(self):
        # The service logs nothing when it is ready, so it is asked, with a pause between, as any probe does.
        for _ in range(2400):
            if self.ask("GET", "/readyz")[0] == 200:
                return
            select.select([], [], [], 0.05)
        raise AssertionError("the service does not become ready")

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def end(self, how):
        self.process.send_signal(how)
        code = self.process.wait(timeout=120)
        self.process.stderr.close()
        return code


class ServiceTest(unittest.TestCase):
    def test_moves_are_answered_once_and_survive_a_kill(self):
        with tempfile.TemporaryDirectory() as directory:
            wallets = Wallets(directory)
            self.addCleanup(lambda: wallets.process.kill())
            self.assertEqual(wallets.ask("PUT", "/wallets/anna/moves/m1", {"pence": 500}), (200, {"accepted": True, "balance": 500}))
            self.assertEqual(wallets.ask("PUT", "/wallets/anna/moves/m2", {"pence": -501}), (409, {"accepted": False, "balance": 500}))
            self.assertEqual(wallets.ask("PUT", "/wallets/anna/moves/m3", {"pence": "x"})[0], 400)
            self.assertEqual(wallets.ask("GET", "/views/balances/anna"), (200, 500))
            self.assertEqual(wallets.end(signal.SIGKILL), -signal.SIGKILL)

            wallets = Wallets(directory)
            self.assertEqual(wallets.ask("GET", "/wallets/anna"), (200, {"wallet": "anna", "balance": 500}))
            self.assertEqual(wallets.ask("PUT", "/wallets/anna/moves/m1", {"pence": 500}), (200, {"accepted": True, "balance": 500}))
            self.assertEqual(wallets.ask("GET", "/wallets/anna"), (200, {"wallet": "anna", "balance": 500}))
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
