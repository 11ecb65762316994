"""Mutants of dead letters and their rate."""

from typing import Any

from tests.faults.mutants.swapping import swap


def replays_forget_where_they_stood() -> None:
    """A record that is sent again does not say where it first stood."""
    from hub.edge.messages import Outgoing

    again = _reading_letter().again

    def forgetful(self: Any, body: Any) -> Any:
        sent = again(self, body)
        headers = tuple(each for each in sent.headers if each[0] != "first")
        return Outgoing(sent.topic, sent.key, sent.value, headers)

    swap(_reading_letter(), "again", forgetful)


def _reading_letter() -> Any:
    """A dead letter as it is read back."""
    from hub.dead_letters import reading

    return reading.Letter


def replays_forget_their_attempts() -> None:
    """A record that dies again is as one that dies for the first time."""
    from hub.routing import share

    swap(share, "attempts_before", lambda _: 0)


def nobody_looks_after_a_replay() -> None:
    """What came for a case while its dead record was sent again is left where it lies."""
    from hub.dead_letters import acting

    swap(acting.Doing, "_follow", lambda *_: None)


def refused_letters_are_forgotten() -> None:
    """What Kafka refuses counts as sent."""
    from hub.routing import publish

    send = publish.Publisher._send

    async def careless(self: Any, *arguments: Any) -> bool:
        try:
            return await send(self, *arguments)
        except Exception:  # noqa: BLE001 - this is the mutation
            return True

    swap(publish.Publisher, "_send", careless)


def the_rate_never_stops() -> None:
    """There is always room for another dead letter."""
    from hub.dead_letters import rate

    swap(rate.Rate, "room", lambda _: 10**9)


def the_rate_forgets() -> None:
    """A process that starts knows nothing of what was set aside before."""
    from hub.dead_letters import rate

    swap(rate.Rate, "remember", lambda *_: None)
