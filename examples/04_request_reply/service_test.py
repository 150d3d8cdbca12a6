# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Runs two instances of the service on one log, asks both over HTTP, kills one and asks the other."""
import json
import select
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

PROGRAM = sys.argv.pop()
HAMLET = "/shows/hamlet/reservations/"
MACBETH = "/shows/macbeth/reservations/"


class Instance:
    """A running instance; its address is known once it says that it has started."""

    def __init__(self, directory, number):
        command = [PROGRAM, "--log", f"file:{directory}/log", "--state-dir", f"{directory}/state", "--instance", str(number)]
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

    def ask(self, method, path, body=None, wait=50):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Prefer": f"wait={wait}"} if data else {}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                self.location = answer.headers["Location"]
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def end(self, how):
        self.process.send_signal(how)
        code = self.process.wait(timeout=120)
        self.process.stderr.close()
        return code


class ServiceTest(unittest.TestCase):
    def test_any_instance_replies_and_repeats_get_the_first_outcome(self):
        with tempfile.TemporaryDirectory() as directory:
            one = Instance(directory, 1)
            self.addCleanup(lambda: one.process.kill())
            two = Instance(directory, 2)
            self.addCleanup(lambda: two.process.kill())
            reserved = (200, {"seats": 2, "left": 98})
            self.assertEqual(one.ask("PUT", HAMLET + "r-1", {"seats": 2}), reserved)
            self.assertEqual(two.ask("PUT", HAMLET + "r-1", {"seats": 2}), reserved)
            self.assertEqual(two.ask("PUT", HAMLET + "r-2", {"seats": 99}), (409, {"left": 98}))
            for instance in (one, two):
                status, problem = instance.ask("PUT", HAMLET + "r-1", {"seats": 3})
                self.assertEqual((status, problem["type"]), (409, "service.request_id_reused"))
            self.assertEqual(one.ask("PUT", HAMLET + "r-3", {"seats": "x"})[0], 400)
            # Another show has ids of its own.
            for instance in (one, two):
                self.assertIn(instance.ask("GET", MACBETH + "r-1")[0], (404, 503))
            self.assertEqual(two.ask("PUT", MACBETH + "r-1", {"seats": 3}), (200, {"seats": 3, "left": 97}))
            # A "/" inside of a part is no end of it.
            self.assertEqual(one.ask("PUT", "/shows/a%2Fb/reservations/c", {"seats": 1}), (200, {"seats": 1, "left": 99}))
            self.assertEqual(one.ask("PUT", "/shows/a/reservations/b%2Fc", {"seats": 1}), (200, {"seats": 1, "left": 99}))
            status = one.ask("PUT", HAMLET + "r-4", {"seats": 1}, wait=0)[0]
            self.assertIn(status, (200, 202))  # it may be as fast as that
            if status == 202:
                self.assertEqual(one.location, HAMLET + "r-4")
            self.assertEqual(two.ask("PUT", HAMLET + "r-4", {"seats": 1}), (200, {"seats": 1, "left": 97}))
            # The one that has the partition knows it; the other one says so.
            looks = [instance.ask("GET", HAMLET + "r-4") for instance in (one, two)]
            self.assertIn((200, {"seats": 1, "left": 97}), looks)

            self.assertEqual(one.end(signal.SIGKILL), -signal.SIGKILL)
            self.assertEqual(two.ask("PUT", HAMLET + "r-1", {"seats": 2}), reserved)
            self.assertEqual(two.ask("PUT", HAMLET + "r-5", {"seats": 97}), (200, {"seats": 97, "left": 0}))
            self.assertEqual(two.end(signal.SIGTERM), 0)


if __name__ == "__main__":
    unittest.main()
