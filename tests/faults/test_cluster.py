"""A cluster of three brokers that loses a leader."""

from __future__ import annotations

import threading
import time

from kafka.structs import TopicPartition

from leadflow.log.kafka import Cluster
from local_kafka import LocalKafka, Node
from tests.deciders import deciding
from tests.faults.scenes import scene
from tests.kafka_broker import own_kafka


def test_a_cluster_loses_the_leader_of_a_partition(pg_url: str) -> None:
    with (
        own_kafka("cluster", 3) as kafka,
        scene(
            kafka.address, pg_url, "leader lost", partitions=2, kafka_replication=3, kafka_min_isr=2
        ) as played,
    ):
        played.open()
        with deciding(played.office.settings, kafka.address):
            played.load(30)
            played.decided()
            for _ in range(2):
                leader = _leader(kafka, played.office.cluster, played.office.names.events)
                load = threading.Thread(target=played.load, args=(40,))
                load.start()
                time.sleep(played.chance.uniform(0, 0.3))
                leader.kill()
                load.join()
                played.injected("SIGKILL of the broker that led a partition of the log")
                played.decided()
                kafka.start_node(leader)
            print(played.check())


def _leader(kafka: LocalKafka, cluster: Cluster, topic: str) -> Node:
    consumer = cluster.consumer("leader")
    try:
        consumer.partitions_for_topic(topic)
        number = consumer._cluster.leader_for_partition(TopicPartition(topic, 0))
    finally:
        consumer.close(autocommit=False)
    return next(node for node in kafka.nodes if node.number == number)
