"""Faults of the group of workers and of the topics they share: a topic that grows, workers that come, go, and come back from the dead."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from tests.faults.conftest import apply_topics, eventually
from tests.faults.oracles import dump, orders_of, progress_of, statuses_of
from tests.faults.test_long import Stream
from tests.faults.test_worker import ask, judged
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


def ended_with(worker: WorkerProcess) -> int:
    """The code by which it ended by itself."""
    eventually(lambda: worker.process.poll() is not None)
    return int(worker.process.returncode)


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
        first, said = ended_with(worker), worker.says_critical()
        for request in requests:
            site.send(*request.story()[1:])
        site.sent()
        again = start(site)
        second = ended_with(again)
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


@pytest.mark.long
@pytest.mark.fault(
    "T09",
    "a worker frozen in mid-round, its outputs sent and nothing written; another takes over; then the first wakes up",
    invariants="I2 I3 I4",
    oracle="O2 O4",
    twins=("nobody-is-fenced",),
)
def test_a_worker_that_comes_back_from_the_dead_writes_nothing(
    tmp_path: Path, kafka: str, postgres_url: str, start: Start, seen: Callable[[str], None]
) -> None:
    with closing(Site(tmp_path, kafka, postgres_url)) as site:
        zombie = start(site, "worker.sent:1:sleep=20", site.settings_of("zombie", session_timeout_s=6))
        zombie.says("worker ready")
        events, begun = ask(site, 40), progress_of(site.database, site.group)
        eventually(lambda: dump(site.kafka, "case-updates", site.begin["case-updates"]))
        zombie.process.send_signal(signal.SIGSTOP)
        assert progress_of(site.database, site.group) == begun

        heir = start(site, settings=site.settings_of("heir", session_timeout_s=6))
        site.applies_everything(90)
        events += ask(site, 40)
        site.applies_everything(90)
        zombie.process.send_signal(signal.SIGCONT)
        eventually(lambda: "partition read again" in said(zombie) or "worker ready" in said(zombie))
        events += ask(site, 40)
        site.applies_everything(90)
        assert heir.process.poll() is None

        verdict = judged(site)
        assert not verdict, str(verdict)
        updates = dump(site.kafka, "case-updates", site.begin["case-updates"])
        assert len(orders_of(updates, statuses_of(site.database))) == 1
        seen(f"{events} events, 1 zombie")


def said(worker: WorkerProcess) -> set[str]:
    """What a worker has said since it was last listened to."""
    return {str(line["event"]) for line in list(worker.lines.queue)}


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.fault(
    "T20",
    "a storm of rebalances: workers join and are killed, stopped or frozen beyond their session, again and again, under load",
    invariants="I1 I2 I3 I4",
    oracle="O2 O4",
    twins=("ids-are-drawn",),
)
def test_a_storm_of_rebalances_loses_nothing_and_doubles_nothing(
    tmp_path: Path, kafka: str, postgres_url: str, start: Start, seen: Callable[[str], None]
) -> None:
    with closing(Site(tmp_path, kafka, postgres_url)) as site:
        names = [site.settings_of(name, session_timeout_s=6) for name in ("one", "two", "three")]
        load, stay, turns = Stream(site, 9_000, ahead=800), start(site, settings=names[0]), 0
        stay.says("worker ready")
        load.start()
        while load.is_alive() or turns < 6:
            guest = start(site, settings=names[1 + turns % 2])
            guest.says("worker ready")
            match turns % 3:
                case 0:
                    guest.kill()
                case 1:
                    assert guest.stop() in {0, 75}
                case 2:
                    stay.process.send_signal(signal.SIGSTOP)
                    eventually(lambda: "worker ready" in said(guest), 180)  # all partitions are its own now  # noqa: B023 - at once
                    stay.process.send_signal(signal.SIGCONT)
                    assert guest.stop() in {0, 75}
            turns += 1
            if stay.process.poll() is not None:  # it was frozen for longer than its watchdog lets it be
                assert stay.process.poll() == 75
                stay = start(site, settings=names[0])
        site.applies_everything(600)

        verdict = judged(site)
        assert not verdict, str(verdict)
        updates = dump(site.kafka, "case-updates", site.begin["case-updates"])
        assert len(orders_of(updates, statuses_of(site.database))) == 1
        seen(f"{load.sent} events, {turns} workers came and went")
