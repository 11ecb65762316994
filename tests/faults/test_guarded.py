"""Faults of a Kafka that asks who comes: passwords that change, certificates that are replaced, rights that are taken away."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._resource import ResourceType

from tests.faults.brokers import Brokers
from tests.faults.conftest import eventually
from tests.faults.guarded import Authority, Guard, Right, guarded, rights_of
from tests.faults.kept import Kept
from tests.faults.whole import Whole
from tests.sites.worker import PARTITIONS

Seen = Callable[[str], None]
USERS = ("worker", "connector", "web")
LINES_OF_A_TRY = 150
"""Amply: a client that is not let in looks again once a second for 20 s, and then whoever wants it waits. One that spins says thousands."""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Whose certificates the processes trust."""
    return Authority(tmp_path / "authority")


@pytest.fixture
def brokers(tmp_path: Path, authority: Authority) -> Iterator[Brokers]:
    """A broker that asks everybody for the password again every few seconds."""
    with guarded(tmp_path / "kafka", PARTITIONS, authority, connections_max_reauth_ms="3000") as made:
        yield made


@pytest.fixture
def guard(brokers: Brokers, authority: Authority) -> Guard:
    """Each process may come, and do what `deploy/README.md` says that it needs."""
    made = Guard(brokers, authority)
    for user in USERS:
        made.password_of(user, f"the first of {user}")
    return made


@pytest.fixture
def hub(tmp_path: Path, brokers: Brokers, guard: Guard) -> Iterator[Whole]:
    """A hub, each process of which comes as a user of its own."""
    made = Whole(tmp_path, brokers, guard.settings_of)
    guard.allow("worker", rights_of("hub worker", "housing", **{"worker.group": made.site.group}))
    guard.allow("connector", rights_of("hub connector run", "housing", NAME=made.housing.name))
    guard.allow("web", rights_of("hub web", "housing"))
    with made:
        yield made


def is_whole(hub: Whole, cases: list[str]) -> None:
    """Everything that was asked comes to its end, once, and nothing of it was set aside."""
    hub.is_done_with(cases)
    verdict = hub.judged(cases)
    assert not verdict, str(verdict)


class Watched:
    """What a process says and does from now on."""

    def __init__(self, process: Kept) -> None:
        self._process, self._restarts, self._lines = process, process.restarts, len(process.said.splitlines())

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return self._process.restarts - self._restarts

    @property
    def lines(self) -> list[str]:
        """What it has said."""
        return self._process.said.splitlines()[self._lines :]

    def ends_and_says(self, words: str) -> None:
        """It asks to be started again, says why by name, and does not spin meanwhile."""
        eventually(lambda: self.restarts >= 2)
        said = self.lines
        assert any(words in line for line in said), said
        self.is_quiet(tries=self.restarts + 1)

    def is_quiet(self, tries: int) -> None:
        """It has said no more than so many tries to come in have to say."""
        assert len(self.lines) < LINES_OF_A_TRY * tries, self.lines


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.fault(
    "T49",
    "every password is changed under a hub that works; the broker asks for it every 3 s; then the new ones are in the settings",
    invariants="I1 I2 I10",
    oracle="O1 O2 O3 O4 O9",
    twins=("nobody-asks-whether-it-is-let-in",),
)
def test_a_password_that_changes_ends_who_has_the_old_one_and_costs_nothing_but_time(
    hub: Whole, guard: Guard, seen: Seen
) -> None:
    with hub.door() as ask:
        cases = [ask("before"), *hub.ask(10)]
        hub.rests(8)
        cases += [ask("later"), *hub.ask(10)]
        hub.is_done_with(cases)
        assert {name: each.restarts for name, each in hub.processes.items()} == dict.fromkeys(hub.processes, 0)
        worker, connector, web = map(Watched, (hub.worker, hub.connector, hub.web))

        for user in USERS:
            guard.password_of(user, f"the second of {user}")
        hub.rests(5)
        cases += [*(ask(f"meanwhile-{number}") for number in range(10)), *hub.ask(10)]
        hub.site.sent()
        worker.ends_and_says("does not let user worker in")
        connector.ends_and_says("does not let user connector in")
        # A broker that refuses closes the connection behind its answer, and the first tries may see no more of it than that.
        eventually(lambda: "does not let user web in" in hub.door_says())
        web.is_quiet(tries=4)  # two of its threads come to Kafka

        hub.write_settings()
        hub.web.stop()
        is_whole(hub, cases)
    seen(f"{len(cases)} requests, 10 of them taken at the door while no password held; {hub.words()}")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.fault(
    "T49",
    "the broker's certificate replaced by one of the same authority, by one that nobody trusts, and by a good one again",
    invariants="I1 I2 I10",
    oracle="O1 O2 O3 O4 O9",
    twins=("nobody-asks-whether-it-is-let-in",),
)
def test_a_certificate_that_nobody_trusts_lets_nothing_through_and_costs_nothing_but_time(
    hub: Whole, guard: Guard, authority: Authority, tmp_path: Path, seen: Seen
) -> None:
    (wire,) = hub.brokers.wires.values()
    with hub.door() as ask:
        guard.shows(authority.certificate("next"))
        wire.reset()
        cases = [ask("renewed"), *hub.ask(10)]
        hub.is_done_with(cases)
        worker, connector, web = map(Watched, (hub.worker, hub.connector, hub.web))
        assert worker.restarts == connector.restarts == 0

        guard.shows(Authority(tmp_path / "a stranger").certificate("other"))
        wire.reset()
        cases += [*(ask(f"meanwhile-{number}") for number in range(10)), *hub.ask(10)]
        hub.site.sent()
        worker.ends_and_says("is not trusted")
        connector.ends_and_says("is not trusted")
        eventually(lambda: "is not trusted" in hub.door_says())
        web.is_quiet(tries=4)  # two of its threads come to Kafka

        guard.shows(authority.certificate("last"))
        is_whole(hub, cases)
    seen(f"{len(cases)} requests; {hub.words()}")


def on(topic: str, right: AclOperation) -> Right:
    """A right on a topic."""
    return ResourceType.TOPIC, topic, right


READ, WRITE = AclOperation.READ, AclOperation.WRITE


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.fault(
    "T50",
    "under a hub that works each process loses one right after the other and is given it back: to write, to read, to be in its group",
    invariants="I1 I2 I5 I10",
    oracle="O1 O2 O3 O4 O9",
    twins=("refusals-have-no-words", "refused-letters-are-forgotten"),
)
def test_a_right_that_is_taken_away_is_named_and_costs_nothing_but_time(hub: Whole, guard: Guard, seen: Seen) -> None:
    worker_group, connector_group = hub.site.group, f"connector-{hub.housing.name}"
    taken: list[tuple[str, Right, str]] = [
        ("worker", on("housing-tasks", WRITE), "no Write on housing-tasks."),
        ("worker", on("case-events", READ), "no Read on case-events."),
        ("worker", (ResourceType.GROUP, worker_group, READ), f"no Read on the group {worker_group}."),
        ("connector", on("case-events", WRITE), "no Write on case-events."),
        ("connector", on("housing-tasks", READ), "no Read on housing-tasks."),
        ("connector", (ResourceType.GROUP, connector_group, READ), f"no Read on the group {connector_group}."),
        ("connector", on("*", AclOperation.DESCRIBE_CONFIGS), "no DescribeConfigs on audit,"),
        ("web", on("case-events", WRITE), "no Write on case-events."),
    ]
    cases: list[str] = []
    with hub.door() as ask:
        for number, (user, right, words) in enumerate(taken):
            process = Watched(hub.processes[user])
            guard.revoke(user, [right])
            cases += [ask(f"request-{number}"), *hub.ask(5)]
            hub.site.sent()
            if right[2] is AclOperation.DESCRIBE_CONFIGS:  # asked for at the start alone
                hub.processes[user].kill()
            if user == "web":
                eventually(lambda: words in hub.door_says())  # noqa: B023 - at once
                process.is_quiet(tries=4)
            else:
                process.ends_and_says(words)
            guard.allow(user, [right])
            hub.is_done_with(cases)
        is_whole(hub, cases)
    seen(f"{len(cases)} requests, {len(taken)} rights taken and given back; {hub.words()}")
