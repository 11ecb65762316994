"""Full extracts in a real database, SQLite and PostgreSQL: what is news of each, whatever happens in the middle of it."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from threading import Event as Signal
from typing import Any

import pytest

from connectors.sdk import (
    Change,
    Checkpoint,
    ConnectorSettings,
    ContractBroken,
    Dataset,
    Extract,
    LegacyRecord,
    Row,
    SourceConnector,
    UnreadableRow,
)
from hub.edge.engine import open_engine
from hub.edge.extracts import Extracts, Phase, Taken
from hub.edge.full_extracts import FullExtracts, Held, Page
from hub.edge.memory import EdgeMemory
from hub.errors import RestartMe

NIGHT = datetime(2026, 11, 3, 2, 0, tzinfo=UTC)
FEED = Dataset.model_validate(
    {"title": "Jobs", "speaks_every_s": 86_400, "delivers": "full extracts", "held_beyond": 0.3}
)
SaidOf = list[tuple[str, str]]


class Nightly(SourceConnector[ConnectorSettings]):
    """A system that lays down what it has, night after night."""

    settings_type = ConnectorSettings

    def __init__(self) -> None:
        super().__init__(ConnectorSettings())
        self.nights: list[Any] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def check(self) -> None:
        """It is always there."""

    def has(self, rows: Mapping[str, str], *, unreadable: int = 0, cut: bool = False) -> None:
        """The list of one more night."""
        self.nights.append((dict(rows), unreadable, cut))

    def extract(self, dataset: str, after: Checkpoint | None) -> Extract | None:
        night = after["night"] + 1 if after else 0
        if night >= len(self.nights):
            return None
        return Extract(
            name=f"night {night}",
            as_of=NIGHT + timedelta(days=night),
            checkpoint={"night": night},
            rows=self._rows(*self.nights[night]),
        )

    def _rows(self, rows: Mapping[str, str], unreadable: int, cut: bool) -> Iterator[Row | UnreadableRow]:
        yield from (UnreadableRow(place=f"line {number}", values={"fault": "ragged"}) for number in range(unreadable))
        yield from (Row(key=key, values={"is": what}, keeps={"was_in": "Mill Lane"}) for key, what in rows.items())
        self.meanwhile()
        if cut:
            raise ContractBroken("The trailer does not add up.")

    def translate(self, record: LegacyRecord) -> Any:
        return ()


class Site:
    """A dataset, its memory, and what was said of it."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url, "nightly")
        self.memory, self.system, self.stop = EdgeMemory(self.engine, "nightly"), Nightly(), Signal()
        self.extracts = Extracts(self.engine, "nightly", "jobs")
        self.records: list[LegacyRecord] = []
        self.rows: list[int] = []

    def release(self) -> Taken | None:
        """A person looks at what is held, and lets it go."""
        held = self.extracts.held()
        return self.extracts.release(held.id) if held else None

    def pages(self, settled: Callable[[], None]) -> Iterator[Page]:
        """The news of a look, page by page."""
        full = FullExtracts(self.extracts, "nightly", "jobs", FEED, self.stop)
        after = self.memory.checkpoint("jobs")
        return full.pages(self.system, after, whole=self.rows.append, settled=settled, now_ms=lambda: 0)

    def look(self, pages: int = 1_000, *, late: bool = False) -> SaidOf:
        """One look, or as much of it as a process lives for: what was said.

        Args:
            pages: so many are acknowledged.
            late: each only when the next is there, or all are waited for.
        """
        under_way: list[Page] = []

        def settled() -> None:
            while under_way:
                self.memory.move_on("jobs", None, learned={}, at_ms=0, also=under_way.pop(0).acknowledged)

        found = self.pages(settled)
        said: list[LegacyRecord] = []
        for page in found:
            said += page.records
            if pages == 0:
                break
            if late:
                settled()
            under_way.append(page)
            if not late:
                settled()
            pages -= 1
        found.close()  # type: ignore[attr-defined]  # it is a generator
        self.records += said
        return [(str(record.change), record.key) for record in said]


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    made = Site(database_url)
    yield made
    made.engine.dispose()


def test_what_was_created_changed_and_deleted_is_said_and_nothing_of_the_rest(site: Site) -> None:
    site.system.has({"1": "a", "2": "a", "3": "a", "5": "a"})
    site.system.has({"1": "a", "2": "b", "4": "a", "5": "a"})

    assert site.look() == [("created", "1"), ("created", "2"), ("created", "3"), ("created", "5")]
    assert site.look() == [("changed", "2"), ("created", "4"), ("deleted", "3")]
    assert site.look() == []
    assert site.memory.checkpoint("jobs") == {"night": 1}
    assert site.records[-1].values == {"was_in": "Mill Lane"}
    assert site.records[-1].as_of == NIGHT + timedelta(days=1)
    assert site.rows == [4, 4]


def test_pages_are_read_on_before_the_one_before_is_acknowledged_and_each_row_is_said_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.edge.full_extracts._SAID_TOGETHER", 2)
    site.system.has(dict.fromkeys("12345678", "a"))
    site.system.has(dict.fromkeys("24678", "a") | {"1": "b", "4": "b", "9": "a"})

    assert site.look(late=True) == [("created", key) for key in "12345678"]
    assert site.look(late=True) == [
        ("changed", "1"),
        ("changed", "4"),
        ("created", "9"),
        ("deleted", "3"),
        ("deleted", "5"),
    ]
    assert site.look(late=True) == []
    assert site.memory.checkpoint("jobs") == {"night": 1}


def test_an_extract_is_not_at_its_end_before_its_last_page_is_acknowledged(site: Site) -> None:
    site.system.has({"1": "a"})

    def refused() -> None:
        raise RestartMe("Kafka did not acknowledge records.")

    with pytest.raises(RestartMe):
        list(site.pages(refused))
    assert (site.extracts.applied(), site.memory.checkpoint("jobs")) == (None, None)

    assert site.look() == [("created", "1")]


def test_a_row_that_goes_from_a_to_b_and_back_says_so_three_times(site: Site) -> None:
    for what in "aba":
        site.system.has({"1": what})
    site.system.has({})
    site.system.has({"1": "a"})

    for _ in range(3):
        site.look()
    with pytest.raises(Held):
        site.look()
    assert site.release() is not None
    site.look()
    site.look()

    assert [(str(record.change), record.values.get("is")) for record in site.records] == [
        ("created", "a"),
        ("changed", "b"),
        ("changed", "a"),
        ("deleted", None),
        ("created", "a"),
    ]
    assert len({record.position for record in site.records}) == 5


def test_an_extract_with_far_fewer_rows_is_held_and_says_the_figures_until_a_person_lets_it_go(site: Site) -> None:
    site.system.has({str(number): "a" for number in range(100)})
    site.system.has({str(number): "a" for number in range(59)})
    site.look()

    for _ in range(2):
        with pytest.raises(Held) as held:
            site.look()
        assert str(held.value) == (
            "41 % fewer rows than the extract before (59, where that had 100): held. Nothing of night 1 was said. If it is right, run "
            "`hub connector release nightly jobs 2`; if not, have a whole one sent: it takes its place."
        )
    released = site.release()

    assert released is not None
    assert released.rows == 59
    assert site.look() == [("deleted", str(number)) for number in sorted(map(str, range(59, 100)))]
    assert site.release() is None


def test_another_extract_than_the_one_that_was_looked_at_is_not_let_go(site: Site) -> None:
    for rows in (10, 1, 2):
        site.system.has({str(number): "a" for number in range(rows)})
    site.look()
    with pytest.raises(Held):
        site.look()
    looked_at = site.extracts.held()
    assert looked_at is not None
    with pytest.raises(Held):
        site.look()

    assert site.extracts.release(looked_at.id) is None
    held = site.extracts.held()
    assert held is not None
    assert held.name == "night 2"


def test_a_whole_extract_within_bounds_takes_the_place_of_one_that_is_held(site: Site) -> None:
    site.system.has({str(number): "a" for number in range(10)})
    site.system.has({"1": "a"})
    site.look()
    with pytest.raises(Held):
        site.look()
    site.system.has({str(number): "a" for number in range(9)})

    assert site.look() == [("deleted", "9")]
    assert site.memory.checkpoint("jobs") == {"night": 2}
    assert site.release() is None


@pytest.fixture
def holding(site: Site) -> Site:
    """The list of the second night, with one row of ten, is held."""
    site.system.has({str(number): "a" for number in range(10)})
    site.system.has({"1": "a"})
    site.look()
    with pytest.raises(Held):
        site.look()
    return site


def test_an_extract_that_is_held_stays_so_while_the_next_one_cannot_be_read(holding: Site) -> None:
    holding.system.has({"1": "a"}, cut=True)

    with pytest.raises(ContractBroken):
        holding.look()

    released = holding.release()
    assert released is not None
    assert released.name == "night 1"
    assert len(holding.look()) == 9


def test_an_extract_that_was_let_go_while_a_crash_cut_the_next_one_short_is_said(holding: Site) -> None:
    left = holding.extracts.begin("night 2", NIGHT, {"night": 2})
    holding.extracts.load(left, holding.extracts.applied(), [Row(key="1", values={"is": "half"})])
    assert holding.release() is not None

    assert len(holding.look()) == 9
    assert holding.memory.checkpoint("jobs") == {"night": 1}


def test_an_extract_that_was_let_go_while_the_next_one_was_read_is_said_before_it(holding: Site) -> None:
    holding.system.has({"1": "a", "2": "a"})
    holding.system.meanwhile = holding.release

    assert len(holding.look()) == 9
    with pytest.raises(Held, match="100 % more rows"):
        holding.look()


def test_an_extract_of_as_many_rows_under_other_keys_is_held(site: Site) -> None:
    site.system.has({f"{number:03}": "a" for number in range(100)})
    site.system.has({str(number): "a" for number in range(59, 159)})  # 59 to 99 without their zeros, and 100 to 158
    site.look()

    with pytest.raises(Held) as held:
        site.look()

    assert str(held.value).startswith(
        "100 % of the rows of the extract before are gone (100 of 100; this one has 100): held. Nothing of night 1 was said."
    )


def test_an_extract_that_lost_fewer_keys_than_are_agreed_is_said_whatever_came_for_them(site: Site) -> None:
    site.system.has({str(number): "a" for number in range(10)})
    site.system.has({str(number): "a" for number in range(3, 13)})
    site.look()

    assert len(site.look()) == 6


def test_an_extract_with_fewer_rows_of_which_few_are_known_says_both(site: Site) -> None:
    site.system.has({str(number): "a" for number in range(100)})
    site.system.has({f"x{number}": "a" for number in range(59)})
    site.look()

    with pytest.raises(Held) as held:
        site.look()

    assert str(held.value).startswith(
        "41 % fewer rows than the extract before (59, where that had 100), and 100 % of the rows of the extract before are gone "
        "(100 of 100; this one has 59): held."
    )


def test_the_first_rows_after_an_empty_extract_are_news(site: Site) -> None:
    site.system.has({})
    site.system.has({str(number): "a" for number in range(100)})
    site.look()

    assert len(site.look()) == 100


def test_rows_that_an_unreadable_extract_left_in_doubt_do_not_go_unseen(site: Site) -> None:
    site.system.has({str(number): "a" for number in range(10)})
    site.system.has({}, unreadable=10)
    site.system.has({f"x{number}": "a" for number in range(10)})
    site.look()
    with pytest.raises(Held):
        site.look()
    assert site.release() is not None
    site.look()

    with pytest.raises(Held, match=r"^100 % of the rows of the extract before are gone \(10 of 10; this one has 10\)"):
        site.look()


def test_an_extract_with_far_more_rows_is_held_too(site: Site) -> None:
    site.system.has({"1": "a", "2": "a"})
    site.system.has({"1": "a", "2": "a", "3": "a"})
    site.look()

    with pytest.raises(Held, match="50 % more rows than the extract before"):
        site.look()


def test_nothing_of_an_extract_that_was_cut_is_used_and_least_of_all_what_is_missing(site: Site) -> None:
    site.system.has({"1": "a", "2": "a", "3": "a"})
    site.look()
    site.system.has({"1": "b", "2": "a"}, cut=True)

    with pytest.raises(ContractBroken, match="does not add up"):
        site.look()
    assert site.memory.checkpoint("jobs") == {"night": 0}
    site.system.nights[1] = ({"1": "b", "2": "a", "3": "a"}, 0, False)

    assert site.look() == [("changed", "1")]


def test_an_extract_with_a_row_that_cannot_be_read_deletes_nothing_and_the_next_whole_one_does(site: Site) -> None:
    site.system.has({"1": "a", "2": "a", "3": "a", "4": "a"})
    site.system.has({"1": "b", "2": "a", "3": "a"}, unreadable=1)
    site.system.has({"1": "b", "2": "a", "3": "a"})
    site.look()

    assert site.look() == [("changed", "1"), ("unreadable", "line 0")]
    assert site.look() == [("deleted", "4")]


def test_two_rows_with_one_key_are_no_extract(site: Site) -> None:
    site.system.has({"1": "a"})
    site.system._rows = lambda *_: iter([Row(key="1", values={}), Row(key="1", values={})])  # type: ignore[method-assign]  # on purpose

    with pytest.raises(ContractBroken, match="two rows of night 0 have the same key"):
        site.look()


def test_an_extract_that_a_crash_cut_short_goes_on_under_the_same_positions_whatever_there_is_by_then(
    site: Site,
) -> None:
    site.system.has({f"{number:04}": "a" for number in range(1_200)})
    site.look(pages=1)
    site.system.has({f"{number:04}": "b" for number in range(1_200)})

    site.look()
    site.look()

    by_key: dict[str, list[str]] = {}
    for record in site.records:
        by_key.setdefault(record.key, []).append(record.position)
    # The page on its way when the process died is said twice, under the same positions; then what has become of each since.
    assert {len(set(positions)) for positions in by_key.values()} == {2}
    assert {record.values["is"] for record in site.records[-1_200:]} == {"b"}
    assert len(site.records) == 1_200 + 500 + 1_200


def test_an_extract_that_a_crash_cut_short_in_reading_is_read_anew(site: Site) -> None:
    site.system.has({"1": "a"})
    left = site.extracts.begin("night 0", NIGHT, {"night": 0})
    site.extracts.load(left, None, [Row(key="1", values={"is": "half"}), Row(key="2", values={})])

    assert site.look() == [("created", "1")]
    site.look()
    assert site.extracts.pending() is None


def test_the_rows_of_extracts_that_are_gone_do_not_stay(site: Site) -> None:
    for what in "abc":
        site.system.has({"1": what, "2": "a"})
        site.look()
    site.look()

    with site.engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from extract_rows").scalar() == 2
        assert connection.exec_driver_sql("select count(*) from extract_news").scalar() == 0
        assert connection.exec_driver_sql("select phase from extracts").scalars().all() == [Phase.APPLIED]


def test_a_deletion_knows_no_more_of_a_row_than_its_connector_asked_to_keep(site: Site) -> None:
    site.system.has({"1": "a secret of Mill Lane", "2": "a", "3": "a", "4": "a"})
    site.look()

    with site.engine.connect() as connection:
        kept = connection.exec_driver_sql("select keeps from extract_rows").scalars().all()
    assert set(kept) == {'{"was_in":"Mill Lane"}'}
    assert Change.DELETED.value == "deleted"
