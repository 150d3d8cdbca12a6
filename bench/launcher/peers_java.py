# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""The Kafka Streams programs: built by Maven outside of the source tree, and how they are started."""
import os
import pathlib
import subprocess

from report import Failed

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = pathlib.Path(__file__).resolve().parents[1] / "peers"
TUNED_MACHINE = ["-Xms512m", "-Xmx1g", "-XX:+UseParallelGC"]
TUNED = {
    # What both emit and keep is the same: an output for each update, state in memory, the commit interval.
    "store": "memory",
    "commit_interval_ms": 100,
    "cache_bytes": 0,
    # Larger requests; the table's topic is its changelog.
    "batch_bytes": 262_144,
    "set.topology.optimization": "all",
    # A restarted instance is known by its name and need not wait until its former self is given up.
    "instance": "one",
}
ROCKSDB = {**TUNED, "store": "rocksdb"}
DEFAULTS = "kafka-streams-defaults"
# What a system sets; the first is what the others are compared with.
SYSTEMS = {
    "kafka-streams": TUNED,
    "kafka-streams-rocksdb": ROCKSDB,
    # KIP-892: a store takes the writes of a transaction only when it commits, and so is still good after a crash.
    "kafka-streams-transactional": {**ROCKSDB, "set.enable.transactional.statestores": "true"},
    # KIP-1071: the broker assigns the tasks. It refuses a name that a killed instance has not given back, and that ends the program:
    # without one, a restarted instance waits until the former one is given up.
    "kafka-streams-protocol": {**TUNED, "instance": "", "set.group.protocol": "streams"},
    DEFAULTS: {},
}


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(base) / "millrace" / "bench-peers"


def build():
    """Builds what is out of date; the directory with the jars."""
    target = cache()
    jar = target / "bench-peers.jar"
    sources = [SOURCE / "pom.xml", *SOURCE.rglob("*.java")]
    if jar.exists() and jar.stat().st_mtime > max(file.stat().st_mtime for file in sources):
        return target
    target.mkdir(parents=True, exist_ok=True)
    packages = f'set -euo pipefail; root="{ROOT}"; . "$root/tools/lib.sh"; ensure_packages kafka peers'
    if subprocess.run(["bash", "-c", packages], stdin=subprocess.DEVNULL, check=False).returncode != 0:
        raise Failed("Kafka Streams needs a Java compiler and Maven (tools/packages.txt, groups kafka and peers)")
    done = subprocess.run(["mvn", "-B", "-q", "-f", str(SOURCE / "pom.xml"), "package", f"-Dpeers.build={target}"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # fmt: skip
    if done.returncode != 0:
        raise Failed(f"the Kafka Streams programs could not be built:\n{done.stdout.strip()[-3000:]}")
    return target


def command(home, system, **values):
    """A system's program; only kafka-streams-defaults has the defaults of Java too."""
    machine = [] if system == DEFAULTS else TUNED_MACHINE
    values.update(SYSTEMS[system])
    libraries = ":".join([str(home / "bench-peers.jar"), *sorted(str(jar) for jar in (home / "libs").glob("*.jar"))])
    return ["java", *machine, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", libraries, "io.millrace.bench.Main",
            *(f"{name}={value}" for name, value in values.items())]  # fmt: skip
