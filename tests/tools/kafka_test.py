# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""tools/kafka brings real brokers that fail and come back on demand, and leaves nothing behind."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
KAFKA = ROOT / "tools" / "kafka"
UNAVAILABLE, NOT_UP = 77, 3


def gone(pid):
    """True when the process has ended, reaped or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def wait_until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class KafkaTool(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)
        self.cluster = Path(self.home.name) / "cluster"
        self.addCleanup(self.kafka, "down")

    def kafka(self, command, *arguments, environment=None):
        return subprocess.run([str(KAFKA), command, "--dir", str(self.cluster), *map(str, arguments)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})

    def done(self, command, *arguments, **more):
        outcome = self.kafka(command, *arguments, **more)
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        return outcome.stdout

    def status(self):
        return json.loads(self.kafka("status", "--json").stdout)

    def pids(self):
        status = self.status()
        return [broker["pid"] for broker in status["brokers"]] + ([status["watcher"]] if status["watcher"] else [])

    def health(self):
        return [broker["health"] for broker in self.status()["brokers"]]

    def topics(self, *arguments):
        return self.done("tool", "topics", *arguments)

    def create_topic(self, name, *more):
        """A broker that was not heard of for a moment takes no part in a new topic."""
        command = ("tool", "topics", "--create", "--if-not-exists", "--topic", name, *more)
        self.assertTrue(wait_until(lambda: self.kafka(*command).returncode == 0))

    def test_what_goes_up_comes_down_and_leaves_nothing(self):
        address = self.done("up")
        self.assertRegex(address, r"\A127\.0\.0\.1:\d+\n\Z")
        self.assertEqual(self.done("up"), address, "a second up finds the first")
        self.assertEqual(self.status()["address"], address.strip())
        self.assertIn("__transaction_state", self.topics("--list"))
        pids = self.pids()
        self.assertEqual(len(pids), 1)

        self.done("down")
        self.assertTrue(all(gone(pid) for pid in pids))
        self.assertFalse(self.cluster.exists())
        self.assertEqual(os.listdir(self.home.name), [])
        self.assertEqual(self.kafka("status").returncode, NOT_UP)
        self.assertEqual(self.kafka("down").returncode, 0)

    def test_a_killed_broker_comes_back_with_its_data_and_a_frozen_one_goes_down(self):
        address = self.done("up", "--setting", "num.partitions=7").strip()
        self.create_topic("kept")
        self.done("kill", "1")
        self.assertEqual(self.health(), ["down"])
        self.assertEqual(self.kafka("status").returncode, NOT_UP)

        self.done("start", "1")
        self.assertEqual(self.status()["address"], address)
        self.assertIn("PartitionCount: 7", self.topics("--describe", "--topic", "kept"))
        self.done("freeze", "1")
        self.assertEqual(self.health(), ["frozen"])
        self.done("thaw", "1")
        self.assertTrue(wait_until(lambda: self.health() == ["up"]))

        self.done("freeze", "1")
        pids = self.pids()
        self.done("down")
        self.assertTrue(all(gone(pid) for pid in pids))
        self.assertFalse(self.cluster.exists())

    def test_three_brokers_lose_one_and_serve_on(self):
        address = self.done("up", "--brokers", "3").strip()
        self.assertEqual(len(set(address.split(","))), 3)
        self.assertTrue(wait_until(lambda: self.health() == ["up"] * 3))
        pids = self.pids()
        self.done("kill", "2")
        self.assertTrue(gone(pids[1]))
        self.create_topic("after", "--replication-factor", "2")
        self.done("start", "2")
        self.assertTrue(wait_until(lambda: self.health() == ["up"] * 3))
        self.assertEqual(self.kafka("kill", "4").returncode, 2)

    def test_the_cluster_goes_when_the_watched_process_is_killed(self):
        # The watched process starts the cluster itself, as a test does, and is then killed before it can clean up.
        script = ("import subprocess, sys, os\n"
                  f"subprocess.run([{str(KAFKA)!r}, 'up', '--dir', {str(self.cluster)!r}, '--watch-pid', str(os.getpid())], check=True)\n"
                  "print('up', flush=True)\n"
                  "sys.stdin.read()\n")
        with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watched:
            self.assertIn("127.0.0.1:", watched.stdout.readline())
            self.assertEqual(watched.stdout.readline(), "up\n")
            pids = self.pids()
            self.assertEqual(len(pids), 2)
            os.kill(watched.pid, signal.SIGKILL)
            watched.wait()
        self.assertTrue(wait_until(lambda: not self.cluster.exists() and all(gone(pid) for pid in pids)))

    def test_a_start_that_is_interrupted_leaves_nothing(self):
        with subprocess.Popen([str(KAFKA), "up", "--dir", str(self.cluster)], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as starting:
            state = self.cluster / "state.json"
            self.assertTrue(wait_until(lambda: state.exists() and '"pid"' in state.read_text()))
            pids = [broker["process"]["pid"] for broker in json.loads(state.read_text())["brokers"]]
            starting.terminate()
            self.assertEqual(starting.wait(), 143)
        self.assertTrue(all(gone(pid) for pid in pids))
        self.assertFalse(self.cluster.exists())

    def test_listeners_with_sasl_and_tls_take_the_right_credentials_only(self):
        status = json.loads(self.done("up", "--sasl", "--tls", "--json", environment={"MILLRACE_KAFKA_PASSWORD": "open sesame"}))
        self.assertEqual(status["sasl"]["password"], "open sesame")
        trust = f"ssl.truststore.type=PEM\nssl.truststore.location={status['tls']['ca']}\n"
        scram = ("security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-256\nsasl.jaas.config="
                 "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"millrace\" password=\"{}\";\n" + trust)
        listener = status["listeners"]["SASL_SSL"]
        self.assertIn("__consumer_offsets", self.list_with(listener, scram.format("open sesame")).stdout)
        self.assertNotEqual(self.list_with(listener, scram.format("open barley")).returncode, 0)
        self.assertIn("__consumer_offsets", self.list_with(status["listeners"]["SSL"], "security.protocol=SSL\n" + trust).stdout)

    def list_with(self, listener, settings):
        client = Path(self.home.name) / "client.properties"
        client.write_text(settings)
        return self.kafka("tool", "topics", "--bootstrap-server", listener, "--command-config", client, "--list")

    def test_a_directory_with_other_files_is_left_alone(self):
        self.cluster.mkdir()
        (self.cluster / "mine").write_text("precious")
        self.assertEqual(self.kafka("up").returncode, 2)
        self.assertEqual(self.kafka("down").returncode, 0)
        self.assertEqual((self.cluster / "mine").read_text(), "precious")

    def test_files_of_others_in_the_directory_of_a_cluster_stay(self):
        self.cluster.mkdir()
        (self.cluster / "state.json").write_text('{"brokers": [], "watcher": null, "options": {}}')
        (self.cluster / "broker-1").mkdir()
        (self.cluster / "mine").write_text("precious")
        self.assertEqual(self.kafka("down").returncode, 0)
        self.assertEqual([entry.name for entry in self.cluster.iterdir()], ["mine"])

    def test_without_maven_central_one_line_says_so(self):
        # A Maven that speaks as the real one does without a network; nothing is in the cache.
        tools = Path(self.home.name) / "bin"
        tools.mkdir()
        (tools / "mvn").write_text("#!/bin/sh\necho '[ERROR] Could not transfer artifact: Unknown host'\nexit 1\n")
        (tools / "java").write_text("#!/bin/sh\nexit 1\n")
        for tool in tools.iterdir():
            tool.chmod(0o755)
        outcome = self.kafka("up", environment={"PATH": f"{tools}:{os.environ['PATH']}",
                                                "MILLRACE_KAFKA_CACHE": str(Path(self.home.name) / "cache")})
        self.assertEqual(outcome.returncode, UNAVAILABLE)
        self.assertRegex(outcome.stderr.splitlines()[-1], "Maven Central cannot be reached")
        self.assertEqual(outcome.stdout, "")
        self.assertFalse(self.cluster.exists())


def main():
    fetched = subprocess.run([str(KAFKA), "fetch"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if fetched.returncode == UNAVAILABLE:
        print(fetched.stderr.splitlines()[-1], file=sys.stderr)
        sys.exit(UNAVAILABLE)
    sys.stderr.write(fetched.stderr)
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
