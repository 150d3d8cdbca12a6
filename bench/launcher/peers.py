# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""The suite `peers`: the same topologies in Millrace and in Kafka Streams, on one broker, with the same input topics."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import peers_java
from report import Failed, Row
from running import Program, cpu_seconds

ROOT = pathlib.Path(__file__).resolve().parents[2]
KAFKA = ROOT / "tools" / "kafka"
UNAVAILABLE = 77
TIMEOUT_S = 900
WINDOW_MS = 60_000
LATENCY_SECONDS, LATENCY_WARM_SECONDS = 20, 8
MARKERS = 400
BROKER = ["--heap", "1024", "--java-option=-XX:TieredStopAtLevel=4", "--setting", "log.retention.ms=-1"]
EMBEDDED = "millrace-embedded"
KAFKA_STREAMS, *VARIANTS = peers_java.SYSTEMS


class PeersSuite:
    name = "peers"
    targets = ["bench/all"]
    rounds = 3
    has_peers = True

    def __init__(self, binaries, work, quick):
        self.binaries, self.work, self.quick = binaries, work, quick
        self.peers = False
        self.program = binaries / "bench-peers"
        self.made = self.url = self.java = None
        self.brokers = []
        self.loaded = set()
        self.absent = {}
        self.number = 0
        # A window's begin some hours ago: a broker drops what is older than a topic keeps.
        self.base_ms = (int(time.time() * 1000) - 6 * 3600_000) // WINDOW_MS * WINDOW_MS

    # --- what is measured ---

    def rows(self):
        if self.made is None:
            self.made = list(self.make_rows())
        return self.made

    def make_rows(self):
        small, large = (40_000, 80_000) if self.quick else (4_000_000, 3_000_000)
        for case, keys, records in (("count", 10_000, small), ("count", 1_000_000, large), ("windowed", 10_000, small), ("join", 100_000, small)):
            yield from self.systems(case, {"keys": keys}, records=records, movers=True)
        yield from self.systems("restart", {"topology": "count", "keys": 1_000_000}, records=large)
        rate = 1000 if self.quick else 2000
        yield from self.systems("latency", {"topology": "count", "keys": 10_000, "rate": rate}, records=0)

    def systems(self, case, params, movers=False, **settings):
        systems = ["millrace", EMBEDDED]
        if self.peers:
            systems += peers_java.SYSTEMS
        if movers or case == "latency":
            systems.append("librdkafka")
        return [Row(case, params, system, settings) for system in systems]

    def run(self, row):
        self.begin()
        if row.system in self.absent:
            return {}
        self.number += 1
        measurement = Measurement(self, row, f"peers-{os.getpid()}-{self.number}")
        try:
            return {"restart": measurement.restart, "latency": measurement.latency}.get(row.case, measurement.throughput)()
        except NotBuilt as reason:
            self.absent[row.system] = str(reason)
            return {}
        finally:
            measurement.clean()

    # --- the broker and the inputs ---

    def begin(self):
        if self.url is not None:
            return
        command = [KAFKA, "up", "--dir", self.work / "kafka", "--watch-pid", str(os.getpid()), *BROKER]
        started = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=False)
        if started.returncode == UNAVAILABLE:
            sys.exit(UNAVAILABLE)
        if started.returncode != 0:
            raise Failed("the broker did not start")
        self.url = "kafka://" + started.stdout.strip()
        status = subprocess.run([str(KAFKA), "status", "--json", "--dir", str(self.work / "kafka")], stdout=subprocess.PIPE, text=True, check=True)
        self.brokers = [broker["pid"] for broker in json.loads(status.stdout)["brokers"]]
        if self.peers:
            self.java = peers_java.build()
        self.warm()

    def warm(self):
        """The broker is a Java program too: whatever ran first would be charged with its warm-up."""
        row = Row("count", {"keys": 10_000}, "librdkafka", {"records": 40_000 if self.quick else 2_000_000})
        measurement = Measurement(self, row, f"peers-{os.getpid()}-warm")
        try:
            measurement.throughput()
        finally:
            measurement.clean()

    def broker_cpu_seconds(self):
        return sum(cpu_seconds(pid) for pid in self.brokers)

    def close(self):
        if self.url is not None:
            subprocess.run([str(KAFKA), "down", "--dir", str(self.work / "kafka")], check=False)

    def tell(self, role, system, **values):
        """Runs one role of bench-peers to its end."""
        done = subprocess.run(self.command(role, system, **values), capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        if done.returncode != 0:
            raise Failed(f"{role}: {done.stderr.strip()}")
        return done.stdout

    def command(self, role, system, **values):
        return [str(self.program), role, system, *(f"{name}={value}" for name, value in values.items())]

    def shared_input(self, records, keys, table):
        """The name of an input topic of Kafka that holds these records; written at its first use, then read by every system."""
        name = f"peers-input-{records}-{keys}" + ("-table" if table else "")
        if name not in self.loaded:
            self.tell("load", "-", url=self.url, topic=name, records=records, keys=keys, base_ms=self.base_ms, table=int(table))
            self.loaded.add(name)
        return name

    def remarks(self, result):
        lines = [f"{system} is left out: {reason}" for system, reason in self.absent.items()]
        lines += ["", "Beside Kafka Streams:"] if self.peers else []
        cases = {}
        for row in result["rows"]:
            cases.setdefault((row["case"], json.dumps(row["params"])), {})[row["system"]] = row
        pairs = [(system, KAFKA_STREAMS) for system in ("millrace", EMBEDDED, "librdkafka")] + [("millrace", other) for other in VARIANTS]
        for (case, params), systems in cases.items():
            for system, other in pairs:
                lines += compare(f"{case} {params} {system} beside {other}", systems.get(system), systems.get(other))
        if "latency" in (case for case, _ in cases):
            lines += ["", "p50 and p99: from when a record was due until a read-committed reader had its output."]
        return lines


def compare(title, row, other):
    """One line of ratios, of the figures that both have."""
    if not row or not other:
        return []
    parts = []
    for name, text in (("records_per_s", "rate"), ("cpu_s_per_million", "CPU"), ("broker_cpu_s_per_million", "broker CPU"), ("peak_rss_mb", "memory"), ("p50_us", "p50"), ("p99_us", "p99"),
                       ("restart_s", "restart")):  # fmt: skip
        if row.get(name) and other.get(name):
            parts.append(f"{text} {row[name] / other[name]:.3g} x")
    return [f"  {title}: " + ", ".join(parts)] if parts else []


class NotBuilt(Exception):
    """The system cannot take this log yet."""


class Measurement:
    """One system under one row, with topics and directories of its own."""

    def __init__(self, suite, row, application):
        self.suite, self.row, self.application = suite, row, application
        self.embedded = row.system == EMBEDDED
        self.home = suite.work / application
        self.home.mkdir()
        self.url = f"file:{self.home / 'log'}" if self.embedded else suite.url
        self.topology = "move" if row.system == "librdkafka" else row.params.get("topology", row.case)
        self.output = f"{application}.output"
        self.running = []

    def clean(self):
        for program in self.running:
            program.kill()
        if not self.embedded:
            self.suite.tell("remove", "-", url=self.url, prefix=self.application)
        shutil.rmtree(self.home, ignore_errors=True)

    def load(self, topic, records, **more):
        self.suite.tell("load", "-", url=self.url, topic=topic, records=records, keys=self.row.params["keys"], base_ms=self.suite.base_ms, **more)

    def own_input(self, records):
        self.load(f"{self.application}.input", records)
        return f"{self.application}.input"

    def inputs(self):
        """The input topic and the table's, if there is one."""
        records, keys = self.row.settings["records"], self.row.params["keys"]
        joins = self.topology == "join"
        if not self.embedded:
            return self.suite.shared_input(records, keys, False), self.suite.shared_input(records, keys, True) if joins else ""
        if joins:
            self.load(f"{self.application}.table", records, table=1)
        return self.own_input(records), f"{self.application}.table" if joins else ""

    def check(self, records, **more):
        every = int(self.row.system != peers_java.DEFAULTS)
        if not self.embedded:
            self.suite.tell("load", "-", url=self.url, topic=self.output, records=0, keys=1, base_ms=0) if self.row.system != "millrace" else None
        command = self.suite.command(
            "check", "-", url=self.url, topic=self.output, topology=self.topology, records=records, keys=self.row.params["keys"],
            base_ms=self.suite.base_ms, every=every, timeout_s=TIMEOUT_S, **more)  # fmt: skip
        return self.start(command, "the comparison")

    def start(self, command, title):
        program = Program(command, f"{self.row.label()}: {title}", self.home)
        self.running.append(program)
        return program

    def system(self, source, table):
        """Starts the system and waits until it is at work."""
        state = self.home / "state"
        if self.row.system in peers_java.SYSTEMS:
            command = peers_java.command(
                self.suite.java, self.row.system, topology=self.topology, bootstrap=self.url.removeprefix("kafka://"), input=source,
                table=table, output=self.output, application=self.application, state=state)  # fmt: skip
        else:
            role = "librdkafka" if self.row.system == "librdkafka" else "millrace"
            command = self.suite.command(
                "run", role, url=self.url, topology=self.topology, input=source, table=table, output=self.output, application=self.application, state=state
            )
        program = self.start(command, "the program")
        try:
            program.wait_for("READY", 120)
        except Failed as failure:
            if "not built" in str(failure):
                raise NotBuilt(str(failure).splitlines()[-1]) from None
            raise
        return program

    def broker_cpu(self, before, records):
        """What the broker spent since; nothing without one."""
        return {} if self.embedded else {"broker_cpu_s_per_million": (self.suite.broker_cpu_seconds() - before) / records * 1e6}

    def throughput(self):
        """Everything is in the input when the program starts; from READY until the last output is visible."""
        records = self.row.settings["records"]
        source, table = self.inputs()
        check = self.check(records)
        began = time.monotonic()
        program = self.system(source, table)
        ready, cpu, broker = time.monotonic(), program.cpu_seconds(), self.suite.broker_cpu_seconds()
        found = json.loads(check.wait(TIMEOUT_S, program))
        more = self.broker_cpu(broker, records)
        cpu, memory = program.cpu_seconds() - cpu, program.peak_rss_mb()
        program.stop()
        seconds = found["last_ns"] / 1e9 - ready
        more |= {"start_s": ready - began, "outputs": found["outputs"],
                 "second_half_per_s": (records - records // 2) / max(1e-9, (found["last_ns"] - found["half_ns"]) / 1e9)}  # fmt: skip
        return {"records": records, "seconds": seconds, "cpu_seconds": cpu, "peak_rss_mb": memory, "more": more}

    def latency(self):
        """An open loop: from the moment a record was due until its output is visible."""
        rate = self.row.params["rate"]
        records, warm = rate * LATENCY_SECONDS, rate * LATENCY_WARM_SECONDS
        if self.suite.quick:
            records, warm = records // 4, warm // 4
        source = self.own_input(0)
        program = self.system(source, "")
        start = time.monotonic_ns() + 1_500_000_000
        check = self.check(records, start_ns=start, rate=rate, warm=warm)
        cpu, broker = program.cpu_seconds(), self.suite.broker_cpu_seconds()
        self.load(source, records, start_ns=start, rate=rate)
        found = json.loads(check.wait(TIMEOUT_S, program))
        more = self.broker_cpu(broker, records)
        cpu, memory = program.cpu_seconds() - cpu, program.peak_rss_mb()
        program.stop()
        return {"records": records, "cpu_seconds": cpu, "peak_rss_mb": memory, "p50_us": found["p50_us"], "p99_us": found["p99_us"], "more": more}

    def restart(self):
        """After `kill -9`, from the start of the program until records that came meanwhile are answered from the full state."""
        records = self.row.settings["records"]
        source = self.own_input(records)
        check = self.check(records + MARKERS, announce=records)
        first = self.system(source, "")
        check.wait_for("REACHED", TIMEOUT_S, first)
        time.sleep(1)
        first.kill()
        self.load(source, records + MARKERS, **{"from": records})
        began, broker = time.monotonic(), self.suite.broker_cpu_seconds()
        program = self.system(source, "")
        ready = time.monotonic()
        found = json.loads(check.wait(TIMEOUT_S, program))
        more = {} if self.embedded else {"restart_broker_cpu_s": self.suite.broker_cpu_seconds() - broker}
        memory, cpu = program.peak_rss_mb(), program.cpu_seconds()
        program.stop()
        more |= {"restart_s": found["last_ns"] / 1e9 - began, "ready_s": ready - began, "restart_cpu_s": cpu}
        return {"cpu_seconds": cpu, "peak_rss_mb": memory, "more": more}
