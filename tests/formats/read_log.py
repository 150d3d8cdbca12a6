#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Reads a log directory, or settled segments, by nothing but docs/formats: journal.md (with the index entries of
control_file.md), lineages.md, record_batch.md, settled_segment.md.

  read_log.py journal DIR   walks the journal of the log in DIR, and compares checkpoint and index files with it
  read_log.py settled DIR   walks all settled segments in DIR

Prints counts as JSON. Checks each checksum, the chain of the frames, and that offsets follow each other; bodies that are
compressed are counted, not opened. The first thing that is not as the pages say ends it with exit code 1 and one line that
names file and byte. Standard library only.
"""
import json
import struct
import sys
from pathlib import Path

from record_batches import Batch, Counts, Damage, Reader, checked, crc32c


class Journal:
    FRAME = struct.Struct("<4sHHIIQQQQqIIIIII")
    ENTRY = struct.Struct("<iiqIIII")
    NOT_INDEXED = (1, 2)

    def __init__(self, directory):
        self.directory = Path(directory)
        version = self.directory / "version"
        word, number, log_id = version.read_text().split()
        if word != "millrace-log" or number not in ("1", "2", "3"):
            raise Damage(version, 0, f"{word} {number} is no version that is known")
        self.log_id = int(log_id, 16)
        self.counts = Counts()
        self.previous = self.position = 0
        self.indexed = self.checkpoints = self.removed = self.lineages = 0
        self.frames, self.batches = {0: 0}, []

    def walk(self):
        head = self.find_begin(self.directory / "checkpoint")
        self.walk_frames()
        self.check_checkpoint(self.directory / "checkpoint", *head)
        for path in sorted((self.directory / "journal").glob("[0-9]*.batches")):
            self.check_index(path)
        counts = {"index_files": self.indexed, "checkpoints": self.checkpoints, "lineages": self.lineages, "removed": self.removed}
        return {**counts, **self.counts.shown("frames")}

    def find_begin(self, path):
        """Where the journal begins, whose first segments may have been settled and removed."""
        reader = Reader(checked(path, b"ZCKP"))
        head = reader.fields("<IQIIQ")
        self.begin = reader.fields("<Q")[0] if head[0] >= 2 else 0
        self.previous = reader.fields("<I")[0] if head[0] >= 3 else 0
        self.position, self.frames = self.begin, {self.begin: self.previous}
        return reader, head

    def check_checkpoint(self, path, reader, head):
        """Written when the last member left: it speaks of the end of the log."""
        version, log_id, _, checksum, position = head
        if version not in (1, 2, 3, 4, 5, 6, 7) or (log_id, position, checksum) != (self.log_id, self.position, self.previous):
            raise Damage(path, 4, "the checkpoint is not that of the end of this log")
        catalog = [reader.text() for _ in range(*reader.fields("<I"))]
        ends = [end for (end,) in reader.table("<q")]
        settled = version >= 3 and [end for (end,) in reader.table("<q")] or [0] * len(ends)
        starts = version >= 4 and [start for (start,) in reader.table("<q")] or [0] * len(ends)
        if any(start > end for start, end in zip(starts, settled)):
            raise Damage(path, 0, "a partition begins behind what is settled")
        self.removed = sum(starts)
        reader.table("<iiiq")
        for _ in range(*reader.fields("<I")):
            reader.text()
            _, frame = reader.fields("<qQ")
            if version >= 3 and frame < self.begin:
                reader.fields("<IQ"), reader.table("<iiq")
        deleted = {record[1:5] for record in catalog if record[:1] == b"\4"}
        for topic, partition, row in self.rows(catalog):
            if struct.pack("<i", topic) not in deleted and ends[row] != self.counts.ends.get((topic, partition), settled[row]):
                raise Damage(path, 0, f"the next offset of partition {partition} of topic {topic} is another one")
        if reader.at != len(reader.data):
            self.check_lineages(self.directory / "lineages", *reader.fields("<Q"))
        if reader.at != len(reader.data):
            raise Damage(path, reader.at, "the checkpoint is longer than its tables and its lineage")
        self.checkpoints += 1

    def check_lineages(self, path, current):
        """Whether the one of the checkpoint is there. Entries behind it do not count; after a repair the log may end before one began."""
        if not path.exists():
            return
        reader = Reader(checked(path, b"ZLIN"))
        version, log_id, lowest = reader.fields("<IQQ")
        lineages = reader.table("<QQ")
        if (version, log_id, reader.at) != (1, self.log_id, len(reader.data)):
            raise Damage(path, 4, "the lineages are not those of this log")
        if any(begin < lowest for _, begin in lineages):
            raise Damage(path, 0, "a lineage began below the lowest position")
        numbers = [lineage for lineage, _ in lineages]
        self.lineages = numbers.index(current) + 1 if current in numbers else 0

    def rows(self, catalog):
        """Of all partitions: those that topics were created with, and those that were added."""
        for record in (Reader(record) for record in catalog):
            tag = record.take(1)
            if tag == b"\1":
                topic, row, after = record.fields("<iIi")
                before = 0
            elif tag == b"\5":
                topic, before, after, row = record.fields("<iiiI")
            else:
                continue
            for partition in range(before, after):
                yield topic, partition, row + partition - before

    def check_index(self, path):
        """That it names all batches of its segment, but those of __positions and __producers."""
        reader = Reader(checked(path, b"ZSIX"))
        version, log_id, start, end, before, last = reader.fields("<IQQQII")
        if (version, log_id, start) != (3, self.log_id, int(path.stem)) or (self.frames.get(start), self.frames.get(end)) != (before, last):
            raise Damage(path, 4, "the index file is that of another segment")
        found = []
        for _ in range(*reader.fields("<I")):
            topic, partition = reader.fields("<ii")
            found += [(topic, partition, *entry) for entry in reader.table("<qQIIq")]
        if reader.at != len(reader.data):
            raise Damage(path, reader.at, "the index file is longer than its entries")
        expected = [batch for batch in self.batches if start <= batch[3] < end and batch[0] not in self.NOT_INDEXED]
        if sorted(found) != sorted(expected):
            raise Damage(path, 0, "the index file names other batches than the segment has")
        self.indexed += 1

    def walk_frames(self):
        paths = [path for path in sorted((self.directory / "journal").glob("[0-9]*.journal")) if int(path.stem) >= self.begin]
        for number, path in enumerate(paths):
            start, data = int(path.stem), path.read_bytes()
            last = number + 1 == len(paths)
            end = len(data) if last else int(paths[number + 1].stem) - start
            at = 0
            while at < end:
                size = self.frame(path, data, at, end, start + at)
                if not size:
                    break
                at += size
            if at < end and not (last and not any(data[at:])):
                raise Damage(path, at, "these bytes are no frame, and no end of the log")

    def frame(self, path, data, at, end, position):
        """Its size; 0 where zeros begin: the end of the log, if nothing else follows."""
        if end - at < self.FRAME.size or data[at:at + 4] == b"\0\0\0\0":
            return 0
        (magic, version, header, size, entries, says, durable, log_id, _, _, _, _, _, previous, zero, checksum) = self.FRAME.unpack_from(data, at)
        if (magic, header) != (b"MRFR", self.FRAME.size) or version not in (1, 2, 3, 4):
            raise Damage(path, at, f"a frame begins with {magic!r}, version {version} and a header of {header} bytes")
        table = self.FRAME.size + entries * self.ENTRY.size
        if size % 8 or not table <= size <= end - at:
            raise Damage(path, at, f"a frame has {size} bytes, {entries} entries")
        if (says, log_id, previous) != (position, self.log_id, self.previous):
            raise Damage(path, at, "the frame belongs elsewhere, or the one before is another")
        if durable > position or zero:
            raise Damage(path, at, f"a frame at {position} says that {durable} is durable, and has {zero} where 0 has to be")
        without_sum = data[at:at + self.FRAME.size - 4] + b"\0\0\0\0" + data[at + self.FRAME.size:at + table]
        if crc32c(without_sum) != checksum:
            raise Damage(path, at, "the frame does not match its checksum")
        for number in range(entries):
            entry = self.ENTRY.unpack_from(data, at + self.FRAME.size + number * self.ENTRY.size)
            self.batch(path, data, at, size, position, entry)
        self.previous, self.position = checksum, position + size
        self.frames[self.position] = checksum
        self.counts.frames += 1
        self.counts.checksums += 1
        self.counts.bytes += size
        return size

    def batch(self, path, data, frame, frame_size, position, entry):
        topic, partition, base, size, crc, offsets, start = entry
        at = frame + start
        if start % 8 or start + size > frame_size:
            raise Damage(path, frame, f"a batch lies at {start} with {size} bytes, outside of its frame")
        distance, complement = struct.unpack_from("<II", data, at - 8)
        if distance != frame_size - start or distance ^ complement != 0xFFFFFFFF:
            raise Damage(path, at - 8, "the bytes before a batch do not say where its frame ends")
        batch = Batch(data[at:at + size], path, at)
        if batch.base < self.counts.ends.get((topic, partition), 0):
            raise Damage(path, at, f"the batch at offset {batch.base} of partition {partition} of topic {topic} goes back")
        if (batch.base, batch.size, batch.crc, batch.last_delta + 1) != (base, size, crc, offsets):
            raise Damage(path, at, "the batch is not the one of its entry")
        self.counts.add((topic, partition), batch)
        self.batches.append((topic, partition, batch.end, position + start, batch.size, start, batch.max_time))


class Settled:
    HEADER = struct.Struct("<4sHHqQII")
    COMMIT = struct.Struct("<qQqII")
    INDEX_INTERVAL = 4096

    def __init__(self, directory):
        self.directory = Path(directory)
        self.counts = Counts()
        self.index_entries = self.time_entries = self.position = self.horizons = 0
        self.clean_until = self.tombstones_complete_from = 0

    def compaction(self, path):
        """How far the segments were compacted; without the file they were not."""
        if not path.exists():
            return
        fields = Reader(checked(path, b"MRCP"))
        version, size, self.clean_until, self.tombstones_complete_from, _, zero = fields.fields("<HHqqqI")
        if (version, size, zero, fields.at) != (1, 40, 0, len(fields.data)):
            raise Damage(path, 4, "the file is not of version 1")

    def walk(self):
        for path in self.directory.glob("[0-9]*.commits.swap"):
            raise Damage(path, 0, "a segment replaces others, which is not complete: open the log for writing")
        removed = max((int(path.name[:20]) for path in self.directory.glob("[0-9]*.log.deleted")), default=-1)
        paths = [path for path in sorted(self.directory.glob("[0-9]*.log")) if int(path.stem) > removed]
        for number, path in enumerate(paths):
            self.segment(path, number + 1 == len(paths))
        self.compaction(self.directory / "compaction")
        return {"segments": len(paths), "horizons": self.horizons, "clean_until": self.clean_until,
                "tombstones_complete_from": self.tombstones_complete_from, "index_entries": self.index_entries, "time_entries": self.time_entries,
                "end": self.counts.ends.get(0, 0), "last_position": self.position, **self.counts.shown()}

    def segment(self, path, last):
        base, data = int(path.stem), path.read_bytes()
        beside = path.with_suffix(".commits")
        commits = self.commits(beside, base)
        index, times, at, number = [], [], 0, 0
        largest, indexed = (-1, 0), 0

        def add_time():
            if largest[0] > (times[-1][0] if times else -1):
                times.append(largest)

        while at < len(data):
            batch = Batch(data[at:], path, at)
            if batch.leader_epoch != 0 or batch.base < max(base, self.counts.ends.get(0, base)):
                raise Damage(path, at, f"the batch at offset {batch.base} has leader epoch {batch.leader_epoch}, or is out of order")
            if number == len(commits) or commits[number] != batch.base:
                raise Damage(beside, self.HEADER.size + number * self.COMMIT.size, f"the entry is not that of offset {batch.base}")
            if batch.max_time > largest[0]:
                largest = (batch.max_time, batch.end - 1 - base)
            if at - indexed > self.INDEX_INTERVAL:
                index.append((batch.end - 1 - base, at))
                indexed = at
                add_time()
            self.counts.add(0, batch)
            self.horizons += batch.horizon
            at += batch.size
            number += 1
        if not last:
            add_time()
        if number != len(commits):
            raise Damage(path, at, f"{len(commits) - number} batches are missing at the end")
        self.expect(path.with_suffix(".index"), ">ii", index)
        self.expect(path.with_suffix(".timeindex"), ">qi", times)
        self.counts.bytes += at
        self.index_entries += len(index)
        self.time_entries += len(times)

    def commits(self, path, base):
        """The base offsets of its entries."""
        data, bases = path.read_bytes(), []
        if len(data) < self.HEADER.size or len(data) % self.COMMIT.size:
            raise Damage(path, len(data), "the file ends inside of its header or of an entry")
        magic, version, header, says, in_front, _, checksum = self.HEADER.unpack_from(data)
        if (magic, version, header, says, checksum) != (b"MRCM", 1, self.HEADER.size, base, crc32c(data[:28])):
            raise Damage(path, 0, "the header is not that of these commits")
        if self.counts.batches and in_front != self.counts.ends[0]:
            raise Damage(path, 16, f"the segment in front ends at {self.counts.ends[0]}, not at {in_front}: one is missing")
        for at in range(self.HEADER.size, len(data), self.COMMIT.size):
            offset, position, _, _, checksum = self.COMMIT.unpack_from(data, at)
            if crc32c(data[at:at + 28]) != checksum:
                raise Damage(path, at, "the entry does not match its checksum")
            if position < self.position:
                raise Damage(path, at, f"position {position} lies before {self.position}")
            bases.append(offset)
            self.position = position
        self.counts.checksums += len(bases) + 1
        return bases

    @staticmethod
    def expect(path, form, entries):
        data, size = path.read_bytes(), struct.calcsize(form)
        if len(data) % size:
            raise Damage(path, len(data), "the file ends inside of an entry")
        found = [struct.unpack_from(form, data, at) for at in range(0, len(data), size)]
        if found != entries:
            wrong = next((n for n, (a, b) in enumerate(zip(found, entries)) if a != b), min(len(found), len(entries)))
            raise Damage(path, wrong * size, "the entry is not the one that follows from the .log file")


def main():
    kinds = {"journal": Journal, "settled": Settled}
    if len(sys.argv) != 3 or sys.argv[1] not in kinds:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(json.dumps(kinds[sys.argv[1]](sys.argv[2]).walk()))
    except (Damage, OSError, ValueError, struct.error) as wrong:
        print(f"read_log.py: {wrong}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
