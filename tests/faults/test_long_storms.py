"""Longer storms over a whole hub: brokers killed, restarted and lost, wires cut, slow and thin. Run by `make faults`."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.brokers import Brokers
from tests.faults.kept import Sampler
from tests.faults.proxy import CLEAR, CUT, ONLY_THERE, Weather
from tests.faults.whole import Whole
from tests.sites.worker import PARTITIONS

Seen = Callable[[str], None]


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Whole]:
    """A hub on a broker of its own."""
    with Brokers(tmp_path / "kafka", PARTITIONS) as brokers, Whole(tmp_path, brokers) as hub:
        yield hub


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Whole]:
    """A hub on three brokers: every record on all, and not acknowledged before it is on two."""
    with Brokers(tmp_path / "kafka", PARTITIONS, 3) as brokers, Whole(tmp_path, brokers) as hub:
        yield hub


def is_whole(hub: Whole, cases: list[str], seen: Seen, words: str) -> None:
    """Everything comes to its end, and the oracle finds nothing wrong with it."""
    began = time.monotonic()
    hub.is_done_with(cases, within_s=180)
    took_s = time.monotonic() - began
    verdict = hub.judged(cases)
    assert not verdict, str(verdict)
    seen(f"{len(cases)} requests, {words}; all done {took_s:.0f} s later; {hub.words()}")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.fault(
    "T11",
    "ten broker kills -9 at random moments, half of them in mid batch, under load",
    invariants="I1 I2",
    oracle="O1 O2 O3 O4",
    twins=("acks-off",),
)
def test_a_broker_killed_ten_times_at_random_costs_nothing_but_time(
    alone: Whole, seen: Seen, request: pytest.FixtureRequest
) -> None:
    seed = int(request.config.getoption("--fault-seed"))
    chance = random.Random(f"T11|{seed}")
    cases: list[str] = []
    for turn in range(10):
        cases += alone.ask(15)
        alone.rests(chance.uniform(0.2, 4.0))
        alone.brokers.kill_in_mid_batch(after_s=chance.uniform(0.2, 1.5) if turn % 2 else 0)
        cases += alone.ask(5)
        alone.rests(chance.uniform(0.0, 2.0))
        alone.brokers.start()

    is_whole(alone, cases, seen, f"10 kills, --fault-seed {seed}")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.fault(
    "T12",
    "rolling restart of three brokers, twice, under load",
    invariants="I1 I2",
    oracle="O1 O2 O3 O4",
    twins=("acks-off",),
)
def test_a_rolling_restart_costs_nothing_but_time(three: Whole, seen: Seen) -> None:
    cases: list[str] = []
    for _ in range(2):
        for number in three.brokers.numbers:
            fresh = three.ask(20)
            three.takes(fresh)
            three.brokers.stop(number)
            cases += fresh + three.ask(10)
            three.brokers.start(number)

    is_whole(three, cases, seen, "6 restarts")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.fault(
    "T13",
    "the controllers' leader killed; then two of three brokers stopped, the third killed after them, and the two started without it",
    invariants="I1 I2",
    oracle="O1 O2 O3 O4",
    twins=("one-acknowledgement", "known-brokers-alone-are-asked"),
)
def test_what_was_acknowledged_survives_the_loss_of_any_broker(three: Whole, seen: Seen) -> None:
    brokers = three.brokers
    leader = brokers.controller()
    cases = three.ask(20)
    brokers.kill(leader)
    cases += three.ask(20)
    three.is_done_with(cases)
    assert brokers.controller() != leader
    brokers.start(leader)
    # What one broker alone takes while the others are away is on no other, and must not count as taken. The others are stopped: of those
    # that were killed Kafka believes no disk, and would wait for the last that lived (KIP-966).
    fresh = three.ask(20)
    three.takes(fresh)
    brokers.stop(2)
    brokers.stop(3)
    cases += fresh + three.ask(10)
    # For as long as a client takes, on a busy machine, to find the one that is left.
    three.rests(30)
    brokers.kill(1)
    brokers.start(2, 3)
    three.is_done_with(cases, within_s=180)
    brokers.start(1)

    is_whole(three, cases, seen, f"broker {leader} led, then 2 and 3, then 1 gone")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.fault(
    "T15",
    "the way to the broker cut for 5 s and for 45 s, then healed or ended with an RST; cut one way only; refused half-open",
    invariants="I1 I2",
    oracle="O1 O2 O3 O4",
    twins=("acks-off",),
)
def test_cuts_of_every_kind_cost_nothing_but_time(alone: Whole, seen: Seen) -> None:
    wire = alone.brokers.wires[1]
    cuts = [
        (CUT, 5, False),
        (CUT, 5, True),
        (CUT, 45, False),
        (CUT, 45, True),
        (ONLY_THERE, 20, False),
        (ONLY_THERE, 20, True),
    ]
    cases: list[str] = []
    for weather, lasts_s, reset in cuts:
        fresh = alone.ask(15)
        alone.takes(fresh)
        wire.now(weather)
        cases += fresh + alone.ask(5)
        alone.rests(lasts_s)
        if reset:
            wire.reset()
        wire.now(CLEAR)

    is_whole(alone, cases, seen, f"{len(cuts)} cuts")


@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.fault(
    "T15",
    "the way to the broker cut for 10 minutes while requests go in; then every connection ends with an RST",
    invariants="I1 I2",
    oracle="O1 O2 O3 O4",
)
def test_a_cut_of_ten_minutes_costs_nothing_but_time(alone: Whole, seen: Seen) -> None:
    # Without what keeps it, it fails as the shorter cuts do, which have the twin.
    wire = alone.brokers.wires[1]
    cases = alone.ask(15)
    alone.takes(cases)
    wire.now(CUT)
    # Some are asked while every client still waits for its first answer, some once all of them have given up more than once.
    for lasts_s in (5, 295, 300):
        cases += alone.ask(5)
        alone.rests(lasts_s)
    wire.reset()
    wire.now(CLEAR)

    is_whole(alone, cases, seen, "10 minutes")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.fault(
    "T16",
    "300 ms of latency give or take 200; 3 Mbit/s; one byte in a segment; ends that come 5 s late; connections that end every 64 KB",
    invariants="I1 I2",
    oracle="O1 O2 O3 O4",
    twins=("impatient",),
)
def test_a_poor_wire_costs_nothing_but_time(alone: Whole, seen: Seen) -> None:
    wire = alone.brokers.wires[1]
    cases: list[str] = []
    for weather in (
        Weather(latency_s=0.3, jitter_s=0.2),
        Weather(latency_s=0.3, jitter_s=0.2, bytes_per_s=3_000_000 // 8),
        Weather(slice_bytes=1),
        Weather(slow_close_s=5),
        Weather(limit_bytes=64 * 1024),
    ):
        wire.now(weather)
        fresh = alone.ask(30)
        cases += fresh
        alone.is_done_with(fresh)
    wire.now(CLEAR)

    is_whole(alone, cases, seen, "5 kinds of wire")


OUTAGE_S, PER_S = 120.0, 10.0
FLAT_MB = 30.0


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.fault(
    "T14",
    f"all brokers down for {OUTAGE_S:g} s, {PER_S:g} requests a second at the door: what eight hours bring a council of 500,000",
    invariants="I1 I2 I7",
    oracle="O1 O2 O3 O4 O8",
    twins=("acks-off",),
)
def test_the_door_stays_open_while_every_broker_is_away(alone: Whole, seen: Seen) -> None:
    cases: list[str] = []
    took_s: list[float] = []
    with alone.door() as ask, Sampler({"web": lambda: alone.web.pid}) as sampler:

        def people_ask(for_s: float) -> None:
            until = time.monotonic() + for_s
            while (began := time.monotonic()) < until:
                cases.append(ask(f"key-{len(cases)}"))
                took_s.append(time.monotonic() - began)
                alone.rests(max(0.0, began + 1 / PER_S - time.monotonic()))

        people_ask(3)
        alone.brokers.freeze()
        people_ask(1)
        alone.brokers.kill()
        people_ask(OUTAGE_S / 5)
        settled = time.monotonic()
        people_ask(OUTAGE_S * 4 / 5)
        growth_mb = sampler.growth_mb("web", settled)
        alone.brokers.start()
        back = time.monotonic()
        alone.is_done_with(cases, within_s=600)
        drained_s = time.monotonic() - back

        verdict = alone.judged(cases)
        assert not verdict, str(verdict)
        assert growth_mb < FLAT_MB, sampler.words("web")
        seen(
            f"{len(cases)} requests, each 202 (slowest {max(took_s):.1f} s), "
            f"drained in {drained_s:.0f} s ({len(cases) / drained_s:.0f}/s), {sampler.words('web')}, +{growth_mb:.0f} MB; {alone.words()}"
        )
