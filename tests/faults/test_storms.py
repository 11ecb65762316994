"""Storms over a whole hub, for the gate: a broker killed in mid batch, the way to it cut. `test_long_storms` has more."""

from collections.abc import Callable, Iterator

import pytest

from tests.faults.brokers import Brokers
from tests.faults.proxy import CLEAR, CUT
from tests.faults.whole import Whole
from tests.sites.worker import PARTITIONS

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A hub on a broker of its own."""
    folder = tmp_path_factory.mktemp("storms")
    with Brokers(folder / "kafka", PARTITIONS) as brokers, Whole(folder, brokers) as hub:
        yield hub


@pytest.mark.fault(
    "T11",
    "broker kill -9 in mid batch and restart, while requests go in, works orders are raised and their ends are read",
    invariants="I1 I2",
    oracle="O1 O2 O3 O4",
    twins=("acks-off",),
)
def test_a_broker_killed_in_mid_batch_costs_nothing_but_time(whole: Whole, seen: Callable[[str], None]) -> None:
    cases: list[str] = []
    for _ in range(2):
        fresh = whole.ask(15)
        cases += fresh
        whole.takes(fresh)
        whole.brokers.kill_in_mid_batch(after_s=1.0)
        whole.brokers.start()
    whole.is_done_with(cases)

    verdict = whole.judged(cases)
    assert not verdict, str(verdict)
    seen(f"{len(cases)} requests, 2 kills; {whole.words()}")


@pytest.mark.fault(
    "T15",
    "the way to the broker cut for 4 s while requests go in; then every connection ends with an RST",
    invariants="I1 I2",
    oracle="O1 O2 O3 O4",
    twins=("acks-off",),
)
def test_a_cut_costs_nothing_but_time(whole: Whole, seen: Callable[[str], None]) -> None:
    wire = whole.brokers.wires[1]
    cases = whole.ask(15)
    whole.takes(cases)
    wire.now(CUT)
    cases += whole.ask(15)
    whole.rests(4.0)
    wire.reset()
    wire.now(CLEAR)
    whole.is_done_with(cases)

    verdict = whole.judged(cases)
    assert not verdict, str(verdict)
    seen(f"{len(cases)} requests; {whole.words()}")
