"""A judge of what is polled, which imports nothing of the product: how an order or referral stands, and what was said of it last."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from tests.faults.oracles import Record, Verdict
from tests.oracle.legacy import HOUSING, SOCIAL_CARE


def stands(database: Path) -> dict[str, str]:
    """Every works order of the housing department's SQLite, and its status in the words of the hub's API."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as sql:
        rows = sql.execute("select trim(wo_ref), trim(wo_status) from rmworder").fetchall()
    return {order: HOUSING[status] for order, status in rows}


def referrals(database: Path) -> dict[str, str]:
    """Every referral of the social-care system's SQLite, likewise."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as sql:
        rows = sql.execute("select number, status from referral").fetchall()
    return {f"R{number:07d}": SOCIAL_CARE[status] for number, status in rows}


def said_last(topic: Iterable[Record]) -> dict[str, str]:
    """What was said last of each order or referral: all that is said of one stands in one partition, in order."""
    last: dict[str, str] = {}
    begins = {"raised": "asked", "received": "asked"}
    for record in sorted(topic, key=lambda record: (record.partition, record.offset)):
        data = json.loads(record.value or b"null")["data"]
        if about := data.get("works_order") or data.get("referral"):
            last[about] = begins.get(data["status"], data["status"])
    return last


def judge(orders: Mapping[str, str], topic: Iterable[Record]) -> Verdict:
    """Whether the last word on each order is how it stands, and no change was said under two ids."""
    records = list(topic)
    last, verdict = said_last(records), Verdict()
    verdict.lost += [f"order {order}" for order in orders.keys() - last.keys()]
    verdict.wrong += [
        f"order {order} is {status} and was last said to be {last[order]}"
        for order, status in orders.items()
        if order in last and last[order] != status
    ]
    bodies: dict[str, set[str]] = {}
    for record in records:
        event = json.loads(record.value or b"null")
        what = json.dumps([event["data"], event["effectiveat"], event.get("recordedat")], sort_keys=True)
        bodies.setdefault(event["id"], set()).add(what)
    verdict.wrong += [
        f"{identifier} in {len(found)} versions" for identifier, found in bodies.items() if len(found) > 1
    ]
    return verdict
