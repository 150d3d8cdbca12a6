# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""The few requests of Kafka's protocol that tell whether a broker is ready."""
import socket
import struct

METADATA, FIND_COORDINATOR = 3, 10
GROUP, TRANSACTION = 0, 1


def text(value):
    encoded = value.encode()
    return struct.pack(">h", len(encoded)) + encoded


class Reader:
    """Takes fields off a response, in order."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        value = struct.unpack_from(">" + form, self.data, self.at)[0]
        self.at += struct.calcsize(">" + form)
        return value

    def string(self):
        length = self.take("h")
        if length < 0:
            return None
        value = self.data[self.at:self.at + length].decode()
        self.at += length
        return value


def receive(connection, count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise OSError("the connection was closed")
        data += part
    return data


def ask(port, key, api_version, body, timeout):
    """One request on a connection of its own. Raises OSError when there is no answer in time."""
    request = struct.pack(">hhi", key, api_version, 1) + text("tools/kafka") + body
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.settimeout(timeout)
        connection.sendall(struct.pack(">i", len(request)) + request)
        size = struct.unpack(">i", receive(connection, 4))[0]
        reader = Reader(receive(connection, size))
        reader.take("i")
        return reader


def broker_ids(port, timeout=2.0):
    """The ids of the live brokers as the one at this port knows them, and the controller's id (-1 while there is none)."""
    reader = ask(port, METADATA, 1, struct.pack(">i", 0), timeout)
    ids = []
    for _ in range(reader.take("i")):
        ids.append(reader.take("i"))
        reader.string()
        reader.take("i")
        reader.string()
    return sorted(ids), reader.take("i")


def coordinator(port, kind, name, timeout=5.0):
    """The broker that coordinates a group or a transactional id; None while the internal topic is not there yet."""
    reader = ask(port, FIND_COORDINATOR, 1, text(name) + struct.pack(">b", kind), timeout)
    reader.take("i")
    error = reader.take("h")
    reader.string()
    return reader.take("i") if error == 0 else None
