"""Whoever writes about a case writes into one partition: all that the hub knows of partitions agrees with the clients' own."""

from typing import Any

import pytest
from aiokafka.partitioner import DefaultPartitioner as AioKafkas
from kafka.partitioner import DefaultPartitioner as KafkaPythons

from hub.edge.kafka.sender import partition_of
from hub.routing import share

KEYS = ["21", "foobar", "a-little-bit-longer-string", "7KQ2-M4XD", "00032896", "Siân", "", *map(str, range(500))]


class Cluster:
    """As much of kafka-python's as its partitioner asks for."""

    def __init__(self, partitions: int) -> None:
        self._partitions = set(range(partitions))

    def topics(self) -> set[str]:
        return {"case-events"}

    def partitions_for_topic(self, _topic: str) -> set[int]:
        return self._partitions

    def available_partitions_for_topic(self, _topic: str) -> set[int]:
        return self._partitions


@pytest.mark.parametrize("partitions", [1, 3, 4, 12, 50])
def test_a_key_has_one_partition_whichever_client_of_the_hub_sends_it(partitions: int) -> None:
    theirs: Any = KafkaPythons()
    numbers = list(range(partitions))

    for key in KEYS:
        raw = key.encode()
        found = {
            partition_of(raw, partitions),
            share.partition_of(key, partitions),
            theirs.partition("case-events", raw, raw, b"", b"", Cluster(partitions)),
            AioKafkas()(raw, numbers, numbers),
        }
        assert len(found) == 1, f"{key}: {found}"
