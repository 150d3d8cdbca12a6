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
        cls.directory = Path(holder.name) / "settled"
        cls.written = json.loads(subprocess.run([WRITER, "settled", cls.directory], check=True, stdout=subprocess.PIPE).stdout)

    def files(self, *suffixes):
        return ",".join(str(path) for suffix in suffixes for path in sorted(self.directory.glob("*" + suffix)))

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

    def test_both_indexes_pass_the_check_of_a_broker(self):
        said = tool("dump-log", "--index-sanity-check", "--files", self.files(".index", ".timeindex"))
        self.assertEqual(said.stderr, "")
        self.assertEqual(said.stdout.count("passed sanity check"), 2 * self.written["segments"])

    def consume(self, topic):
        said = tool("console-consumer", "--topic", topic, "--from-beginning", "--max-messages", str(self.written["records"]),
                    "--timeout-ms", "60000", "--formatter-property", "print.key=true", "--formatter-property", "print.offset=true",
                    "--formatter-property", "print.timestamp=true")
        return said.stdout.splitlines()

    def replace_files(self, topic, suffixes):
        """Puts settled segments in the place of what the broker wrote, while it is stopped."""
        tool("topics", "--create", "--topic", topic, "--partitions", "1", "--config", "retention.ms=-1")
        kafka("stop", "1")
        data = Path(CLUSTER) / "broker-1" / "data" / f"{topic}-0"
        for path in list(data.glob("0*")):
            path.unlink()
        for path in self.directory.iterdir():
            if path.suffix in suffixes:
                (data / path.name).write_bytes(path.read_bytes())
        kafka("start", "1")
        return data

    def test_a_broker_serves_them_to_a_client(self):
        self.replace_files("settled", (".log", ".index", ".timeindex", ".commits"))
        lines = self.consume("settled")
        self.assertEqual(len(lines), self.written["records"])
        for number, line in enumerate(lines):
            self.assertEqual(line.split("\t"), [f"CreateTime:{1_600_000_000_000 + 7 * number}", f"Offset:{number}", f"key-{number % 97}",
                                                f"value {number} " + "x" * (number % 300)])

    def test_a_broker_that_builds_the_indexes_again_writes_the_same(self):
        data = self.replace_files("rebuilt", (".log",))
        self.assertEqual(len(self.consume("rebuilt")), self.written["records"])
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
