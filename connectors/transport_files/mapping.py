"""What the depot's files mean: a booking file from an instruction, and what one row of results says. Pure; touches nothing."""

import re
import zlib
from collections.abc import Iterable
from datetime import UTC

from connectors.sdk import Effect, Fact, LegacyRecord, MomentQuirk, Progress, Receipt, Said, TextQuirk, TranslationError
from connectors.transport_files.layout import Column, plain, write_record
from connectors.transport_files.rules import DETAIL, FileRules
from connectors.transport_files.sheet import Fault
from schemas.facts import Facts
from schemas.tasks import Task, TaskChanged, TaskRaised, TaskStatus, TaskWithdrawal, TaskWithdrawn, Work
from schemas.transport import Booking, BookingChanged

Fields = dict[str, str | int | None]
"""What stands in the fields of one record."""

FREE_TEXT = frozenset({"passenger", "collect_from", "take_to", "notes"})
"""Fields of which as much is written as fits; any other must be whole."""

_RANK = {TaskRaised: 1, TaskChanged: 2, TaskWithdrawn: 3}
_EFFECT_KEY = re.compile(r"[0-9A-Fa-f]{32}")
_BOOKING = re.compile(r"[A-Za-z0-9/-]{1,32}")


# --- a booking file from an instruction


def booking_name(effect: Effect, rules: FileRules) -> str:
    """Name of the file of one effect: always the same, and behind those of the same booking that were asked for before."""
    at = effect.instruction.time.astimezone(UTC)
    order = f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03}{_RANK[type(effect.instruction)]}"
    return rules.file_name.format(key=effect.key, order=order)


def booking_file(effect: Effect, rules: FileRules) -> bytes:
    """The whole file of one effect; the same effect gives the same bytes, whenever it is asked.

    Raises:
        UnmappedCode: the kind of work, the mobility or the load has no code.
        TranslationError: a value does not fit into its columns.
    """
    instruction = effect.instruction
    header: Fields = {
        "record": "H",
        "interface": rules.interface,
        "reference": effect.key,
        "written": rules.moments.write(instruction.time),
    }
    detail: Fields = dict.fromkeys(DETAIL)
    detail |= {"record": "D", "reference": effect.key, "case": effect.case, "earlier": effect.raised_as}
    match instruction:
        case TaskRaised(data=task):
            detail |= {"action": "NEW"} | _wanted(task, rules)
        case TaskChanged(data=task):
            detail |= {"action": "AMEND"} | _wanted(task, rules)
        case TaskWithdrawn(data=withdrawal):
            detail |= {"action": "CANCEL"} | _not_wanted(withdrawal, rules)
    body = _line(rules.layouts.header, header, rules) + _line(rules.layouts.detail, detail, rules)
    trailer: Fields = {"record": "T", "records": 3, "control_total": zlib.crc32(body)}
    return body + _line(rules.layouts.trailer, trailer, rules)


def _line(layout: tuple[Column, ...], values: Fields, rules: FileRules) -> bytes:
    readable = {
        name: plain(value, rules.encoding) if isinstance(value, str) else value for name, value in values.items()
    }
    return rules.encoding.encode(write_record(layout, readable, FREE_TEXT) + "\r\n")


def _wanted(task: Task, rules: FileRules) -> Fields:
    facts, place = task.facts, task.facts.location
    return {
        "kind": rules.kinds.code(task.work),
        "needed_on": rules.days.write(facts.discharge_date or facts.move_date),
        "due": rules.moments.write(task.due),
        "passenger": facts.person_name,
        "phone": facts.phone,
        "collect_from": facts.hospital_site or facts.location_text,
        "take_to": facts.to_address or facts.address,
        "postcode": facts.postcode,
        "uprn": facts.to_uprn or facts.uprn,
        "mobility": rules.mobility.code(facts.mobility) if facts.mobility else None,
        "steps": facts.steps_at_door,
        "easting": round(place.easting) if place else None,
        "northing": round(place.northing) if place else None,
        "waste_size": rules.waste_sizes.code(facts.waste_size) if facts.waste_size else None,
        "hazardous": None if facts.hazardous is None else "NY"[facts.hazardous],
        "notes": task.asks,
    }


def _not_wanted(withdrawal: TaskWithdrawal, rules: FileRules) -> Fields:
    return {"kind": rules.kinds.code(withdrawal.work), "notes": withdrawal.undo}


def receipt_for(effect: Effect) -> Receipt:
    """What is known once the file lies there: the depot's number comes later, with the results."""
    match effect.instruction:
        case TaskRaised():
            return Receipt(status=TaskStatus.ACCEPTED)
        case TaskWithdrawn():
            return Receipt(status=TaskStatus.CANCELLED)
        case TaskChanged() if effect.raised_as is None:
            return Receipt(status=TaskStatus.REJECTED, reason="No booking of this task was ever sent to the depot")
        case TaskChanged():
            return Receipt(status=TaskStatus.ACCEPTED)


# --- what came back


def said_by(record: LegacyRecord, rules: FileRules) -> Iterable[Said]:
    """What one record of the dataset says: a row of a results file, a file that cannot be read, or one that the depot refused.

    Raises:
        TranslationError: the row, or the whole file, cannot be understood; the message names file and line.
    """
    if "fault" in record.values:
        fault = Fault.__members__.get(str(record.values["fault"]))
        raise TranslationError(
            f"{record.key}: {fault or 'it cannot be read.'}",
            code="bad-row" if fault is not None and fault.of_a_row else "unreadable-file",
        )
    if "refused_at" in record.values:
        return (_refused(record, rules),)
    try:
        return _row_said(record, rules)
    except TranslationError as error:
        file, line, *_ = record.position.split("|")
        raise type(error)(f"{file}, line {line}: {error}", code=error.code) from None


def _row_said(record: LegacyRecord, rules: FileRules) -> Iterable[Said]:
    work, status = rules.kinds.meaning(record, "kind"), rules.statuses.meaning(record, "status")
    if work is None or status is None:
        return ()
    booking, at = _booking_number(record), rules.moments.required(record, "status_time")
    day, pickup = rules.days.read(record, "trip_day"), rules.pickups.read(record, "pickup")
    ends_unwanted = status in {TaskStatus.REJECTED, TaskStatus.CANCELLED}
    reason = rules.reasons.meaning(record, "reason") if ends_unwanted and TextQuirk().read(record, "reason") else None
    answers = Facts(pickup_time=pickup.time()) if pickup and work is Work.TRIP else Facts()
    fact = Fact(
        event=BookingChanged,
        data=Booking(booking=booking, kind=work, status=status, on=day),
        subject=booking,
        effective_at=at,
    )
    ours = _effect_key(TextQuirk().read(record, "our_reference"))
    if ours is None:
        return (fact,)
    progress = Progress(
        status=status,
        effective_at=at,
        effect_key=ours,
        legacy_key=booking,
        reference=booking,
        reason=reason,
        answers=answers,
    )
    return (fact, progress)


def _booking_number(record: LegacyRecord) -> str:
    booking = TextQuirk().required(record, "booking")
    if not _BOOKING.fullmatch(booking):
        raise TranslationError(f"{record.dataset}: booking is not a booking number.", code="bad-reference")
    return booking


def _effect_key(text: str | None) -> str | None:
    """Our reference, if it is one: the depot's staff keep other departments' order numbers in the same column."""
    return text.lower() if text and _EFFECT_KEY.fullmatch(text) else None


def _refused(record: LegacyRecord, rules: FileRules) -> Progress:
    """The depot could not use a booking file: the task it was written for is refused, or it would wait for ever."""
    pattern = re.escape(rules.file_name).replace(r"\{order\}", r"\d{18}").replace(r"\{key\}", "([0-9a-f]{32})")
    named = re.fullmatch(pattern, record.key, re.IGNORECASE)
    if named is None:
        raise TranslationError("A file among those the depot refused is not one of ours.", code="not-ours")
    return Progress(
        status=TaskStatus.REJECTED,
        effective_at=MomentQuirk(formats=("%Y-%m-%dT%H:%M:%S%z",)).required(record, "refused_at"),
        effect_key=named[1].lower(),
        reason="The depot could not use the booking file; it lies in its folder for refused files",
    )
