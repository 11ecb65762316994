from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from hub.dead_letters import telling
from hub.dead_letters.acting import Doing, Who
from hub.dead_letters.batches import Unsent
from hub.dead_letters.letter import dead_letter, settled
from hub.dead_letters.parking import FIRST
from hub.dead_letters.plan import Plan, to_discard, to_replay
from hub.dead_letters.reading import Letter, open_letters
from hub.edge.kafka.sender import partition_of
from hub.edge.messages import Incoming, Outgoing, Place
from schemas.references import case_reference

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
ME = Who("Jo", "Nobody can read it", "E06000999", lambda: NOW)
PARTITIONS = 4

Outcome = Callable[[Outgoing], str]
"""What the reader makes of a record: applied, the code under which it dies, or nothing."""


class Cluster:
    """A log of a dead-letter topic, and a reader of the other topic that says at once what it makes of a record."""

    def __init__(self, outcome: Outcome, topic: str = "case-events") -> None:
        self.outcome, self.topic = outcome, topic
        self.log: list[Incoming] = []
        self.sent: list[Outgoing] = []

    def lies(self, *, code: str = "no-journey", of: str = "", first: Place | None = None, offset: int = 0) -> None:
        """One more letter."""
        place = first or Place(self.topic, partition_of(of.encode(), PARTITIONS), len(self.log))
        headers = dead_letter(
            code=code, reason="No journey.", topic=place.topic, partition=place.partition, offset=offset or place.offset,
            component="worker", key=None, value=None, first=place.offset,
        ).headers  # fmt: skip
        self.says(of.encode(), b"{}", headers)

    def says(self, key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes], ...]) -> None:
        place = Place(f"{self.topic}-dlq", 0, len(self.log))
        self.log.append(Incoming(place, key, value, headers, 1_000 + len(self.log)))

    def letters(self) -> list[Letter]:
        return open_letters(self.log)

    def read(self, topics: Sequence[str], begin: Mapping[tuple[str, int], int]) -> Iterable[Incoming]:
        return [each for each in self.log if each.place.topic in topics][begin.get((f"{self.topic}-dlq", 0), 0) :]

    def bodies(self, letters: Iterable[Letter]) -> Mapping[str, bytes | None]:
        held = {str(record.place): record.value for record in self.log}
        return {letter.id: held[letter.id] for letter in letters}

    def send(self, records: Sequence[Outgoing]) -> None:
        for record in records:
            if record.topic == f"{self.topic}-dlq":
                self.says(record.key, record.value, record.headers)
                continue
            self.sent.append(record)
            first = dict(record.headers)[FIRST].decode()
            topic, part, offset = first.split("/")
            now = 10_000 + len(self.log)
            match self.outcome(record):
                case "":
                    continue
                case "applied":
                    headers = settled(f"{topic}/{part}/{now}", "applied", "worker", first=first)
                    self.says(record.key, None, headers)
                case code:
                    key = (record.key or b"").decode()
                    self.lies(code=code, of=key, first=Place(topic, int(part), int(offset)), offset=now)

    def doing(self, at_once: int = 50) -> Doing:
        return Doing(ME, self.send, self.read, self.bodies, partitions=PARTITIONS, at_once=at_once, patience_s=0)


def cases(number: int) -> list[str]:
    return [case_reference(NOW, f"case {each}") for each in range(number)]


def full(outcome: Outcome, number: int, topic: str = "case-events") -> tuple[Cluster, Plan]:
    cluster = Cluster(outcome, topic)
    for case in cases(number):
        cluster.lies(of=case)
    letters = cluster.letters()
    return cluster, to_replay(letters, letters, by_name=False)


def test_a_replay_of_many_that_are_not_mended_stops_after_the_first_portion_and_says_so() -> None:
    cluster, plan = full(lambda _: "no-journey", 267)

    after = cluster.doing().carry_out(plan)

    assert len(cluster.sent) == 20
    assert Counter(letter.code for letter in after.died) == {"no-journey": 20}
    assert Counter(why for _, why in after.unsent) == {Unsent.DIED: 247}
    assert len(cluster.letters()) == 267, "what was not sent is not settled"
    assert telling.afterwards(after) == [
        "20 records died again and lie here anew: 20 no-journey.",
        "247 records were not sent, for most of those before died again. Mend the reason, then send the rest again.",
    ]


def test_a_replay_of_many_that_are_mended_sends_them_all_each_once() -> None:
    cluster, plan = full(lambda _: "applied", 267)

    after = cluster.doing().carry_out(plan)

    assert len(cluster.sent) == 267
    assert (after.died, after.unsent, cluster.letters()) == ((), (), [])


def test_what_dies_here_and_there_ends_before_the_reader_would_stand_still() -> None:
    bad = set(cases(1_000)[::3])
    cluster, plan = full(lambda record: "defect" if (record.key or b"").decode() in bad else "applied", 1_000)

    after = cluster.doing(at_once=50).carry_out(plan)

    assert 50 <= len(after.died) < 100
    assert after.unsent


def test_one_that_dies_again_is_named_with_its_reason() -> None:
    cluster, plan = full(lambda _: "no-journey", 1)

    (said,) = telling.afterwards(cluster.doing().carry_out(plan))

    assert said == "1 record died again, and lies here as case-events-dlq/0/1 (no-journey): No journey."


def test_a_reader_that_is_away_gets_one_portion() -> None:
    cluster, plan = full(lambda _: "", 267)

    after = cluster.doing().carry_out(plan)

    assert (len(cluster.sent), after.unheard) == (20, 20)
    assert Counter(why for _, why in after.unsent) == {Unsent.UNHEARD: 247}


def test_a_reader_that_never_answers_gets_half_of_what_it_may_set_aside_within_a_minute() -> None:
    cluster, plan = full(lambda _: "", 60, "housing-tasks")

    after = cluster.doing(at_once=50).carry_out(plan)

    assert len(cluster.sent) == 50
    assert Counter(why for _, why in after.unsent) == {Unsent.LIMIT: 10}


def test_what_waits_behind_a_record_goes_in_its_portion() -> None:
    cluster = Cluster(lambda _: "applied")
    (case,) = cases(1)
    for code in ("no-journey", *["parked"] * 40):
        cluster.lies(of=case, code=code)
    letters = cluster.letters()

    after = cluster.doing().carry_out(to_replay(letters, letters, by_name=False))

    assert len(cluster.sent) == 41
    assert (after.went, after.unsent) == (0, ())


def test_what_is_discarded_takes_no_room() -> None:
    cluster, _ = full(lambda _: "applied", 267)
    letters = cluster.letters()

    after = cluster.doing().carry_out(to_discard(letters, letters))

    assert (len(cluster.sent), after.unsent, cluster.letters()) == (267, (), [])


def test_a_letter_that_somebody_has_settled_meanwhile_is_left_alone_and_says_who_did_what() -> None:
    cluster, plan = full(lambda _: "applied", 2)
    mine, theirs = plan.steps
    first = str(theirs.letter.first)
    cluster.send([theirs.letter.marker(settled(first, "discarded", "dead-letters", by="Sam", why="Old", first=first))])

    after = cluster.doing().carry_out(plan)

    assert [record.key for record in cluster.sent] == [mine.letter.key]
    assert [step for step, _ in after.unsent] == [theirs]
    assert telling.afterwards(after) == [
        f"{theirs.letter.id} is not open any more: it was discarded by Sam. Nothing more was done about it.",
        "1 record was left alone, for somebody has worked on the same case meanwhile. Look again.",
    ]


def test_a_record_that_lies_here_under_another_id_is_not_sent_under_the_old_one() -> None:
    cluster, plan = full(lambda _: "applied", 1)
    (step,) = plan.steps
    cluster.lies(of=cases(1)[0], first=step.letter.first, offset=900)

    after = cluster.doing().carry_out(plan)

    assert cluster.sent == []
    assert "lies here under another id" in telling.afterwards(after)[0]
