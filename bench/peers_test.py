#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""The suite `peers`: its comparison takes the right results and no others, on the embedded log, and its rows have the form that
bench/README.md promises: peers_test.py BIN WORK."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "launcher"))

import report  # noqa: E402
from peers import PeersSuite  # noqa: E402

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

    def test_a_case_has_a_row_for_each_system_and_the_others_of_kafka_streams_only_with_peers(self):
        ours = {"millrace", "millrace-embedded", "librdkafka"}
        others = {"kafka-streams", "kafka-streams-rocksdb", "kafka-streams-transactional", "kafka-streams-protocol", "kafka-streams-defaults"}
        for peers, expected in ((False, ours), (True, ours | others)):
            suite = PeersSuite(BIN, WORK, quick=True)
            suite.peers = peers
            systems = {}
            for row in suite.rows():
                systems.setdefault(row.pair(), []).append(row.system)
            self.assertEqual({case for case, _ in systems}, {"count", "windowed", "join", "restart", "latency"})
            for (case, _), found in systems.items():
                self.assertEqual(sorted(found), sorted(expected - {"librdkafka"} if case == "restart" else expected))

    def test_what_the_broker_spent_and_the_time_until_an_output_is_visible_are_figures_of_a_row_and_columns(self):
        suite = PeersSuite(BIN, WORK, quick=True)
        suite.peers = True
        rows = [row for row in suite.rows() if row.case == "latency"]
        for row in rows:
            more = {} if row.system == "millrace-embedded" else {"broker_cpu_s_per_million": 3.5}
            row.samples.append({"records": 1000, "cpu_seconds": 0.002, "peak_rss_mb": 10, "p50_us": 4321.0, "p99_us": 8765.0, "more": more})
        result = {"suite": "peers", "rounds": 1, "quick": True, "load": [0, 0], "machine": report.machine(), "rows": [row.summary() for row in rows]}
        for row in result["rows"]:
            self.assertEqual(row.get("broker_cpu_s_per_million"), None if row["system"] == "millrace-embedded" else 3.5)
            self.assertEqual((row["p50_us"], row["p99_us"]), (4321.0, 8765.0))
        lines = report.table(result).splitlines()[2:]
        for column in ("broker s/million", "p50 us", "p99 us"):
            self.assertIn(column, lines[0])
        for line, row in zip(lines[1:], rows):
            self.assertIn(row.system, line)
            self.assertEqual(line.split()[-4:], (["2"] if row.system == "millrace-embedded" else ["3.5"]) + ["10", "4321", "8765"])
        remarks = "\n".join(suite.remarks(result))
        self.assertIn("millrace beside kafka-streams-transactional: CPU 1 x, broker CPU 1 x, memory 1 x, p50 1 x, p99 1 x", remarks)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
