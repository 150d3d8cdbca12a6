# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Runs a service on a cluster with ACLs: those that `millrace acls` prints are enough, and none of them can be left out unnoticed."""
import json
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

SERVICE = sys.argv.pop()
MILLRACE = sys.argv.pop()
KAFKA = sys.argv.pop()
DIRECTORY = os.environ["MILLRACE_TEST_KAFKA_DIR"]
PRINCIPAL = "User:millrace"


def output_of(*command, given=None):
    return subprocess.run(command, check=True, input=given, stdout=subprocess.PIPE, text=True).stdout


def cluster():
    return json.loads(output_of(KAFKA, "status", "--json", "--dir", DIRECTORY))


def url_of(status, listener, prefix, directory, password=None):
    """A URL whose settings are in a file."""
    lines = [f"security.protocol={listener.lower()}"]
    if "SASL" in listener:
        lines += ["sasl.mechanism=PLAIN", f"sasl.username={status['sasl']['user']}",
                  f"sasl.password={password or status['sasl']['password']}"]
    if "SSL" in listener:
        lines.append(f"ssl.ca.location={status['tls']['ca']}")
    config = Path(directory) / "client.properties"
    config.write_text("# written by a test\n" + "\n".join(lines) + "\n")
    return f"kafka://{status['listeners'][listener]}/{prefix}?config={config}"


class System:
    """A prefix of its own on the cluster, and what the administrator allows there."""

    def __init__(self, prefix, directory):
        status = cluster()
        self.directory = directory
        self.url = url_of(status, "SASL_PLAINTEXT", prefix, directory)
        description = output_of(SERVICE, "--describe", "json")
        self.commands = output_of(MILLRACE, "acls", "-", "--principal", PRINCIPAL, "--format", "commands", "--log",
                                  f"kafka://{status['address']}/{prefix}", given=description).splitlines()

    def grant(self, skip="nothing"):
        self.administer(command for command in self.commands if skip not in command)

    def administer(self, commands):
        """Returns when the broker itself knows all: it hears of them in their order, a moment after each command."""
        for command in commands:
            arguments = shlex.split(command)[1:]
            output_of(KAFKA, "tool", "--dir", DIRECTORY, "acls", *arguments)
        operations = [name for option, name in zip(arguments, arguments[1:]) if option == "--operation"]
        last = [f"name={arguments[-1]},"] + [f"operation={re.sub('(?<=[a-z])(?=[A-Z])', '_', name).upper()}," for name in operations]
        for _ in range(60):
            resources = output_of(KAFKA, "tool", "--dir", DIRECTORY, "acls", "--list").split("\n\n")
            if any(all(part in resource for part in last) for resource in resources):
                return
        raise AssertionError(f"the broker does not hear of {arguments}")

    def start(self):
        return Wallets(self.url, self.directory)


class Wallets:
    def __init__(self, url, directory):
        self.process = subprocess.Popen([SERVICE, "--log", url, "--state-dir", f"{directory}/state"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.url = None
        self.lines = []
        for line in self.process.stderr:
            self.lines.append(line)
            if '"started"' in line:
                self.url = f"http://127.0.0.1:{json.loads(line)['port']}"
                break

    def ask(self, method, path, body=None):
        """Asks again, as a client does, while the outcome is not there yet."""
        for _ in range(60):
            status, answer = self.ask_once(method, path, body)
            if status != 202:
                break
        return status, answer

    def ask_once(self, method, path, body):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, None

    def wait_until_ready(self):
        for _ in range(2400):
            if self.ask("GET", "/readyz")[0] == 200:
                return
            select.select([], [], [], 0.05)
        raise AssertionError("the service does not become ready")

    def wait_for_end(self):
        """What it said; it ends by itself."""
        self.lines += self.process.stderr.readlines()
        self.process.wait(timeout=120)
        self.process.stderr.close()
        return "".join(self.lines)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.wait_for_end()
        return self.process.returncode


class AccessTest(unittest.TestCase):
    """What a client with these credentials learns from a log that is not there."""

    def topics(self, listener, **more):
        with tempfile.TemporaryDirectory() as directory:
            url = url_of(cluster(), listener, "nobody", directory, **more)
            return subprocess.run([MILLRACE, "topics", "--log", url], stderr=subprocess.PIPE, text=True).stderr

    def test_tls_lets_in(self):
        self.assertIn("base.not_found", self.topics("SSL"))

    def test_a_password_over_tls_lets_in_who_may_then_see_nothing(self):
        self.assertIn("log.not_authorized", self.topics("SASL_SSL"))

    def test_a_wrong_password_is_reported_as_such(self):
        said = self.topics("SASL_PLAINTEXT", password="wrong")
        self.assertIn("log.unavailable", said)
        self.assertIn("Authentication failed", said)


class AclsTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.system = System(self.id().rsplit("_", 1)[-1], directory.name)

    def start(self):
        wallets = self.system.start()
        self.addCleanup(wallets.process.kill)
        return wallets

    def assert_refused(self, named):
        said = self.start().wait_for_end()
        self.assertIn("log.not_authorized", said)
        self.assertIn(named, said)
        self.assertIn("millrace acls", said)

    def test_the_printed_acls_are_enough(self):
        self.system.grant()
        for balance in (500, 1000):
            wallets = self.start()
            self.assertIsNotNone(wallets.url, wallets.lines)
            wallets.wait_until_ready()
            self.assertEqual(wallets.ask("PUT", f"/wallets/anna/moves/m{balance}", {"pence": 500}),
                             (200, {"accepted": True, "balance": balance}))
            self.assertEqual(wallets.stop(), 0)

    def test_it_starts_beside_a_group_that_it_may_not_read_after_a_reset(self):
        plain = f"kafka://{cluster()['address']}/reset"
        wallets = Wallets(plain, self.system.directory)
        self.addCleanup(wallets.process.kill)
        wallets.wait_until_ready()
        self.assertEqual(wallets.ask("PUT", "/wallets/anna/moves/m1", {"pence": 500})[0], 200)
        wallets.process.kill()
        wallets.wait_for_end()
        # It waits for the end of the member that died, as a member of a group of its own.
        output_of(MILLRACE, "topology", "reset", "wallets", "--log", plain)
        self.assertIn("millrace.tool", output_of(MILLRACE, "groups", "--log", plain))
        # The reset gave the part and its topics new names.
        self.system.grant()
        wallets = self.start()
        self.assertIsNotNone(wallets.url, wallets.lines)
        wallets.wait_until_ready()
        # What the balance is then, docs/guide/requests.md says.
        self.assertEqual(wallets.ask("PUT", "/wallets/anna/moves/m2", {"pence": 500})[0], 200)
        self.assertEqual(wallets.stop(), 0)
        said = subprocess.run([MILLRACE, "groups", "--all", "--log", self.system.url], capture_output=True, text=True)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("positions not known: ", said.stdout)
        self.assertIn("millrace.tool", said.stdout)

    def test_a_reader_may_look_at_all_and_no_more_readers(self):
        status = cluster()
        plain = f"kafka://{status['address']}/readers"
        wallets = Wallets(plain, self.system.directory)
        self.addCleanup(wallets.process.kill)
        wallets.wait_until_ready()
        self.assertEqual(wallets.ask("PUT", "/wallets/anna/moves/m1", {"pence": 500})[0], 200)
        self.assertEqual(wallets.stop(), 0)

        looks = (["topics", "--all"], ["tail", "wallets.moves"], ["trace", "anna"], ["groups"], ["dead-letters", "list"])
        for command in looks:
            self.assertEqual(subprocess.run([MILLRACE, *command, "--log", self.system.url], capture_output=True).returncode, 1)
        lines = output_of(MILLRACE, "acls", "--reader", "--principal", PRINCIPAL, "--format", "commands", "--log", plain)
        self.system.administer(lines.splitlines())
        for command in looks:
            said = subprocess.run([MILLRACE, *command, "--log", self.system.url], capture_output=True, text=True)
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertTrue(said.stdout)
        self.assert_refused("log.not_authorized")

    def test_without_any_the_topic_that_comes_first_is_named_none(self):
        self.assert_refused("none.__millrace")

    def test_without_the_transactional_ids_those_are_named_ids(self):
        self.system.grant(skip="--transactional-id")
        self.assert_refused("Write and Describe on the transactional ids")

    def test_without_the_group_that_is_named_group(self):
        self.system.grant(skip="--group")
        self.assert_refused("Read on that group")


if __name__ == "__main__":
    unittest.main()
