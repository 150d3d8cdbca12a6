#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""The comparison of the suite `peers` takes the right results and no others, on the embedded log: peers_test.py BIN WORK."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

BIN, WORK = (pathlib.Path(argument) for argument in sys.argv[1:3])
BASE_MS = 1_500_000_000_000
RECORDS, KEYS = 3000, 50


class Peers(unittest.TestCase):
    def setUp(self):
        WORK.mkdir(parents=True, exist_ok=True)
        self.home = tempfile.TemporaryDirectory(dir=WORK)
        self.addCleanup(self.home.cleanup)
        self.url = f"file:{self.home.name}/log"

    def command(self, role, system, **values):
        return [BIN / "bench-peers", role, system, *(f"{name}={value}" for name, value in {"url": self.url, **values}.items())]

    def load(self, topic, **more):
        values = {"topic": topic, "records": RECORDS, "keys": KEYS, "base_ms": BASE_MS, **more}
        subprocess.run(self.command("load", "-", **values), check=True, capture_output=True)

    def check(self, topic, topology, **more):
        values = {"topic": topic, "topology": topology, "records": RECORDS, "keys": KEYS, "base_ms": BASE_MS, "timeout_s": 60, **more}
        with subprocess.Popen(self.command("check", "-", **values), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as process:  # fmt: skip
            output, errors = process.stdout.read(), process.stderr.read()
            return process.wait(), output, errors

    def test_each_topology_of_ours_gives_the_expected_answers(self):
        self.load("input")
        self.load("table", table=1)
        for topology in ("count", "windowed", "join"):
            name = f"peers-{topology}"
            run = self.command("run", "millrace", topology=topology, input="input", table="table", output=f"{name}.output", application=name,
                               state=f"{self.home.name}/{name}")  # fmt: skip
            with subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
                self.assertEqual(program.stdout.readline(), "READY\n")
                code, output, errors = self.check(f"{name}.output", topology)
                program.stdin.close()
                self.assertEqual(program.wait(), 0)
            self.assertEqual(code, 0, errors)
            self.assertEqual(json.loads(output)["outputs"], RECORDS)

    def test_other_answers_are_refused(self):
        self.load("input")
        self.assertEqual(self.check("input", "move")[0], 0)
        for wrong in ({"records": RECORDS - 1}, {"keys": KEYS - 1}, {"topology": "count"}, {"topology": "join"}):
            code, _, errors = self.check("input", **{"topology": "move", **wrong})
            self.assertNotEqual(code, 0, wrong)
            self.assertIn("the answer differs", errors)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
