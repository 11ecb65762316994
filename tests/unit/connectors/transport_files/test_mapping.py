"""A booking file says what was asked, in the depot's words, and always the same bytes."""

import tomllib
import zlib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.sdk import Effect, LegacyRecord, Progress, UnmappedCode, load_manifest, load_settings
from connectors.sdk.rehearsal import change_of, raise_task, withdrawal_of
from connectors.transport_files.connector import Settings
from connectors.transport_files.mapping import booking_file, booking_name, receipt_for, said_by
from connectors.transport_files.rules import FileRules
from connectors.transport_files.simulated.depot import parse_booking_file
from schemas.facts import Facts, only
from schemas.tasks import TaskRaised, TaskStatus, Work

REPOSITORY = Path(__file__).parents[4]
MANIFEST = load_manifest(REPOSITORY / "connectors/transport_files/manifest.toml")
RULES = FileRules()


def raised(work: Work = Work.TRIP, **facts: Any) -> Effect:
    effect = raise_task(work, MANIFEST, 0)
    assert isinstance(effect.instruction, TaskRaised)
    task = effect.instruction.data
    task = task.model_copy(update={"facts": task.facts.model_copy(update=facts)})
    return Effect(key=effect.key, case=effect.case, instruction=effect.instruction.model_copy(update={"data": task}))


def following(effect: Effect, instruction: Any, earlier: str | None = None, *, booked: bool = True) -> Effect:
    raised_as = effect.key if booked else None
    return Effect(
        key=instruction.id.hex, case=effect.case, instruction=instruction, earlier=earlier, raised_as=raised_as
    )


def ashmere() -> Settings:
    text = (REPOSITORY / "deploy/connectors/transport_files.ashmere.example.toml").read_text(encoding="utf-8")
    return load_settings(Settings, tomllib.loads(text)["connectors"]["transport_files"], "ashmere")


def test_a_trip_is_booked_in_three_records_with_two_date_formats() -> None:
    effect = raised(person_name="Siân Ŵyn", discharge_date=date(2026, 11, 20))

    header, detail, trailer, rest = booking_file(effect, RULES).split(b"\r\n")

    assert header == b"HHUBBK02 " + effect.key.encode() + b"03/11/2026 09:00"
    assert detail[:6] == b"DNEW  "
    assert detail[90:121] == b"TR0120-Nov-202620/11/2026 17:00"
    assert detail[121:151] == "Siân Wyn".encode("cp1252").ljust(30)
    assert detail[301:305] == b"C001"
    body = header + b"\r\n" + detail + b"\r\n"
    assert trailer == b"T000003" + b"%010d" % zlib.crc32(body)
    assert rest == b""


@pytest.mark.parametrize("work", [Work.TRIP, Work.TRAVEL_REVIEW, Work.WASTE_COLLECTION])
def test_the_depot_reads_every_kind_of_booking_change_and_withdrawal(work: Work) -> None:
    new = raised(work)
    effects = [new, following(new, change_of(new)), following(new, withdrawal_of(new))]

    read = [parse_booking_file(booking_file(effect, RULES), effect.key) for effect in effects]

    assert [fields["action"] for fields in read] == ["NEW", "AMEND", "CANCEL"]
    assert [fields["earlier"] for fields in read] == ["", new.key, new.key]
    assert {fields["kind"] for fields in read} == {RULES.kinds.code(work)}


def test_the_same_effect_gives_the_same_bytes_though_the_depots_number_came_meanwhile() -> None:
    change = change_of(raised())

    assert booking_file(raised(), RULES) == booking_file(raised(), FileRules())
    assert booking_file(following(raised(), change), RULES) == booking_file(
        following(raised(), change, "TB000001"), RULES
    )


def test_a_booking_sorts_before_its_change_and_its_withdrawal_whatever_their_keys() -> None:
    new = raised()
    effects = [new, following(new, change_of(new)), following(new, withdrawal_of(new))]

    names = [booking_name(effect, RULES) for effect in effects]

    assert names == sorted(names)
    assert names[0] == f"BK_202611030900000001_{new.key}.dat"


def test_a_withdrawal_tells_the_depot_nothing_about_the_person() -> None:
    effect = raised(person_name="Zebadiah Quillfeather")

    content = booking_file(following(effect, withdrawal_of(effect)), RULES)

    assert b"Quillfeather" not in content
    assert b"Quillon" not in content


def test_a_protected_persons_places_are_blank() -> None:
    effect = raised()
    assert isinstance(effect.instruction, TaskRaised)
    shown = effect.instruction.data.facts.model_copy(update={"protected_address": True})
    named = ("person_name", "uprn", "to_uprn", "address", "to_address", "postcode", "location", "location_text")

    content = booking_file(raised(**dict(Facts.model_validate(only(named, shown.known())))), RULES)

    assert b"Quillfeather" in content
    assert content.split(b"\r\n")[1][221:301].strip() == b""


def test_the_second_councils_file_has_its_own_columns_codes_and_formats() -> None:
    rules, effect = ashmere(), raised(person_name="Zoë Thistlewrangle-Featherstonehaugh")

    header, detail, _, _ = booking_file(effect, rules).split(b"\r\n")

    assert booking_name(effect, rules) == f"ASHUB_{effect.key}.txt"
    assert header.endswith(b"03-Nov-2026 09:00")
    assert detail[65:83] == b"NEW    D  20/11/26"
    assert detail[83:108].decode("cp1252") == "Zoë Thistlewrangle-Feathe"
    assert len(detail) == 220


def test_work_that_the_depot_has_no_code_for_is_set_aside() -> None:
    rules = FileRules.model_validate({"kinds": {"ignored": {"WC07": "lorries are somebody else's"}}})

    with pytest.raises(UnmappedCode, match="no code for waste-collection"):
        booking_file(raised(Work.WASTE_COLLECTION), rules)


@pytest.mark.parametrize(
    ("layouts", "complaint"),
    [
        ({"detail": "record 1-1, colour 2-9"}, "no such field: colour"),
        ({"trailer": "record 1-1, records 2-7"}, "the field control_total is missing"),
        ({"header": "record 1-1, reference 2-20"}, "reference needs 32 columns and has 19"),
        ({"header": "record 1-1, reference 2-33, interface 30-40"}, "reference and interface overlap"),
    ],
)
def test_a_layout_that_cannot_hold_a_booking_is_refused(layouts: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        FileRules.model_validate({"layouts": layouts})


def test_a_format_or_a_code_wider_than_its_columns_is_refused_before_anything_is_written() -> None:
    with pytest.raises(
        ValidationError, match=r"layouts\.header: written is written in 17 characters and has 16 columns"
    ):
        FileRules.model_validate({"moments": {"formats": ["%d-%b-%Y %H:%M"]}})


def test_a_receipt_says_what_is_known_once_the_file_lies_there_and_no_number_that_is_not_the_depots() -> None:
    new = raised()

    receipts = [receipt_for(effect) for effect in (
        new, following(new, change_of(new)), following(new, withdrawal_of(new)),
        following(new, change_of(new), booked=False), following(new, withdrawal_of(new), booked=False),
    )]  # fmt: skip

    assert [(receipt.status, receipt.reference) for receipt in receipts] == [
        (TaskStatus.ACCEPTED, None),
        (TaskStatus.ACCEPTED, None),
        (TaskStatus.CANCELLED, None),
        (TaskStatus.REJECTED, None),
        (TaskStatus.CANCELLED, None),
    ]


@pytest.mark.parametrize(("rule", "hour"), [("first", 0), ("second", 1)])
def test_a_row_of_the_hour_that_comes_twice_is_read_as_declared(rule: str, hour: int) -> None:
    rules = FileRules.model_validate({"moments": {"repeated_hour": rule}})
    values = dict.fromkeys(RULES.columns.model_dump(), "") | {
        "booking": "TB000001", "our_reference": raised().key, "kind": "TR01", "status": "ACC",
        "status_time": "25/10/2026 01:30",
    }  # fmt: skip
    record = LegacyRecord(dataset="results", key="TB000001", position="1", values=values)

    (progress,) = (said for said in said_by(record, rules) if isinstance(said, Progress))

    assert progress.effective_at.timestamp() == 1_792_886_400 + hour * 3600 + 1800
