"""What a connector's process has set aside: the instructions that wait for one which could not be read, and how many within a minute.

In the connector's own SQL, for both outlive a restart. Each method is one transaction; the table of what waits is nearly always empty.
"""

from sqlalchemy import Engine, delete, insert, select

from hub.dead_letters.parking import Parking
from hub.dead_letters.rate import KEPT_S, Counted, Rate
from hub.edge.tables import parked, set_aside, upsert


class Aside:
    """What one connector has set aside. May be shared by threads.

    Args:
        engine: of its memory, whose tables are there.
        connector: its name.
        rate: of what it may set aside.
    """

    def __init__(self, engine: Engine, connector: str, rate: Rate) -> None:
        self._engine, self._connector, self.rate = engine, connector, rate
        query = select(set_aside.c.at_ms, set_aside.c.number).where(set_aside.c.connector == connector)
        with engine.connect() as connection:
            rate.remember(Counted(at_ms / 1000, number) for at_ms, number in connection.execute(query))

    def count(self, number: int) -> None:
        """So many records are about to be set aside, none of which only waits for another."""
        if (counted := self.rate.count(number)) is None:
            return
        at_ms = round(counted.at * 1000)
        with self._engine.begin() as connection:
            connection.execute(
                delete(set_aside).where(
                    set_aside.c.connector == self._connector, set_aside.c.at_ms < at_ms - round(KEPT_S * 1000)
                )
            )
            connection.execute(insert(set_aside).values(connector=self._connector, at_ms=at_ms, number=number))

    def parking(self, topic: str) -> dict[int, Parking]:
        """What lies among the dead letters of a topic, by partition; those of which nothing does are left out."""
        query = select(parked.c.part, parked.c.case_ref, parked.c.first_offset).where(
            parked.c.connector == self._connector, parked.c.topic == topic
        )
        lying: dict[int, dict[str, list[int]]] = {}
        with self._engine.connect() as connection:
            for partition, case, first in connection.execute(query):
                lying.setdefault(partition, {}).setdefault(case, []).append(first)
        return {partition: Parking.of(cases) for partition, cases in lying.items()}

    def keep(self, topic: str, partition: int, parking: Parking) -> None:
        """Write what has changed since it was read or kept."""
        if not parking.parked and not parking.settled:
            return
        where = {"connector": self._connector, "topic": topic, "part": partition}
        with self._engine.begin() as connection:
            for case, first in parking.settled:
                connection.execute(
                    delete(parked).where(
                        *(parked.c[name] == value for name, value in where.items()),
                        parked.c.case_ref == case,
                        parked.c.first_offset == first,
                    )
                )
            if parking.parked:
                rows = [
                    {**where, "case_ref": case, "first_offset": first, "since_ms": at_ms}
                    for (case, first), at_ms in parking.parked.items()
                ]
                # Another process may have set the same record aside: then it lies there.
                connection.execute(upsert(self._engine, parked).on_conflict_do_nothing(), rows)
        parking.kept()
