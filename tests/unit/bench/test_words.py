"""What `hub bench` says of a measurement, in sentences."""

from dataclasses import replace

from hub.bench.figures import Waits
from hub.bench.trial import Trial
from hub.cli.bench import in_words

COST = (
    "It took 40 seconds of one processor for a million events of the backlog, 21% of one at 285 a second, and 150 MB of "
    "memory at most."
)
TRIAL = Trial(
    events=50_000,
    outputs=60_000,
    seconds=2.5,
    started_s=4.2,
    cpu_s_per_million=40.0,
    peak_mb=150.0,
    rate=285.0,
    waits=Waits(number=6000, p50=12.0, p95=20.0, p99=31.0, most=90.0),
    core_share=0.21,
    lost=0,
    doubled=0,
    set_aside=0,
)


def test_it_says_how_fast_how_long_and_at_what_cost() -> None:
    assert in_words(TRIAL) == [
        "20,000 events a second: 50,000 that had piled up were worked off in 2.5 s, the first 4.2 s after the worker was started.",
        "At 285 events a second half of what follows was on its topic within 12 ms, 99 of 100 within 31 ms, all within 90 ms.",
        COST,
        "Every output came, and once.",
    ]


def test_where_the_system_does_not_tell_what_was_used_nothing_is_said_of_it() -> None:
    words = in_words(replace(TRIAL, cpu_s_per_million=None, core_share=None, peak_mb=None))

    assert len(words) == 3
    assert "processor" not in " ".join(words)


def test_what_was_lost_doubled_or_set_aside_must_not_be() -> None:
    found = replace(TRIAL, lost=3)

    assert not found.right
    assert in_words(found)[-1].startswith(
        "That must not be: 3 outputs did not come, 0 came twice, 0 events were set aside."
    )
