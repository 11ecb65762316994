"""What is kept of a measurement at a steady rate."""

from hub.bench.figures import Waits
from tests.bench.latency import _kept, _Steady
from tests.bench.roster import load


def test_what_others_used_is_kept_beside_its_own_share() -> None:
    how = _Steady(sent_per_s=299.7, done_per_s=298.44, core_share=0.23456, others_share=0.04321, waits=Waits.of([7.0]))

    kept = _kept("hub", 2, 300, how).as_json()

    assert (kept["contestant"], kept["number"], kept["per_s"], kept["problem"]) == ("hub", 2, 300, "")
    assert (kept["sent_per_s"], kept["done_per_s"]) == (300, 298.4)
    assert (kept["core_share"], kept["others_share"]) == (0.235, 0.043)
    assert kept["waits"]["p99"] == 7.0


def test_both_hubs_are_measured_at_steady_rates() -> None:
    assert [each.manifest.latency for each in load(["hub", "hub_postgresql"])] == [True, True]
