"""The story in which one event is told to ten."""

from datetime import UTC, datetime

from hub.bench.story import story
from hub.journeys.load import SHIPPED, load_files
from hub.routing.step import World
from tests.bench.whole.fan_out import JOURNEYS, TEN


def test_every_event_of_it_has_ten_outputs_and_an_update(world: World) -> None:
    journeys = load_files([*SHIPPED.glob("*.yaml"), *JOURNEYS.glob("*.yaml")])

    turns = list(
        story(
            100,
            World(journeys, world.calendar, world.source),
            datetime(2026, 11, 2, 9, 0, tzinfo=UTC),
            plot=TEN,
        )
    )

    assert len(turns) == 100
    assert {len(turn.outputs) for turn in turns} == {11}
