"""Kafka as the edge and the command line see it: the only package that imports kafka-python.

What comes back is plain data of our own, and what goes wrong is one of the hub's errors.
"""

from hub.edge.kafka.admin import ClusterFacts, TopicFacts, Topics, cluster_at, topics_of
from hub.edge.kafka.follower import Follower
from hub.edge.kafka.receiver import Receiver, read_all, read_at
from hub.edge.kafka.sender import Sender

__all__ = [
    "ClusterFacts",
    "Follower",
    "Receiver",
    "Sender",
    "TopicFacts",
    "Topics",
    "cluster_at",
    "read_all",
    "read_at",
    "topics_of",
]
