"""The log in Kafka: an event store's persistence module, `PERSISTENCE_MODULE=leadflow.log.kafka`."""

from leadflow.log.kafka.client import Cluster
from leadflow.log.kafka.index import Place
from leadflow.log.kafka.log import KafkaLog
from leadflow.log.kafka.partition import Append, PartitionLog
from leadflow.log.kafka.recorder import KafkaApplicationRecorder, KafkaFactory
from leadflow.log.kafka.records import Message, Origin, Record
from leadflow.log.kafka.writer import Offsets

Factory = KafkaFactory

__all__ = [
    "Append", "Cluster", "Factory", "KafkaApplicationRecorder", "KafkaFactory", "KafkaLog", "Message",
    "Offsets", "Origin", "PartitionLog", "Place", "Record",
]  # fmt: skip
