"""Beats as a connector's process sends them."""

from datetime import datetime

from schemas.envelope import Classification, record_id
from schemas.feeds import Feed, FeedJudged


def beat_of(feed: Feed, at: datetime) -> tuple[bytes, bytes]:
    """Value and key of a beat."""
    name = f"{feed.connector}/{feed.part}"
    event = FeedJudged(
        id=record_id(b"not-a-real-council-key", feed.connector, feed.part, at.isoformat()),
        source=f"/E06000999/connectors/{feed.connector}",
        partitionkey=name,
        council="E06000999",
        time=at,
        effectiveat=at,
        dataclassification=Classification.OPEN,
        data=feed,
    )
    return event.encode(), name.encode()
