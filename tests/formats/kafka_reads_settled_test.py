# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Apache Kafka's own tools and a broker read settled segments."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

WRITER = sys.argv.pop()
KAFKA = sys.argv.pop()
CLUSTER = os.environ["MILLRACE_TEST_KAFKA_DIR"]


def kafka(command, *arguments):
    said = subprocess.run([KAFKA, command, "--dir", CLUSTER, *arguments], capture_output=True, text=True)
    if said.returncode != 0:
        raise AssertionError(f"tools/kafka {command} {' '.join(arguments)}: {said.stderr}")
    return said


def tool(*arguments):
    return kafka("tool", *arguments)


class KafkaReadsSettledTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.directory, cls.written = cls.write(Path(holder.name), "settled")
        cls.compacted_directory, cls.compacted = cls.write(Path(holder.name), "compacted")

    @staticmethod
    def write(parent, kind):
        said = subprocess.run([WRITER, kind, parent / kind], check=True, stdout=subprocess.PIPE)
        return parent / kind, json.loads(said.stdout)

    def files(self, *suffixes, directory=None):
        return ",".join(str(path) for suffix in suffixes for path in sorted((directory or self.directory).glob("*" + suffix)))

    def test_dump_log_segments_iterates_deeply_and_finds_nothing_wrong(self):
        said = tool("dump-log", "--deep-iteration", "--print-data-log", "--files", self.files(".log", ".index", ".timeindex"))
        # It expects offset 0 at the beginning of every segment, also of a broker's.
        known = {line for path in self.directory.glob("*.log")
                 for line in (f"Non-consecutive offsets in {path}", f"  -1 is followed by {int(path.stem)}")}
        self.assertEqual([line for line in said.stderr.splitlines() if line not in known], [])
        lines = said.stdout.splitlines()
        batches = [line for line in lines if line.startswith("baseOffset: ")]
        records = [line for line in lines if line.startswith("| offset: ")]
        self.assertEqual(len(batches), self.written["batches"])
        self.assertEqual(len(records), self.written["records"])
        self.assertTrue(all("isvalid: true" in line and "partitionLeaderEpoch: 0" in line for line in batches))
        self.assertEqual([int(line.split()[2]) for line in records], list(range(self.written["end"])))
        self.assertTrue(any("compresscodec: zstd" in line for line in batches))
        self.assertTrue(any(line.startswith("timestamp: ") for line in lines))
        self.assertTrue(any(line.startswith("offset: ") for line in lines))

    def test_dump_log_segments_finds_nothing_wrong_with_compacted_segments(self):
        said = tool("dump-log", "--deep-iteration", "--print-data-log", "--files",
                    self.files(".log", ".index", ".timeindex", directory=self.compacted_directory))
        # Gaps are all that it remarks.
        self.assertEqual([line for line in said.stderr.splitlines()
                          if not line.startswith("Non-consecutive offsets in ") and " is followed by " not in line], [])
        lines = said.stdout.splitlines()
        batches = [line for line in lines if line.startswith("baseOffset: ")]
        records = [int(line.split()[2]) for line in lines if line.startswith("| offset: ")]
        self.assertEqual(len(batches), self.compacted["batches"])
        self.assertTrue(all("isvalid: true" in line for line in batches))
        self.assertTrue(any("deleteHorizonMs: OptionalLong[" in line for line in batches))
        self.assertEqual(records, [int(line.split("\t")[1].split(":")[1]) for line in self.compacted["lines"]])

    def test_both_indexes_pass_the_check_of_a_broker(self):
        for directory, written in ((self.directory, self.written), (self.compacted_directory, self.compacted)):
            said = tool("dump-log", "--index-sanity-check", "--files", self.files(".index", ".timeindex", directory=directory))
            self.assertEqual(said.stderr, "")
            found = said.stdout.count("passed sanity check") + said.stdout.count(" is empty.")
            self.assertEqual(found, 2 * written["segments"])

    def consume(self, topic, records):
        said = tool("console-consumer", "--topic", topic, "--from-beginning", "--max-messages", str(records),
                    "--timeout-ms", "60000", "--formatter-property", "print.key=true", "--formatter-property", "print.offset=true",
                    "--formatter-property", "print.timestamp=true")
        return said.stdout.splitlines()

    def replace_files(self, topic, suffixes, directory=None):
        """Puts settled segments in the place of what the broker wrote, while it is stopped."""
        tool("topics", "--create", "--topic", topic, "--partitions", "1", "--config", "retention.ms=-1")
        kafka("stop", "1")
        data = Path(CLUSTER) / "broker-1" / "data" / f"{topic}-0"
        for path in list(data.glob("0*")):
            path.unlink()
        for path in (directory or self.directory).iterdir():
            if path.suffix in suffixes:
                (data / path.name).write_bytes(path.read_bytes())
        kafka("start", "1")
        return data

    def test_a_broker_serves_them_to_a_client(self):
        self.replace_files("settled", (".log", ".index", ".timeindex", ".commits"))
        lines = self.consume("settled", self.written["records"])
        self.assertEqual(len(lines), self.written["records"])
        for number, line in enumerate(lines):
            self.assertEqual(line.split("\t"), [f"CreateTime:{1_600_000_000_000 + 7 * number}", f"Offset:{number}", f"key-{number % 97}",
                                                f"value {number} " + "x" * (number % 300)])

    def test_a_broker_serves_compacted_segments_to_a_client(self):
        self.replace_files("compacted", (".log", ".index", ".timeindex", ".commits"), self.compacted_directory)
        self.assertEqual(self.consume("compacted", self.compacted["records"]), self.compacted["lines"])

    def test_a_broker_that_builds_the_indexes_again_writes_the_same(self):
        data = self.replace_files("rebuilt", (".log",))
        self.assertEqual(len(self.consume("rebuilt", self.written["records"])), self.written["records"])
        kafka("stop", "1")
        try:
            for path in sorted(self.directory.glob("*.index"))[:-1]:
                self.assertEqual((data / path.name).read_bytes(), path.read_bytes(), path.name)
                times = path.with_suffix(".timeindex")
                self.assertEqual((data / times.name).read_bytes(), times.read_bytes(), times.name)
        finally:
            kafka("start", "1")


if __name__ == "__main__":
    unittest.main()
