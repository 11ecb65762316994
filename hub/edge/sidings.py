"""What a sink sets aside, and what has to wait for it: records that become dead letters, and the later ones of their cases."""

from collections.abc import Callable

import structlog

from hub.dead_letters.letter import attempts_before, dead_letter
from hub.dead_letters.parking import WAITING, Parking, case_in, first_offset
from hub.edge.choice import PART
from hub.edge.messages import Incoming, Outgoing, Place
from hub.edge.source_runner import Edge


class Sidings:
    """The sidings of one sink.

    Args:
        edge: what the sink shares with the sources.
        dead_letters: the topic of what is set aside.
        say: takes what is to be sent before the offsets follow.
        wait: waits so many seconds with what is in hand; ends with an exception of its own where the process stops.
    """

    def __init__(
        self, edge: Edge, dead_letters: str, say: Callable[[Outgoing], None], wait: Callable[[float], None]
    ) -> None:
        self._edge, self._dead_letters, self._say, self._wait = edge, dead_letters, say, wait
        self._parking: dict[int, Parking] | None = None
        """What lies among the dead letters, by partition; read anew with every batch."""
        self._log = structlog.get_logger().bind(connector=edge.speaker.connector)

    def look_again(self) -> None:
        """Forget what was read: others may have changed it."""
        self._parking = None

    def waits_for(self, record: Incoming, case: str) -> int | None:
        """The first offset of the record that one has to wait for; None where it may be applied."""
        return self._lying(record.place).waits_for(case, _first(record))

    def settle(self, record: Incoming, case: str) -> None:
        """A record is discarded, another connector's, or taken: nothing waits for it any more."""
        lying = self._lying(record.place)
        lying.settle(case, _first(record))
        self._edge.aside.keep(record.place.topic, record.place.partition, lying)

    def park(self, record: Incoming, code: str, reason: str) -> None:
        """Set a record aside that later ones of its case have to wait for, where its key says which case that is."""
        place, case = record.place, case_in(record.key)
        self.set_aside(record, code, reason)
        if case is not None:
            lying = self._lying(place)
            lying.park(case, _first(record), record.at_ms)
            self._edge.aside.keep(place.topic, place.partition, lying)

    def set_aside(self, record: Incoming, code: str, reason: str) -> None:
        """Make a dead letter of a record, once there is room for one."""
        place, waits = record.place, code in WAITING
        if not waits:
            self._await_room(code)
            self._edge.aside.count(1)
        letter = dead_letter(
            code=code,
            reason=reason,
            topic=place.topic,
            partition=place.partition,
            offset=place.offset,
            component=self._edge.speaker.connector,
            key=record.key,
            value=record.value,
            # To wait is no try.
            attempt=attempts_before(record.headers) + (not waits),
            first=_first(record),
        )
        self._say(Outgoing(self._dead_letters, letter.key, letter.value, letter.headers))
        self._edge.metrics.effects.labels("set-aside").inc()
        self._log.warning("task set aside", outcome="set-aside", code=code, place=str(place))

    def _await_room(self, code: str) -> None:
        """Stand still before a record that is to be set aside while too many have been."""
        rate = self._edge.aside.rate
        if rate.room():
            return
        while not rate.room():
            self._edge.conditions.broken(PART, rate.why(code))
            self._wait(rate.wait_s())
        self._edge.conditions.well(PART)

    def _lying(self, place: Place) -> Parking:
        if self._parking is None:
            self._parking = self._edge.aside.parking(place.topic)
        return self._parking.setdefault(place.partition, Parking())


def _first(record: Incoming) -> int:
    return first_offset(record.headers, record.place.topic, record.place.partition, record.place.offset)
