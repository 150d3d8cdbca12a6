# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""A cluster in a directory: its record, its brokers' configuration, starting, stopping, failing."""
import base64
import contextlib
import fcntl
import json
import os
import random
import re
import secrets
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

from . import NOT_UP, Failure, jars, processes, security, wire

# What a cluster has in its directory, beside its record.
OWN_FILES = {"state.json.fresh", "tls", "watcher.log"}
OWN_DIRECTORY = re.compile(r"broker-\d+")
START_SECONDS = 300
ATTEMPTS = 5
STOP_GRACE_SECONDS = 3
BROKER_STOP_SECONDS = 40
LOWEST_PORT, HIGHEST_PORT = 10240, 32000
"""Below the range of outgoing connections, so that a killed broker finds its port free when it comes back."""


def default_directory():
    """The directory of the cluster when none is named."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "millrace-kafka" if runtime else Path(f"/tmp/millrace-kafka-{os.getuid()}")


def free_ports(count):
    """Ports of the loopback interface that nobody listens on, all different."""
    generator, ports = random.SystemRandom(), []
    while len(ports) < count:
        port = generator.randrange(LOWEST_PORT, HIGHEST_PORT)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                if port not in ports:
                    ports.append(port)
    return ports


def uuid():
    """A random id in Kafka's spelling; one that begins with a dash would be taken for an option."""
    while True:
        value = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        if not value.startswith("-"):
            return value


class Cluster:
    """The cluster in `directory`. Methods that change it hold the directory's lock."""

    def __init__(self, directory, say):
        self.directory = Path(directory).absolute()
        self.say = say
        self.state = None

    # --- the record ---

    @contextlib.contextmanager
    def locked(self, create=False):
        """Holds the lock of the directory and reads the record."""
        while True:
            if create:
                self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                handle = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:
                self.state = None
                yield
                return
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                if self.same(handle):
                    self.read()
                    yield
                    return
            finally:
                os.close(handle)

    def same(self, handle):
        """True when the directory locked is still the one at the path."""
        try:
            return os.path.samestat(os.fstat(handle), os.stat(self.directory))
        except FileNotFoundError:
            return False

    def read(self):
        try:
            self.state = json.loads((self.directory / "state.json").read_text())
        except (FileNotFoundError, NotADirectoryError):
            self.state = None
        return self.state

    def write(self):
        fresh = self.directory / "state.json.fresh"
        fresh.write_text(json.dumps(self.state, indent=1))
        fresh.chmod(0o600)
        fresh.rename(self.directory / "state.json")

    def broker(self, number):
        for broker in self.need_state()["brokers"]:
            if broker["id"] == number:
                return broker
        raise Failure(f"there is no broker {number} in this cluster: they are 1 to {len(self.state['brokers'])}", 2)

    def need_state(self):
        if self.state is None:
            raise Failure(f"there is no cluster in {self.directory}", NOT_UP)
        return self.state

    def address(self, listener="PLAINTEXT"):
        return ",".join(f"127.0.0.1:{broker['listeners'][listener]}" for broker in self.state["brokers"])

    def home(self, broker):
        return self.directory / f"broker-{broker['id']}"

    # --- up and down ---

    def up(self, options):
        """Starts the cluster, or finds it started; the address of its brokers."""
        with self.locked(create=True):
            if self.state is not None and any(processes.alive(broker["process"]) for broker in self.state["brokers"]):
                return self.address()
            if self.state is not None:
                self.remove()
                self.directory.mkdir(mode=0o700, exist_ok=True)
            if any(self.directory.iterdir()):
                raise Failure(f"{self.directory} has files in it that are not a cluster's; name another directory", 2)
            self.state = {"brokers": [], "watcher": None, "options": options}
            try:
                self.write()
                self.watch(options)
                self.start_all(options)
            except BaseException:
                self.remove()
                raise
            return self.address()

    def start_all(self, options):
        for attempt in range(ATTEMPTS):
            self.configure(options)
            for broker in self.state["brokers"]:
                self.launch(broker)
            if self.wait_ready(last=attempt + 1 == ATTEMPTS):
                return
            self.say("a port was taken meanwhile; trying others")
            processes.end([broker["process"] for broker in self.state["brokers"]], 0)
            for broker in self.state["brokers"]:
                shutil.rmtree(self.home(broker), ignore_errors=True)

    def configure(self, options):
        """Chooses ports and ids, writes each broker's settings and formats its data directory."""
        listeners = security.listeners(options)
        count, width = options["brokers"], len(listeners) + 1
        ports = free_ports(count * width)
        self.state["cluster_id"] = uuid()
        self.state["brokers"] = [
            {"id": index + 1, "controller_port": ports[index * width], "process": None,
             "listeners": dict(zip(listeners, ports[index * width + 1:(index + 1) * width]))}
            for index in range(count)]
        security.prepare(self.directory, self.state, options)
        for broker in self.state["brokers"]:
            home = self.home(broker)
            home.mkdir(mode=0o700)
            settings = self.settings(broker, options)
            (home / "server.properties").write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
            self.format(broker, options)
        self.write()

    def settings(self, broker, options):
        """The broker's server.properties; what the caller set comes last and wins."""
        brokers = self.state["brokers"]
        copies = 3 if len(brokers) >= 3 else 1
        listeners = ",".join(f"{name}://127.0.0.1:{port}" for name, port in broker["listeners"].items())
        settings = {
            "process.roles": "broker,controller",
            "node.id": broker["id"],
            "controller.quorum.voters": ",".join(f"{b['id']}@127.0.0.1:{b['controller_port']}" for b in brokers),
            "listeners": f"{listeners},CONTROLLER://127.0.0.1:{broker['controller_port']}",
            "advertised.listeners": listeners,
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": ",".join(
                ["CONTROLLER:PLAINTEXT"] + [f"{name}:{name}" for name in broker["listeners"]]),
            "log.dirs": self.home(broker) / "data",
            "offsets.topic.num.partitions": 4,
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.num.partitions": 4,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": 2 if copies == 3 else 1,
            "share.coordinator.state.topic.num.partitions": 2,
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": 2 if copies == 3 else 1,
            "default.replication.factor": copies,
            "min.insync.replicas": 2 if copies == 3 else 1,
            "group.initial.rebalance.delay.ms": 0,
            "auto.create.topics.enable": "false",
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
            "broker.heartbeat.interval.ms": 500,
            "broker.session.timeout.ms": 4000,
            "num.network.threads": 2,
            "num.io.threads": 4,
            "num.replica.fetchers": 1,
            "num.recovery.threads.per.data.dir": 1,
            "background.threads": 2,
            "log.cleaner.threads": 1,
            "log.cleaner.dedupe.buffer.size": 8 << 20,
            "log.cleaner.io.buffer.size": 128 << 10,
            "log.segment.delete.delay.ms": 1000,
            "controlled.shutdown.enable": "true",
        }
        settings.update(security.settings(self.directory, self.state, options))
        settings.update(setting.split("=", 1) for setting in options["settings"])
        return settings

    def format(self, broker, options):
        """Formats a data directory. The plain case needs no Java: what differs between clusters is one small text file."""
        home = self.home(broker)
        scram = security.scram(self.state, options)
        if scram or options["features"]:
            jars.run_storage_tool(home / "server.properties", self.state["cluster_id"], options["features"], scram)
            return
        data = home / "data"
        shutil.copytree(jars.formatted(), data)
        (data / "meta.properties").write_text(f"version=1\ncluster.id={self.state['cluster_id']}\nnode.id={broker['id']}\n"
                                              f"directory.id={uuid()}\n")

    def launch(self, broker):
        """Starts one broker's process and records it."""
        options, home = self.state["options"], self.home(broker)
        heap = options["heap"] or (384 if options["brokers"] == 1 else 256)
        command = [jars.java(), f"-Xmx{heap}m", f"-Xms{min(heap, 64)}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                   "-XX:-UsePerfData", "-Djava.awt.headless=true", f"-Djava.io.tmpdir={home}",
                   f"-Dorg.slf4j.simpleLogger.defaultLogLevel={options['log_level']}",
                   "-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
                   *options["java_options"], "-cp", jars.classpath(), "kafka.Kafka", str(home / "server.properties")]

        def record(process):
            broker["process"] = process
            self.write()

        processes.spawn(command, home / "broker.log", record)

    def watch(self, options):
        """Starts the process that takes the cluster down when the watched one ends."""
        if not options["watch_pid"]:
            return
        watched = processes.identity(options["watch_pid"])
        if watched is None:
            raise Failure(f"there is no process {options['watch_pid']} to watch", 2)

        def record(process):
            self.state["watcher"] = process
            self.write()

        script = Path(__file__).resolve().parent.parent / "kafka"
        command = [sys.executable, "-B", str(script), "watch", "--dir", str(self.directory), "--pid", str(watched["pid"]),
                   "--start-time", str(watched["start_time"])]
        processes.spawn(command, self.directory / "watcher.log", record)

    def wait_ready(self, last):
        """Waits for every broker and the internal topics. False when a port was taken and another attempt is left."""
        brokers = self.state["brokers"]
        ids = [broker["id"] for broker in brokers]
        end = time.monotonic() + START_SECONDS
        pending = [lambda port=broker["listeners"]["PLAINTEXT"]: wire.broker_ids(port)[0] == ids for broker in brokers]
        first = brokers[0]["listeners"]["PLAINTEXT"]
        pending += [lambda kind=kind: wire.coordinator(first, kind, "millrace-ready") in ids
                    for kind in (wire.GROUP, wire.TRANSACTION)]
        while pending:
            with contextlib.suppress(OSError):
                if pending[0]():
                    pending.pop(0)
                    continue
            for broker in brokers:
                if not processes.alive(broker["process"]):
                    log = self.tail(broker)
                    if "Address already in use" in log and not last:
                        return False
                    raise Failure(f"broker {broker['id']} ended while it started:\n{log}")
            if time.monotonic() > end:
                raise Failure(f"the brokers were not ready in {START_SECONDS} s:\n{self.tail(brokers[0])}")
            time.sleep(processes.TICK_SECONDS)
        return True

    def tail(self, broker):
        """The end of a broker's log."""
        with contextlib.suppress(FileNotFoundError):
            return "\n".join((self.home(broker) / "broker.log").read_text(errors="replace").splitlines()[-25:])
        return ""

    def down(self):
        """Stops what was started and removes the directory. False when there was nothing."""
        with self.locked():
            if self.state is None:
                return False
            self.remove()
            return True

    def remove(self):
        watcher = self.state["watcher"]
        victims = [broker["process"] for broker in self.state["brokers"]]
        if watcher and watcher["pid"] != os.getpid():
            victims.append(watcher)
        processes.end(victims, STOP_GRACE_SECONDS)
        # The record goes last: while it is there, another attempt can finish what this one could not.
        for entry in self.directory.iterdir():
            if entry.name in OWN_FILES or OWN_DIRECTORY.fullmatch(entry.name):
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        (self.directory / "state.json").unlink()
        # Files of others stay, and their directory with them.
        if not any(self.directory.iterdir()):
            self.directory.rmdir()
        self.state = None

    # --- single brokers ---

    def stop(self, number):
        """Ends one broker in order; its partitions have moved when this returns."""
        with self.locked():
            processes.end([self.broker(number)["process"]], BROKER_STOP_SECONDS)

    def kill(self, number):
        """Ends one broker at once."""
        with self.locked():
            processes.end([self.broker(number)["process"]], 0)

    def start(self, number, wait):
        """Starts a broker that is not running, on its old ports and data."""
        with self.locked():
            broker = self.broker(number)
            if processes.alive(broker["process"]):
                return
            self.launch(broker)
            if wait and not processes.wait_until(lambda: self.answers(broker), START_SECONDS):
                raise Failure(f"broker {number} was not ready in {START_SECONDS} s:\n{self.tail(broker)}")

    def answers(self, broker):
        """True when the broker counts itself among the live ones."""
        if not processes.alive(broker["process"]):
            raise Failure(f"broker {broker['id']} ended while it started:\n{self.tail(broker)}")
        try:
            return broker["id"] in wire.broker_ids(broker["listeners"]["PLAINTEXT"])[0]
        except OSError:
            return False

    def signal(self, number, what):
        """Freezes or thaws one broker; it has come to a stand when this returns."""
        with self.locked():
            broker = self.broker(number)
            if not processes.send(broker["process"], what):
                raise Failure(f"broker {number} is not running", NOT_UP)
            processes.wait_until(lambda: processes.frozen(broker["process"]) == (what == signal.SIGSTOP), 5)

    # --- looking ---

    def status(self):
        """What a program wants to know of the cluster; None when there is none."""
        self.read()
        if self.state is None:
            return None
        brokers = [{"id": broker["id"], "address": f"127.0.0.1:{broker['listeners']['PLAINTEXT']}", "health": self.health(broker),
                    "pid": broker["process"]["pid"] if processes.alive(broker["process"]) else None,
                    "log": str(self.home(broker) / "broker.log"), "data": str(self.home(broker) / "data")}
                   for broker in self.state["brokers"]]
        names = self.state["brokers"][0]["listeners"] if self.state["brokers"] else []
        watcher = self.state["watcher"]
        return {"address": self.address(), "listeners": {name: self.address(name) for name in names}, "kafka": jars.version(),
                "directory": str(self.directory), "cluster_id": self.state.get("cluster_id"), "brokers": brokers,
                "watcher": watcher["pid"] if processes.alive(watcher) else None,
                **security.status(self.directory, self.state, self.state["options"])}

    def health(self, broker):
        """One word: up, frozen, starting (it runs and does not answer, or does not count itself live), down."""
        if not processes.alive(broker["process"]):
            return "down"
        if processes.frozen(broker["process"]):
            return "frozen"
        try:
            return "up" if broker["id"] in wire.broker_ids(broker["listeners"]["PLAINTEXT"], 1.0)[0] else "starting"
        except OSError:
            return "starting"
