# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""The broker's jars: fetched once by Maven into a cache outside the tree, then used offline."""
import fcntl
import os
import shutil
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from . import UNAVAILABLE, Failure

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
POM = HERE / "pom.xml"
FETCH_SECONDS = 600
REMEMBER_FAILURE_SECONDS = 300
UNREACHABLE = ("Could not transfer", "Unknown host", "UnknownHost", "Cannot access", "timed out", "refused", "No route to host",
               "Network is unreachable", "Temporary failure in name resolution")
FORMAT_SETTINGS = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093
controller.listener.names=CONTROLLER
log.dirs={directory}
"""


def version():
    """The version of Apache Kafka that the pom pins."""
    namespace = {"m": "http://maven.apache.org/POM/4.0.0"}
    return ElementTree.parse(POM).getroot().find("m:properties/m:kafka.version", namespace).text


def cache_directory():
    """Where the jars of this version are, or will be: $MILLRACE_KAFKA_CACHE, or a directory of the user's cache."""
    chosen = os.environ.get("MILLRACE_KAFKA_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "millrace" / f"kafka-{version()}"


def classpath():
    """The class path of everything in the cache, in a fixed order."""
    return ":".join(str(jar) for jar in sorted((cache_directory() / "libs").glob("*.jar")))


def java():
    """The path of Java 17 or later."""
    home = os.environ.get("JAVA_HOME")
    for candidate in ([os.path.join(home, "bin", "java")] if home else []) + ["java"]:
        found = shutil.which(candidate)
        if found:
            return found
    raise Failure("there is no Java on this machine (tools/packages.txt, group kafka); a broker cannot be started", UNAVAILABLE)


def formatted():
    """What a formatted data directory holds beside the file that names its cluster and broker."""
    return cache_directory() / "formatted"


def ready():
    """True when the cache is complete."""
    return (cache_directory() / "complete").exists() and formatted().exists()


def fetch(say, retry_now=False):
    """Fills the cache when it is empty. After a failure, the next attempts fail at once for some minutes unless `retry_now`."""
    if ready():
        java()
        return
    cache = cache_directory()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"the cache cannot be written: {error}")
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if ready():
            return
        failed = cache / "failed"
        if not retry_now and failed.exists() and time.time() - failed.stat().st_mtime < REMEMBER_FAILURE_SECONDS:
            raise Failure(failed.read_text(), UNAVAILABLE)
        try:
            install_packages(say)
            # A cache of an earlier build has the jars, which brokers may be using.
            if not (cache / "complete").exists():
                resolve(cache, say)
        except Failure as failure:
            if failure.code == UNAVAILABLE:
                failed.write_text(str(failure))
            raise
        prepare_format(cache)
        failed.unlink(missing_ok=True)
        (cache / "complete").touch()


def install_packages(say):
    """Installs Java and Maven with the tree's own script when they are missing."""
    if shutil.which("java") and shutil.which("mvn"):
        return
    script = f'set -euo pipefail; root="{ROOT}"; . "$root/tools/lib.sh"; ensure_packages kafka'
    outcome = subprocess.run(["bash", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
    if outcome.returncode != 0 or not shutil.which("mvn") or not shutil.which("java"):
        raise Failure("Java or Maven is missing and could not be installed (tools/packages.txt, group kafka)", UNAVAILABLE)
    say("installed Java and Maven")


def resolve(cache, say):
    """Copies the jars that the pom names, with all they need, into the cache."""
    say(f"fetching Apache Kafka {version()} from Maven Central into {cache} (once)")
    fresh = cache / "libs.fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    command = ["mvn", "-B", "-q", "-C", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={fresh}",
               "-DincludeScope=runtime"]
    try:
        outcome = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 timeout=FETCH_SECONDS)
        text, code = outcome.stdout, outcome.returncode
    except subprocess.TimeoutExpired:
        text, code = "timed out", 1
    if code != 0:
        (cache / "maven.log").write_text(text)
        if any(sign in text for sign in UNREACHABLE):
            raise Failure(f"Maven Central cannot be reached, so there is no Apache Kafka here (log: {cache}/maven.log)", UNAVAILABLE)
        raise Failure(f"Maven failed; the log is {cache}/maven.log")
    shutil.rmtree(cache / "libs", ignore_errors=True)
    fresh.rename(cache / "libs")


def prepare_format(cache):
    """Formats one data directory and keeps the part that is the same for every cluster, the levels of its features: a file
    `bootstrap.checkpoint`, since Kafka 4.4 the first snapshot of the cluster's metadata."""
    work = cache / "format"
    for old in (work, cache / "formatted"):
        shutil.rmtree(old, ignore_errors=True)
    work.mkdir()
    (work / "server.properties").write_text(FORMAT_SETTINGS.format(directory=work / "data"))
    run_storage_tool(work / "server.properties", "AAAAAAAAAAAAAAAAAAAAAA", [])
    (work / "data" / "meta.properties").unlink()
    (work / "data").rename(cache / "formatted")
    shutil.rmtree(work)


def run_storage_tool(properties, cluster_id, features, scram=None):
    """Formats the data directory that `properties` names."""
    command = [java(), "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classpath(), "kafka.tools.StorageTool", "format",
               "-c", str(properties), "-t", cluster_id]
    for feature in features:
        command += ["--feature", feature]
    if scram:
        command += ["--add-scram", scram]
    outcome = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if outcome.returncode != 0:
        raise Failure(f"the data directory could not be formatted: {outcome.stdout.strip()[-600:]}")
