"""The yardstick of what real envelopes, journeys, dead letters and metrics may cost: rounds on Faust, and nothing else.

Everything fetched over all partitions is one round: one SELECT, every event validated and counted, one batch of outputs a partition, all
acknowledged, one transaction with a compare-and-set of every partition's position. It has the hub's promise in an undisturbed run, and
none of its care: nothing is retried, set aside, watched or fenced off in a rebalance.
"""

import asyncio
import json
import os
import sqlite3
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, cast

import faust
import orjson
import uvloop
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP, ConsumerMessage
from faust.worker import Worker
from pydantic import BaseModel, ConfigDict, Field

SOURCE, TARGET = "bench-events", "bench-tasks"
ROUND_S = 0.01
PARTITIONS = int(os.environ["BENCH_PARTITIONS"])


class Address(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    street: str
    postcode: str
    town: str


class Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    citizen: str
    department: str
    priority: int = Field(ge=0, le=99)
    amount_pence: int
    note: str
    address: Address


class Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    specversion: Literal["1.0"]
    id: str
    source: str
    type: Literal["opened", "document-received", "status-changed", "note-added"]
    time: datetime
    subject: str
    correlationid: str
    sequence: int = Field(ge=1)
    data: Data


State = tuple[str, int, int]
"""Kind of the last event, its number, and the pence so far."""


def step(state: State | None, event: Event) -> State | None:
    """The next state; None where the event was applied already."""
    if state is None:
        return event.type, event.sequence, event.data.amount_pence
    if event.sequence <= state[1]:
        return None
    return event.type, event.sequence, state[2] + event.data.amount_pence


def output(event: Event, state: State) -> bytes:
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": f"{event.id}.task",
            "source": "/bench",
            "type": "task.raised",
            "time": event.time,
            "subject": event.subject,
            "correlationid": event.correlationid,
            "causationid": event.id,
            "data": {"status": state[0], "sequence": state[1], "pence": state[2], **event.data.model_dump()},
        }
    )


class Store:
    """Positions, states and a timeline in SQLite."""

    def __init__(self, file: str) -> None:
        self._sql = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "PRAGMA wal_autocheckpoint=20000",
            "PRAGMA cache_size=-262144",
            "CREATE TABLE progress (part INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL)",
            "CREATE TABLE cases (reference TEXT PRIMARY KEY, status TEXT NOT NULL, sequence INTEGER NOT NULL, pence INTEGER NOT NULL)",
            "CREATE TABLE timeline (id INTEGER PRIMARY KEY, reference TEXT, sequence INTEGER, event TEXT, at TEXT, status TEXT)",
            "CREATE INDEX timeline_by_case ON timeline (reference)",
        ):
            self._sql.execute(statement)

    def begin(self, first: dict[int, int]) -> dict[int, int]:
        self._sql.executemany("INSERT INTO progress VALUES (?, ?) ON CONFLICT DO NOTHING", first.items())
        return dict(self._sql.execute("SELECT part, next_offset FROM progress"))

    def states(self, references: set[str]) -> dict[str, State]:
        rows = self._sql.execute(
            "SELECT reference, status, sequence, pence FROM cases WHERE reference IN (SELECT value FROM json_each(?))",
            (json.dumps(list(references)),),
        )
        return {reference: (status, sequence, pence) for reference, status, sequence, pence in rows}

    def apply(self, moves: list[tuple[int, int, int]], states: dict[str, State], lines: list[tuple[Any, ...]]) -> None:
        self._sql.execute("BEGIN IMMEDIATE")
        for new, part, old in moves:
            moved = self._sql.execute(
                "UPDATE progress SET next_offset=? WHERE part=? AND next_offset=?", (new, part, old)
            )
            assert moved.rowcount == 1, "another one has this partition"
        self._sql.executemany(
            "INSERT INTO cases VALUES (?, ?, ?, ?) ON CONFLICT (reference) DO UPDATE SET status=excluded.status, "
            "sequence=excluded.sequence, pence=excluded.pence",
            [(reference, *state) for reference, state in states.items()],
        )
        self._sql.executemany(
            "INSERT INTO timeline (reference, sequence, event, at, status) VALUES (?, ?, ?, ?, ?)", lines
        )
        self._sql.execute("COMMIT")


STORE = Store(os.environ["BENCH_STORE"].removeprefix("sqlite:///"))
POSITIONS: dict[int, int] = {}


class Consumer(driver.Consumer):
    """Hands over everything fetched at once, and fetches again when that is done."""

    async def seek_to_committed(self) -> dict[TP, int]:
        tps = [TP(*tp) for tp in self.assignment() if tp.topic == SOURCE]
        first = await self.earliest_offsets(*tps)
        POSITIONS.update(STORE.begin({tp.partition: first[tp] for tp in tps}))
        offsets = {tp: POSITIONS[tp.partition] for tp in tps}
        await self._thread.seek_wait(offsets)
        for tp in tps:
            self._acked[tp]
        return offsets

    def _new_offset(self, tp: TP) -> int | None:
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return POSITIONS.get(tp.partition)

    async def _drain_messages(self, fetcher: Any) -> None:
        number, started = 1 << 40, 0.0
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                await asyncio.sleep(max(0.0, started + ROUND_S - time.monotonic()))
                records, _ = await self._wait_next_records(1.0)
                started = time.monotonic()
                if records is None or self.should_stop:
                    break
                if not records or not self.flow_active:
                    continue
                number += 1
                done = asyncio.get_running_loop().create_future()
                tp = TP(*next(iter(records)))
                # The whole round travels as the value of one message.
                value: Any = (records, done)
                generation = self.app.consumer_generation_id
                message = ConsumerMessage(
                    tp.topic,
                    tp.partition,
                    number,
                    started,
                    0,
                    [],
                    b"",
                    value,
                    None,
                    0,
                    0,
                    tp,
                    generation_id=generation,
                )
                await self.wait_first(self.callback(message), self.suspend_flow.wait())
                await self.wait_first(done, self.suspend_flow.wait())
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise


class Producer(driver.Producer):
    def _settings_extra(self) -> dict[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class Transport(driver.Transport):
    Consumer = Consumer
    Producer = Producer


class Untouched(faust.Schema[Any, Any]):
    def compile(self, app: Any, **_kwargs: Any) -> Any:
        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return app.create_event(message.key, message.value, None, message)

        return decode


uvloop.install()
app = faust.App(
    os.environ["BENCH_GROUP"],
    broker=[f"kafka://{address}" for address in os.environ["BENCH_KAFKA"].split(",")],
    datadir=str(Path(os.environ["BENCH_WORK"]) / "faust"),
    topic_partitions=PARTITIONS,
    topic_allow_declare=False,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    consumer_max_fetch_size=4 << 20,
    broker_max_poll_records=5000,
    broker_commit_interval=1.0,
    stream_buffer_maxsize=16,
    producer_linger=0.0,
    producer_max_batch_size=256 << 10,
    web_enabled=False,
)
app.transport = Transport(app.conf.broker_consumer, app)
app.producer_transport = Transport(app.conf.broker_producer, app)
source = app.topic(
    SOURCE, schema=Untouched(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
)


@app.agent(source)
async def apply(rounds: Any) -> None:
    async for records, done in rounds:
        try:
            await one_round(records)
        except Exception as error:  # noqa: BLE001 - nothing may leave the agent: Faust would go on behind it
            print(f"round failed: {error!r}", flush=True)  # noqa: T201 - to the log of the run
            os._exit(1)
        done.set_result(None)


async def one_round(records: Any) -> None:
    todo = {
        tp.partition: [record for record in found if record.offset >= POSITIONS[tp.partition]]
        for tp, found in records.items()
    }
    known = STORE.states({record.key.decode() for found in todo.values() for record in found})
    new: dict[str, State] = {}
    lines: list[tuple[Any, ...]] = []
    sent = []
    producer = cast("Producer", app.producer)._ensure_producer()
    for part, found in todo.items():
        batch = producer.create_batch()
        for record in found:
            event = Event.__pydantic_validator__.validate_json(record.value)
            case = event.correlationid
            state = step(new.get(case) or known.get(case), event)
            if state is None:
                continue
            new[case] = state
            value = output(event, state)
            if batch.append(key=record.key, value=value, timestamp=None) is None:
                batch.close()
                sent.append(await producer.send_batch(batch, TARGET, partition=part))
                batch = producer.create_batch()
                batch.append(key=record.key, value=value, timestamp=None)
            lines.append((case, event.sequence, event.id, event.time.isoformat(), state[0]))
        if batch.record_count():
            batch.close()
            sent.append(await producer.send_batch(batch, TARGET, partition=part))
    await asyncio.gather(*sent)
    moves = [(found[-1].offset + 1, part, POSITIONS[part]) for part, found in sorted(todo.items()) if found]
    STORE.apply(moves, new, lines)
    POSITIONS.update({part: offset for offset, part, _ in moves})


if __name__ == "__main__":
    worker = Worker(app, loglevel="WARN", override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None
    worker.execute_from_commandline()
