"""Which connectors a settings file may run side by side."""

from pathlib import Path

import pytest

from hub.edge.choice import choose
from hub.errors import ConfigurationError
from hub.settings import HubSettings, load
from schemas.tasks import Work

TWO_OFFICES = """
[council]
name = "Thornmere Borough Council"
code = "E07000999"
key = "0123456789abcdef"

[connectors.housing_north]
connector = "universal_housing"
url = "sqlite:///north.db"

[connectors.housing_south]
connector = "universal_housing"
url = "sqlite:///south.db"
"""
NORTH, SOUTH = "[connectors.housing_north]\n", "[connectors.housing_south]\n"


def settings(folder: Path, north: str = "", south: str = "") -> HubSettings:
    file = folder / "hub.toml"
    file.write_text(TWO_OFFICES.replace(NORTH, f"{NORTH}{north}\n").replace(SOUTH, f"{SOUTH}{south}\n"))
    return load(file)


@pytest.mark.parametrize(("name", "other"), [("housing_north", "housing_south"), ("housing_south", "housing_north")])
def test_two_connectors_that_would_do_the_same_work_twice_are_refused(tmp_path: Path, name: str, other: str) -> None:
    both = settings(tmp_path, 'tasks = ["home-check", "adaptation"]', 'tasks = ["home-check", "void-inspection"]')

    with pytest.raises(ConfigurationError) as caught:
        choose(both, name)

    assert str(caught.value) == (
        f"{tmp_path}/hub.toml: [connectors.{name}] and [connectors.{other}] both take home-check, so each such task would be "
        'done twice. Say in each which kinds of work are its own: tasks = ["..."], or tasks = [] where it only reads.'
    )


def test_two_connectors_share_a_department_once_each_has_work_of_its_own(tmp_path: Path) -> None:
    shared = settings(tmp_path, 'tasks = ["home-check", "adaptation"]', 'tasks = ["void-inspection"]')

    assert choose(shared, "housing_north").manifest.tasks == (Work.HOME_CHECK, Work.ADAPTATION)
    assert choose(shared, "housing_south").manifest.tasks == (Work.VOID_INSPECTION,)


def test_one_of_two_connectors_may_only_read(tmp_path: Path) -> None:
    shared = settings(tmp_path, south="tasks = []")

    assert choose(shared, "housing_south").manifest.tasks == ()
    assert Work.ESTATE_CLEARANCE in choose(shared, "housing_north").manifest.tasks


def test_work_that_a_connector_does_not_take_is_answered_with_what_it_does(tmp_path: Path) -> None:
    wrong = settings(tmp_path, 'tasks = ["home-check", "trip"]', "tasks = []")

    with pytest.raises(
        ConfigurationError,
        match=r"\[connectors\.housing_north\] tasks: universal_housing does not take trip; it takes home-check, ",
    ):
        choose(wrong, "housing_north")


def test_a_table_whose_connector_is_not_installed_here_stands_in_nobodys_way(tmp_path: Path) -> None:
    file = settings(tmp_path, south="tasks = []").file
    file.write_text(file.read_text() + '[connectors.repairs]\nconnector = "not_installed_here"\n')

    assert choose(load(file), "housing_north").manifest.tasks


def test_a_council_says_how_its_own_feeds_speak_and_what_it_does_not_name_stays(tmp_path: Path) -> None:
    here = settings(tmp_path, "tasks = []\nreads = { works-orders = { speaks_every_s = 7200, at_least_a_day = 20 } }")

    own, shipped = choose(here, "housing_north").manifest.reads, choose(here, "housing_south").manifest.reads

    assert (own["works-orders"].speaks_every_s, own["works-orders"].at_least_a_day) == (7200, 20)
    assert own["works-orders"].title == shipped["works-orders"].title
    assert own["tenancies"] == shipped["tenancies"]


@pytest.mark.parametrize(
    ("reads", "said"),
    [
        (
            "{ works-order = { speaks_every_s = 60 } }",
            "reads.works-order]: universal_housing reads no such dataset; did you mean",
        ),
        ("{ works-orders = { speak_every_s = 60 } }", 'speak_every_s: no such setting; did you mean "speaks_every_s"?'),
        ('{ works-orders = { speaks = "mornings" } }', "speaks: hours read like: always, every day 06:00-22:00"),
        (
            "{ works-orders = { at_least_a_day = 9, at_most_a_day = 8 } }",
            "at_least_a_day is 9, more than at_most_a_day, which is 8",
        ),
    ],
)
def test_what_cannot_be_said_of_a_feed_is_refused_in_words(tmp_path: Path, reads: str, said: str) -> None:
    wrong = settings(tmp_path, f"tasks = []\nreads = {reads}")

    with pytest.raises(ConfigurationError) as caught:
        choose(wrong, "housing_north")

    assert "[connectors.housing_north.reads." in str(caught.value)
    assert said in str(caught.value)
