# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""More `millrace tail -f` than a log has slots: all of them show what comes, and a service finds a slot when it comes back."""
import json
import select
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

SERVICE = sys.argv.pop()
MILLRACE = sys.argv.pop()
TAILS = 65


class Wallets:
    """The service of an example; its port is known once it says that it has started."""

    def __init__(self, directory):
        self.process = subprocess.Popen([SERVICE, "--log", f"file:{directory}/log", "--state-dir", f"{directory}/state"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.port = None
        lines = []
        for line in self.process.stderr:
            lines.append(line)
            if '"started"' in line:
                self.port = json.loads(line)["port"]
                break
        if self.port is None:
            raise AssertionError("the service does not start: " + "".join(lines))
        for _ in range(2400):
            if self.ask("GET", "/readyz") == 200:
                return
            select.select([], [], [], 0.05)
        raise AssertionError("the service does not become ready")

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def end(self, how):
        self.process.send_signal(how)
        self.process.stderr.close()
        self.process.wait(timeout=120)


class ManyTailsTest(unittest.TestCase):
    def start(self, directory):
        wallets = Wallets(directory)
        self.addCleanup(lambda: wallets.process.poll() is None and wallets.end(signal.SIGKILL))
        return wallets

    def tail(self, directory):
        process = subprocess.Popen([MILLRACE, "tail", "-f", "wallets.moves", "--json", "--log", f"file:{directory}/log"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        def end():
            process.kill()
            process.communicate(timeout=120)

        self.addCleanup(end)
        return process

    def next_key(self, tail):
        line = tail.stdout.readline()
        if not line:
            self.fail("a tail ended: " + tail.stderr.read())
        return json.loads(line)["key"]

    def test_services_come_back_beside_more_tails_than_slots(self):
        with tempfile.TemporaryDirectory() as directory:
            wallets = self.start(directory)
            self.assertEqual(wallets.ask("PUT", "/wallets/anna/moves/m1", {"pence": 500}), 200)
            # The tails may take its slot too.
            wallets.end(signal.SIGKILL)
            tails = [self.tail(directory) for _ in range(TAILS)]
            for tail in tails:
                self.assertEqual(self.next_key(tail), "anna")

            wallets = self.start(directory)
            self.assertEqual(wallets.ask("PUT", "/wallets/berta/moves/m2", {"pence": 500}), 200)
            for tail in tails:
                self.assertEqual(self.next_key(tail), "berta")
            self.doCleanups()


if __name__ == "__main__":
    unittest.main()
