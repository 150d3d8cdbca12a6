# SPDX-License-Identifier: Apache-2.0
# Copyright The Millrace Authors
"""Kafka's own command-line tools, run from the cache."""
import os

from . import jars

CLASSES = {
    "acls": "org.apache.kafka.tools.AclCommand",
    "broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "configs": "kafka.admin.ConfigCommand",
    "console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "dump-log": "org.apache.kafka.tools.DumpLogSegments",
    "features": "org.apache.kafka.tools.FeatureCommand",
    "get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "groups": "org.apache.kafka.tools.GroupsCommand",
    "leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
    "log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
    "producer-perf-test": "org.apache.kafka.tools.ProducerPerformance",
    "reassign-partitions": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    "storage": "kafka.tools.StorageTool",
    "topics": "org.apache.kafka.tools.TopicCommand",
    "transactions": "org.apache.kafka.tools.TransactionsCommand",
}
WITHOUT_ADDRESS = {"dump-log", "producer-perf-test", "storage"}


def run(cluster, name, arguments):
    """Becomes the tool. The address of the cluster in the directory is added for the tools that take one."""
    short = name.removeprefix("kafka-").removesuffix(".sh")
    if "." not in short and short not in CLASSES:
        from . import Failure
        raise Failure(f"no tool is called {name}; there are {', '.join(sorted(CLASSES))}, or name a class", 2)
    if short in CLASSES and short not in WITHOUT_ADDRESS and "--bootstrap-server" not in arguments and cluster.read():
        arguments = ["--bootstrap-server", cluster.address(), *arguments]
    command = [jars.java(), "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
               "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", jars.classpath(), CLASSES.get(short, short), *arguments]
    os.execv(command[0], command)
