# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""RecordBatches and checksums, by nothing but docs/formats/record_batch.md: what read_log.py reads everything with."""
import struct


def crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = crc_table()


def crc32c(data):
    table, crc = CRC_TABLE, 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


class Damage(Exception):
    def __init__(self, path, byte, reason):
        super().__init__(f"{path} at byte {byte}: {reason}")


class Reader:
    """Takes values off the front of some bytes."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if size < 0 or self.at + size > len(self.data):
            raise ValueError("it ends too early")
        self.at += size
        return self.data[self.at - size:self.at]

    def fields(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def table(self, form):
        (count,) = self.fields("<I")
        return [self.fields(form) for _ in range(count)]

    def text(self):
        return self.take(*self.fields("<H"))

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
            if shift > 63:
                raise ValueError("a number is too long")

    def bytes_or_null(self):
        size = self.varint()
        return None if size == -1 else self.take(size)


def read_record(reader, last_delta, last_offset_delta):
    """The offset delta of the record, whose key and value are looked at and dropped."""
    body = Reader(reader.take(reader.varint()))
    body.take(1)
    body.varint()
    delta = body.varint()
    body.bytes_or_null()
    body.bytes_or_null()
    for _ in range(body.varint()):
        if body.bytes_or_null() is None:
            raise ValueError("a header has no key")
        body.bytes_or_null()
    if body.at != len(body.data):
        raise ValueError("it is longer than its fields")
    if not last_delta < delta <= last_offset_delta:
        raise ValueError(f"its offset delta is {delta}")
    return delta


class Batch:
    """A RecordBatch v2 at the front of some bytes, checked in full."""
    HEADER = struct.Struct(">qiibIhiqqqhii")

    def __init__(self, data, path, byte):
        if len(data) < self.HEADER.size:
            raise Damage(path, byte, "a batch is cut short")
        (self.base, length, self.leader_epoch, magic, self.crc, attributes, self.last_delta, _, self.max_time, _, _, _,
         self.count) = self.HEADER.unpack_from(data)
        self.size = length + 12
        if magic != 2:
            raise Damage(path, byte, f"a batch has magic {magic}")
        if not self.HEADER.size <= self.size <= len(data):
            raise Damage(path, byte, f"a batch has {self.size} bytes, there are {len(data)}")
        if crc32c(data[21:self.size]) != self.crc:
            raise Damage(path, byte, f"the batch at offset {self.base} does not match its checksum")
        self.codec = attributes & 7
        self.horizon = attributes >> 6 & 1
        self.dense = self.count == self.last_delta + 1
        if not self.codec:
            self.dense = self.read_records(data[self.HEADER.size:self.size], path, byte) and self.dense

    def read_records(self, body, path, byte):
        """Whether the last record is at the last offset."""
        reader, last = Reader(body), -1
        try:
            for _ in range(self.count):
                last = read_record(reader, last, self.last_delta)
        except ValueError as wrong:
            raise Damage(path, byte, f"a record of the batch at offset {self.base} is malformed: {wrong}") from wrong
        if reader.at != len(body):
            raise Damage(path, byte, f"the batch at offset {self.base} has bytes behind its last record")
        return last == self.last_delta

    @property
    def end(self):
        return self.base + self.last_delta + 1


class Counts:
    def __init__(self):
        self.frames = self.batches = self.records = self.compressed = self.checksums = self.bytes = 0
        self.dense = True
        self.ends = {}

    def add(self, partition, batch):
        self.batches += 1
        self.records += batch.count
        self.compressed += batch.codec != 0
        self.checksums += 1
        self.dense = self.dense and batch.dense and self.ends.get(partition, batch.base) == batch.base
        self.ends[partition] = batch.end

    def shown(self, *names):
        return {name: getattr(self, name) for name in ("batches", "records", "bytes", "compressed", "checksums", "dense", *names)}


def checked(path, magic):
    """The bytes of the file behind its magic and before its checksum."""
    data = path.read_bytes()
    if data[:4] != magic or len(data) < 8:
        raise Damage(path, 0, f"the file does not begin with {magic!r}")
    if crc32c(data[:-4]) != struct.unpack("<I", data[-4:])[0]:
        raise Damage(path, len(data) - 4, "the file does not match its checksum")
    return data[4:-4]
