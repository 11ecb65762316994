"""Faults of the group of workers and of the topics they share: a topic that grows, workers that come, go, and come back from the dead."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from tests.faults.conftest import apply_topics, eventually
from tests.faults.oracles import dump, progress_of, statuses_of
from tests.sites.worker import PARTITIONS, Site, Tipping, WorkerProcess

Start = Callable[..., WorkerProcess]


@contextmanager
def growing(site: Site, topic: str) -> Iterator[Callable[[int], None]]:
    """Gives a topic more partitions; at the end it is made anew, for those who come after."""
    admin = AdminClient({"bootstrap.servers": site.kafka})

    def shows(number: int) -> bool:
        there = admin.list_topics(timeout=30).topics.get(topic)
        return (len(there.partitions) if there else 0) == number

    def grow(number: int) -> None:
        admin.create_partitions([NewPartitions(topic, number)])[topic].result(30)
        eventually(lambda: shows(number))

    yield grow
    admin.delete_topics([topic])[topic].result(30)
    eventually(lambda: shows(0))
    apply_topics(site.folder / "again", site.kafka)
    eventually(lambda: shows(PARTITIONS))


def told_to_kafka(site: Site, partitions: int) -> dict[int, int]:
    """The offsets committed for people's tools; partitions without any are left out."""
    with closing(Consumer({"bootstrap.servers": site.kafka, "group.id": site.group, "log_level": 0})) as kafka:
        found = kafka.committed([TopicPartition("case-events", number) for number in range(partitions)], timeout=30)
    return {each.partition: each.offset for each in found if each.offset >= 0}


@pytest.mark.fault(
    "T23",
    "case-events grows while a worker runs, events of a case come in where its earlier ones are not; then another worker starts",
    invariants="I1 I4",
    oracle="O2 offsets",
    twins=("partitions-are-not-counted",),
)
def test_on_a_topic_that_has_grown_nothing_is_consumed(site: Site, start: Start, seen: Callable[[str], None]) -> None:
    requests = [Tipping() for _ in range(20)]
    (site.folder / "again").mkdir()
    worker = start(site)
    for request in requests:
        site.send(request.reported())
    site.sent()
    site.applies_everything()
    held = progress_of(site.database, site.group)

    with growing(site, "case-events") as grow:
        grow(PARTITIONS + 2)
        first, said = worker.process.wait(90), worker.says_critical()
        for request in requests:
            site.send(*request.story()[1:])
        site.sent()
        again = start(site)
        second = again.process.wait(90)
        assert again.process.stderr is not None
        refused = again.process.stderr.read()
        told = told_to_kafka(site, PARTITIONS + 2)
        waiting = dump(site.kafka, "case-events", held)

    assert (first, second) == (78, 78)
    assert f"case-events has grown to {PARTITIONS + 2} partitions or more, kafka.partitions says {PARTITIONS}" in said
    assert f"case-events has {PARTITIONS + 2} partitions, kafka.partitions says {PARTITIONS}" in refused
    assert progress_of(site.database, site.group) == held
    assert told.items() <= held.items()
    assert len(waiting) == 2 * len(requests)
    assert set(statuses_of(site.database).values()) == {"open"}
    seen(f"{len(waiting)} events wait unread in {PARTITIONS + 2} partitions; refused while running and at a start")
