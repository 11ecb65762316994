"""Invented citizens as rows of the simulated database: padded, zero-filled, truncated, with sentinels for what nobody knows."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from connectors.sdk.simulation import Citizen
from connectors.universal_housing.simulated.councils import Council

_NONE = datetime(1900, 1, 1)  # noqa: DTZ001 - the legacy clock has no zone
_FIRST_DAY = datetime(2004, 4, 5)  # noqa: DTZ001 - as above
_TENURES = {
    "SEC": "Secure",
    "INT": "Introductory",
    "LEA": "Leasehold (RTB)",
    "TAF": "Temp Annexe Fam",
    "MPA": "Mesne Profit Ac",
}

Rows = dict[str, list[dict[str, Any]]]


def rows_of(citizens: Iterable[Citizen], council: Council, seed: int, known: set[str]) -> Rows:
    """Rows by table for citizens whose property is not `known`; the same for the same seed."""
    rows: Rows = {} if known else _council_rows(council)
    for citizen in citizens:
        if citizen.property_ref in known:
            continue
        known.add(citizen.property_ref)
        _add(rows, citizen, council, seed)
    return rows


def _council_rows(council: Council) -> Rows:
    """What there is without any citizen: code lists."""
    statuses = {
        council.raised: "Raised",
        council.accepted: "Issued",
        council.in_progress: "In progress",
        council.completed: "\\Work complete",  # descriptions really begin with a backslash now and then
        council.cancelled: "Cancelled",
        council.refused: "Refused",
    }
    lists = {"ZWS": statuses, "ZRT": council.types}
    return {
        "tenure": [{"ten_type": code, "ten_desc": words[:15].ljust(15)} for code, words in _TENURES.items()],
        "lookup": [
            {"lu_type": kind, "lu_ref": code.ljust(3), "lu_desc": words.ljust(60)}
            for kind, codes in lists.items()
            for code, words in codes.items()
        ],
    }


def _add(rows: Rows, citizen: Citizen, council: Council, seed: int) -> None:
    chance = int.from_bytes(hashlib.sha256(f"{seed}|{citizen.property_ref}".encode()).digest()[:4], "big")
    began = _FIRST_DAY + timedelta(days=7 * (chance % 1000))
    house_ref = _house_ref(citizen)
    number = int(citizen.property_ref)

    def add(table: str, **values: Any) -> None:
        rows.setdefault(table, []).append(values)

    home = _property(citizen.property_ref, "2", citizen, council, began)
    rows.setdefault("property", []).append(home)
    if council.shells and chance % 2 == 0:
        rows["property"].append(_property("B" + citizen.property_ref[1:], "1", citizen, council, began))
    add("simulator_truth", prop_ref=home["prop_ref"], steps=citizen.steps_at_door, keysafe=citizen.keysafe_present)
    add(
        "tenagree",
        tag_ref=citizen.tenancy_ref.ljust(11),
        prop_ref=home["prop_ref"],
        house_ref=house_ref,
        tag_desc=f"{citizen.title} {citizen.surname}".ljust(200),
        cot=began,
        eot=_NONE,
        tenure=tuple(_TENURES)[chance % len(_TENURES)],
        active=True,
        present=True,
        cur_bal=(chance % 40_000) / 100 - 150,
        u_saff_rentacc=f"{number:010d}".ljust(20),
        dtstamp=began + timedelta(minutes=chance % 600),
    )
    add(
        "member",
        house_ref=house_ref,
        person_no=1,
        title=citizen.title[:10].ljust(10),
        forename=citizen.forename[:24].ljust(24),
        surname=citizen.surname[:20].ljust(20),
        ni_no=" " * 12,
        dob=datetime.combine(citizen.date_of_birth, datetime.min.time()) if chance % 50 else _NONE,
        responsible=True,
        member_sid=number,
        ethnic_origin="XX1",
        hiv_positive="XX2",
        crim_rec="XX3",
        sex_orient="XX4",
        religion_belief="XX5",
        pregnant=False,
    )
    add("contacts", con_key=number, tag_ref=citizen.tenancy_ref.ljust(11))
    add(
        "CCContactLink",
        ContactNo=number,
        LinkType="UHMTenant",
        Key1=citizen.tenancy_ref.ljust(20),
        Key2="1".ljust(10),
        MODTYPE="I",
    )
    add("CCPhone", PhoneID=number, ContactNo=number, PhoneNo=citizen.phone, PhoneType="H", modType="I")
    if chance % 10 == 1:
        done = began + timedelta(days=40)
        add(
            "rmworder",
            wo_ref=f"{number % 10_000_000:08d}".ljust(10),
            prop_ref=home["prop_ref"],
            wo_status=council.completed,
            created=done - timedelta(days=9),
            completed=done,
            dtstamp=done,
            u_short_desc="Renew tap washer".ljust(80),
            **{council.order_type: tuple(council.types)[-1].ljust(3)},
        )


def _property(ref: str, level: str, citizen: Citizen, council: Council, stamp: datetime) -> dict[str, Any]:
    """A property's row; its UPRN is zero-filled to twelve digits, as spreadsheets and gazetteers leave it."""
    return {
        "prop_ref": ref.ljust(12),
        "level_code": level,
        "post_code": citizen.postcode.ljust(10),
        "short_address": citizen.address[:200].ljust(200),
        "address1": citizen.address[:255].ljust(255),
        "house_ref": _house_ref(citizen),
        council.uprn: citizen.uprn.zfill(12).ljust(16),
        council.keysafe: " ",
        "dtstamp": stamp,
    }


def _house_ref(citizen: Citizen) -> str:
    return f"{int(citizen.property_ref):07d}".ljust(10)
