"""Journeys are found and read from their files, and what is no such file is told in words."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hub.errors import ConfigurationError
from hub.journeys import holidays
from hub.journeys.load import SHIPPED, load_file, load_files, load_journeys
from hub.journeys.source import JourneyError
from hub.settings import HubSettings
from schemas.envelope import Department

DISCHARGE = (SHIPPED / "hospital-discharge.v1.yaml").read_text(encoding="utf-8")


def settings(home: Path, **journeys: object) -> HubSettings:
    council = {"name": "Thornmere", "code": "E07000999", "key": "0123456789abcdef"}
    return HubSettings.model_validate({"council": council, "journeys": journeys, "file": home / "hub.toml"})


def test_three_journeys_come_with_the_hub_and_each_crosses_all_departments() -> None:
    journeys = list(load_files(sorted(SHIPPED.glob("*.yaml"))))

    assert [journey.name for journey in journeys] == ["change-of-address", "fly-tipping", "hospital-discharge"]
    for journey in journeys:
        assert {task.department for task in journey.tasks} == set(Department)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "1: a journey is a list of"),
        (b"\x7fELF\x02\x01\x00\xff\xfe", "1: not text in UTF-8. Save it as UTF-8"),
        ("journey: a\ntitle: Größe\n".encode("latin-1"), "2: not text in UTF-8. Save it as UTF-8"),
        ("journey: a\n".encode("utf-16"), "1: not text in UTF-8. Save it as UTF-8"),
        (b"a: b\n" * 1_000_000, " larger than 64 KiB, and no journey is."),
    ],
)
@pytest.mark.timeout(5)
def test_a_file_of_another_kind_is_refused_at_once(tmp_path: Path, raw: bytes, said: str) -> None:
    file = tmp_path / "a.v1.yaml"
    file.write_bytes(raw)

    with pytest.raises(JourneyError) as refusal:
        load_file(file)

    assert str(refusal.value).startswith(f"{file}:{said}")


@pytest.mark.parametrize("change", [lambda text: "\ufeff" + text, lambda text: text.replace("\n", "\r\n")])
def test_a_file_as_windows_writes_it_is_read_like_any_other(tmp_path: Path, change: Callable[[str], str]) -> None:
    file = tmp_path / "hospital-discharge.v1.yaml"
    file.write_bytes(change(DISCHARGE).encode())

    assert load_file(file).title == "Coming home from hospital"


def test_what_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    for file, said in (
        (tmp_path, f"a folder. Name the files in it: {tmp_path / '*.yaml'}"),
        (SHIPPED / "fly-tipping.v1.yaml" / "x.yaml", "cannot be read: Not a directory."),
        (tmp_path / ("x" * 5000), "cannot be read: File name too long."),
        (tmp_path / "nowhere" / "x.yaml", "there is no such file. Check its name and folder."),
    ):
        with pytest.raises(JourneyError) as refusal:
            load_file(file)
        assert said in str(refusal.value)


def test_a_file_must_be_called_by_the_journey_and_version_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "discharge.yaml"
    file.write_text(DISCHARGE, encoding="utf-8")

    with pytest.raises(JourneyError, match=r"call the file hospital-discharge\.v1\.yaml"):
        load_file(file)


def test_a_file_that_is_not_there_is_answered_with_the_nearest() -> None:
    with pytest.raises(JourneyError, match=r"no such file\. Did you mean .*fly-tipping\.v1\.yaml\?"):
        load_file(SHIPPED / "fly-tiping.v1.yaml")


def test_a_councils_own_file_wins_over_the_one_that_comes_with_the_hub(tmp_path: Path) -> None:
    own = tmp_path / "journeys"
    own.mkdir()
    (own / "hospital-discharge.v1.yaml").write_text(
        DISCHARGE.replace("Coming home from hospital", "Home again"), encoding="utf-8"
    )

    journeys = load_journeys(settings(tmp_path, folder=Path("journeys")))

    found = journeys.for_request("discharge-notified")
    assert found is not None
    assert found.title == "Home again"
    assert len(list(journeys)) == 3


def test_the_newest_version_takes_new_requests_and_the_older_ones_stay(tmp_path: Path) -> None:
    (tmp_path / "hospital-discharge.v2.yaml").write_text(
        DISCHARGE.replace("version: 1", "version: 2"), encoding="utf-8"
    )

    journeys = load_journeys(settings(tmp_path, folder=tmp_path))

    newest = journeys.for_request("discharge-notified")
    assert newest is not None
    assert newest.version == 2
    assert journeys.get("hospital-discharge", 1) is not None
    assert journeys.get("hospital-discharge", 3) is None


def test_two_journeys_that_start_with_the_same_request_are_refused(tmp_path: Path) -> None:
    own = tmp_path / "home-again.v3.yaml"
    own.write_text(
        DISCHARGE.replace("journey: hospital-discharge\nversion: 1", "journey: home-again\nversion: 3"),
        encoding="utf-8",
    )

    with pytest.raises(JourneyError) as refusal:
        load_journeys(settings(tmp_path, folder=tmp_path))

    assert str(refusal.value) == (
        f"{own}: starts with discharge-notified, as hospital-discharge does, and a request can start only one. "
        "Give this one another request, or make it the next version of hospital-discharge."
    )


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"journeys\.folder is .*, which is no folder"):
        load_journeys(settings(tmp_path, folder=Path("nowhere")))


def test_bank_holidays_follow_the_councils_nation_and_its_own_closures(tmp_path: Path) -> None:
    england = holidays.load_calendar(settings(tmp_path, closures=["2026-12-24"]))
    scottish = HubSettings.model_validate(
        {"council": {"name": "S", "code": "S12000099", "key": "0123456789abcdef"}, "file": tmp_path / "hub.toml"}
    )
    scotland = holidays.load_calendar(scottish)
    from_file = {str(day) for day in england.days_off}

    assert {"2026-12-24", "2026-12-25", "2027-03-29"} <= from_file
    assert "2027-03-29" not in {str(day) for day in scotland.days_off}
    assert "2027-01-04" in {str(day) for day in scotland.days_off}


@pytest.mark.parametrize("text", ["", "[]", '{"scotland": {"events": [{"day": "2026-01-01"}]}}'])
def test_a_file_of_bank_holidays_in_another_format_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "holidays.json"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigurationError, match=r"holidays\.json"):
        holidays.load_calendar(settings(tmp_path, holidays=file))
