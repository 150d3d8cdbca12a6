# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""The pages in docs/formats are enough to read what Millrace writes: a reader made from them alone agrees with the program that wrote it."""
import json
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from record_batches import crc32c

WRITER = sys.argv.pop()
READER = Path(__file__).with_name("read_log.py")
JOURNAL_BYTES = 20 << 20
SEGMENT_BYTES = 8 << 20


def flip(path, byte):
    with open(path, "r+b") as file:
        file.seek(byte)
        value = file.read(1)[0]
        file.seek(byte)
        file.write(bytes([value ^ 1]))


class ReadLogTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.directory = Path(holder.name)

    def write(self, kind, *more, directory=None):
        target = self.directory / (directory or kind)
        return json.loads(subprocess.run([WRITER, kind, target, *more], check=True, stdout=subprocess.PIPE).stdout)

    def read(self, kind):
        return subprocess.run([sys.executable, "-B", READER, kind, self.directory / kind], capture_output=True, text=True)

    def counts(self, kind):
        said = self.read(kind)
        self.assertEqual(said.returncode, 0, said.stderr)
        return json.loads(said.stdout)

    def assert_damage(self, kind, path, byte):
        flip(path, byte)
        said = self.read(kind)
        self.assertEqual(said.returncode, 1, said.stdout)
        self.assertIn(f"{path} at byte ", said.stderr)
        flip(path, byte)

    def test_a_journal_of_20_mb_is_walked(self):
        written, found = self.write("journal", str(JOURNAL_BYTES), str(SEGMENT_BYTES)), self.counts("journal")
        self.assertGreaterEqual(written["bytes"], JOURNAL_BYTES)
        for name in ("frames", "batches", "records", "bytes"):
            self.assertEqual(found[name], written[name], name)
        self.assertEqual(found["checksums"], found["frames"] + found["batches"])
        self.assertGreater(found["index_files"], 0)
        self.assertEqual(found["checkpoints"], 1)
        self.assertTrue(found["dense"])

    def test_a_log_that_settles_is_walked(self):
        written = json.loads(subprocess.run([WRITER, "settling", self.directory / "journal", str(4 << 20), str(256 << 10)],
                                            check=True, stdout=subprocess.PIPE).stdout)
        found = self.counts("journal")
        for name in ("frames", "batches", "records", "bytes"):
            self.assertEqual(found[name], written[name], name)
        self.assertLess(found["bytes"], 2 << 20)
        self.assertEqual(found["removed"], written["removed"])
        self.assertGreater(found["removed"], 0)
        self.assertEqual(found["checkpoints"], 1)
        batches = records = 0
        for partition in (self.directory / "journal" / "settled").iterdir():
            said = subprocess.run([sys.executable, "-B", READER, "settled", partition], capture_output=True, text=True)
            self.assertEqual(said.returncode, 0, said.stderr)
            counts = json.loads(said.stdout)
            self.assertTrue(counts["dense"])
            batches += counts["batches"]
            records += counts["records"]
        self.assertEqual((batches, records), (written["settled_batches"], written["settled_records"]))
        self.assertGreater(batches, 100)

    def test_a_flipped_bit_of_a_log_is_found(self):
        self.write("journal", str(600 << 10), str(256 << 10))
        log = self.directory / "journal"
        for path in (sorted((log / "journal").glob("*.journal"))[0], sorted((log / "journal").glob("*.batches"))[0], log / "checkpoint", log / "lineages"):
            with self.subTest(path=path):
                self.assert_damage("journal", path, path.stat().st_size // 3)

    def test_lineages_that_the_page_allows_are_no_damage(self):
        self.write("journal", str(600 << 10), str(256 << 10))
        path = self.directory / "journal" / "lineages"
        head, (lowest,), ones = path.read_bytes()[:16], struct.unpack_from("<Q", path.read_bytes(), 16), path.read_bytes()[28:-4]
        self.assertEqual(self.counts("journal")["lineages"], len(ones) // 16)
        another, behind = struct.pack("<QQ", 4711, lowest), struct.pack("<QQ", 4711, 1 << 40)
        for what, entries, known in (
            ("an opening that died", ones + another, len(ones) // 16),
            ("a repair cut the log below it", behind + ones, len(ones) // 16 + 1),
            ("an older build had the log open", another, 0),
            ("none", b"", 0),
        ):
            with self.subTest(what):
                bytes_ = head + struct.pack("<QI", lowest, len(entries) // 16) + entries
                path.write_bytes(bytes_ + struct.pack("<I", crc32c(bytes_)))
                self.assertEqual(self.counts("journal")["lineages"], known)
        path.unlink()
        self.assertEqual(self.counts("journal")["lineages"], 0)

    def test_settled_segments_are_walked(self):
        written, found = self.write("settled"), self.counts("settled")
        for name in ("segments", "batches", "records", "bytes", "compressed", "end", "last_position"):
            self.assertEqual(found[name], written[name], name)
        self.assertGreater(found["segments"], 1)
        self.assertGreater(found["compressed"], 0)
        self.assertGreater(found["index_entries"], 10)
        self.assertEqual(found["checksums"], 2 * found["batches"] + found["segments"])
        self.assertTrue(found["dense"])

    def test_compacted_segments_are_walked(self):
        written, found = self.write("compacted", directory="settled"), self.counts("settled")
        for name in ("segments", "batches", "records", "end", "clean_until", "tombstones_complete_from"):
            self.assertEqual(found[name], written[name], name)
        self.assertGreater(found["segments"], 1)
        self.assertGreater(found["horizons"], 0)
        self.assertGreater(found["tombstones_complete_from"], 0)
        self.assertFalse(found["dense"])
        self.assert_damage("settled", self.directory / "settled" / "compaction", 20)

    def test_a_flipped_bit_of_a_settled_segment_is_found(self):
        self.write("settled")
        for suffix, byte in ((".log", 5000), (".index", 20), (".timeindex", 20), (".commits", 100)):
            path = sorted((self.directory / "settled").glob("*" + suffix))[0]
            with self.subTest(path=path):
                self.assert_damage("settled", path, byte)

    def test_a_settled_file_that_ends_anywhere_else_is_damage(self):
        self.write("settled")
        for suffix in (".log", ".index", ".timeindex", ".commits"):
            path = sorted((self.directory / "settled").glob("*" + suffix))[0]
            whole = path.read_bytes()
            for size in (0, 1, 10, 31, len(whole) // 2 | 1, len(whole) - 1):
                with self.subTest(path=path, size=size):
                    path.write_bytes(whole[:size])
                    said = self.read("settled")
                    self.assertEqual(said.returncode, 1, said.stdout)
                    self.assertIn(f"{path.with_suffix('')}", said.stderr)
                    self.assertIn(" at byte ", said.stderr)
            path.write_bytes(whole)

    def test_a_settled_segment_that_is_missing_is_found(self):
        self.write("settled")
        lost, behind = sorted((self.directory / "settled").glob("*.log"))[1:3]
        for path in self.directory.glob(f"settled/{lost.stem}.*"):
            path.unlink()
        said = self.read("settled")
        self.assertEqual(said.returncode, 1, said.stdout)
        self.assertIn(f"{behind.with_suffix('.commits')} at byte 16: ", said.stderr)


if __name__ == "__main__":
    unittest.main()
