"""People who ask: requests over HTTP at a steady rate, whether or not the earlier ones were answered, as it is with people."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from connectors.sdk.simulation import Citizen

_CONNECTIONS = 64
_LATEST_S = 300.0


@dataclass(frozen=True)
class Answer:
    """One request and its answer.

    Attributes:
        due: when it was to be sent, by the wall clock, in seconds; waiting begins here, though nobody may have been free to send it.
        took_ms: from then to the end of the answer.
        status: of the answer.
        case: its case.
    """

    due: float
    took_ms: float
    status: int
    case: str


def bodies(people: Sequence[Citizen], number: int, seed: int) -> list[bytes]:
    """So many requests, whole with their heads: people come home from hospital."""
    home_on = (date.today() + timedelta(days=20)).isoformat()  # noqa: DTZ011 - a day ahead, whatever the zone
    found = []
    for place in range(number):
        who = people[place % len(people)]
        facts = {
            "discharge_date": home_on,
            "mobility": str(who.mobility),
            "nhs_number": who.nhs_number,
            "person_name": f"{who.forename} {who.surname}",
            "uprn": who.uprn,
            "date_of_birth": who.date_of_birth.isoformat(),
            "phone": who.phone,
        }
        body = json.dumps({"request": "discharge-notified", "channel": "phone", "facts": facts}).encode()
        key = UUID(int=(seed << 64) + place, version=4)
        head = (
            f"POST /api/requests HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nIdempotency-Key: {key}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        found.append(head.encode() + body)
    return found


def ask(port: int, requests: Sequence[bytes], per_s: float) -> list[Answer]:
    """Send requests at a rate and hear all answers.

    Raises:
        TimeoutError: not all were answered.
    """
    return asyncio.run(_ask(port, requests, per_s))


async def _ask(port: int, requests: Sequence[bytes], per_s: float) -> list[Answer]:
    waiting = iter(enumerate(requests))
    began_at, began = time.time() + 0.1, time.monotonic() + 0.1
    answers: list[Answer] = []

    async def person() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for place, request in waiting:
            due = place / per_s
            await asyncio.sleep(max(0.0, began + due - time.monotonic()))
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"
            )
            body = await reader.readexactly(length)
            took_ms = (time.monotonic() - began - due) * 1000
            status = int(head[9:12])
            case = json.loads(body)["case"] if status == 202 else ""
            answers.append(Answer(began_at + due, took_ms, status, case))
        writer.close()

    async with asyncio.timeout(len(requests) / per_s + _LATEST_S):
        await asyncio.gather(*(person() for _ in range(_CONNECTIONS)))
    return answers
