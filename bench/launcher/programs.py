# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""The suites whose measurements are runs of bench-log and bench-stream: a fresh process and an empty directory each time."""
import json
import resource
import shutil
import subprocess

from report import Failed, Row

TIMEOUT_S = 600
VALUE_BYTES = 100  # of the records of bench-log


def cpu_of_children():
    """CPU seconds of all programs that ran and ended, with what they did before and after they measured."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class ProgramSuite:
    targets = ["bench/all"]
    rounds = 5
    has_peers = False

    def beside(self, other):
        """Nothing that one build measures depends on what another one reached."""

    def __init__(self, binaries, work, quick):
        self.binaries, self.work, self.quick = binaries, work, quick
        self.made = None

    def rows(self):
        if self.made is None:
            self.made = list(self.make_rows())
        return self.made

    def both(self, case, params, **settings):
        """A row of ours and one of the plain loop."""
        return [Row(case, params, system, settings) for system in ("millrace", "plain")]

    def run(self, row, settings=None, under=()):
        """One measurement; `settings` instead of the row's own, `under` is a program that runs ours."""
        directory = self.work / "data"
        directory.mkdir()
        values = {**row.params, **(row.settings if settings is None else settings), "dir": directory}
        command = [*under, self.binaries / self.program, row.case, row.system, *(f"{k}={v}" for k, v in values.items() if v is not None)]
        before = cpu_of_children()
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            raise Failed(f"{row.label()}: not done after {TIMEOUT_S} s") from None
        except FileNotFoundError:
            raise Failed(f"{command[0]} is not there: " + (f"install {command[0]}" if under else f"build the targets {', '.join(self.targets)}")) from None
        finally:
            shutil.rmtree(directory)
        if done.returncode != 0:
            raise Failed(f"{row.label()}: failed\n{done.stderr.strip()}")
        return {**json.loads(done.stdout), "all_cpu_seconds": cpu_of_children() - before}

    def remarks(self, _result):
        return []

    def close(self):
        """Nothing outlives a measurement."""


class LogSuite(ProgramSuite):
    name, program = "log", "bench-log"

    def make_rows(self):
        yield Row("fdatasync", {}, "plain", {"samples": 100 if self.quick else 2000})
        for durability in ("os", "sync"):
            for batch in (10, 500):
                for writers, processes in ((1, 1), (8, 1), (8, 8)):
                    params = {"durability": durability, "batch": batch, "writers": writers, "processes": processes, "settling": "off"}
                    yield from self.both("append", params, **self.append_limits(durability, batch, writers))
        settling = {"durability": "os", "batch": 500, "writers": 1, "processes": 1, "settling": "on"}
        for system in ("millrace", "plain-twice", "plain-twice-synced"):
            yield Row("append", settling, system, self.append_limits("os", 500, 1))
        for partitions, settling in ((1, "off"), (4, "off"), (1, "on"), (4, "on")):
            yield from self.both("read", {"partitions": partitions, "settling": settling}, bytes=10_000_000 if self.quick else 1_000_000_000)
        for durability in ("os", "sync"):
            for settling in ("off", "on"):
                params = {"durability": durability, "bytes": 200, "load": "bulk", "settling": settling}
                yield from self.both("small_append", params, samples=100 if self.quick else 3000)
        for load in ("idle", "half"):
            yield from self.both("wake", {"readers": 1, "load": load}, samples=100 if self.quick else 3000)

    def confirming(self, row, records):
        """The settings for about so many records, without a limit by time."""
        if row.case == "append":
            return {"bytes": records * VALUE_BYTES // row.params["writers"], "seconds": TIMEOUT_S}
        return {"bytes": records * VALUE_BYTES} if row.case == "read" else row.settings

    def append_limits(self, durability, batch, writers):
        """Bytes of values for each writer, and seconds: whichever comes first."""
        if self.quick:
            return {"bytes": 5_000_000, "seconds": 1}
        if (durability, batch, writers) == ("os", 500, 1):
            return {"bytes": 4_500_000_000, "seconds": 60}
        return {"bytes": 1_500_000_000 // writers, "seconds": 3}

    def remarks(self, result):
        disk = [row for row in result["rows"] if row["case"] == "fdatasync"]
        if not disk:
            return []
        return [
            "",
            f"This disk's own fdatasync of 4 KiB: p50 {disk[0]['p50_us']} us, p99 {disk[0]['p99_us']} us. Of `plain`: the rate, where there is one alone; else the median latency.",
        ]


class StreamSuite(ProgramSuite):
    name, program = "stream", "bench-stream"

    def make_rows(self):
        million = 200_000 if self.quick else 1_000_000
        counted = [(10_000, "none", 8), (10_000, "cloudevents", 4), (1_000_000, "none", 4)]
        if not self.quick:
            counted.append((10_000_000, "none", 20))
        for keys, envelope, millions in counted:
            params = {"keys": keys, "cores": 1, "store": "memory", "envelope": envelope}
            rows = self.both("count", params, records=million * millions)
            yield from rows if envelope == "none" else rows[:1]
        for source in ("changelog", "snapshot"):
            params = {"from": source, "keys": 1_000_000, "store": "memory"}
            yield Row("restore", params, "millrace", {"records": million * 4})

    def confirming(self, _row, records):
        return {"records": records}
