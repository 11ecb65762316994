"""`hub feeds`: how every feed is, on the terminal."""

import json
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console

from hub.cli.listing import listing, plain
from hub.settings import load

_LOOK_BACK = timedelta(hours=1)
_WITHIN_S = 30.0


@click.command(name="feeds")
@click.option("--json", "as_json", is_flag=True, help="For machines")
@click.pass_obj
def command(file: Path | None, as_json: bool) -> None:
    """Say how every feed is: who is silent, away, held or not heard from. Ends with 2 when one wants a look."""
    from hub.broker.cluster import bootstrap  # noqa: PLC0415 - kafka-python: `hub --help` needs none
    from hub.edge.choice import known_feeds  # noqa: PLC0415 - as above
    from hub.edge.kafka import Follower  # noqa: PLC0415 - as above
    from hub.errors import RestartMe  # noqa: PLC0415 - as above
    from hub.feeds.board import Board  # noqa: PLC0415 - as above
    from hub.feeds.listener import hear  # noqa: PLC0415 - as above
    from hub.pages.feeds_view import feeds_view  # noqa: PLC0415 - as above
    from schemas.topics import HEARTBEATS  # noqa: PLC0415 - as above

    settings = load(file)
    now = datetime.now(UTC)
    board = Board(known_feeds(settings), now - _LOOK_BACK)
    with closing(Follower(settings.kafka, bootstrap(settings), HEARTBEATS.name, now - _LOOK_BACK)) as follower:
        until = time.monotonic() + _WITHIN_S
        while not follower.caught_up():
            hear(follower.poll(0.5), board)
            if time.monotonic() > until:
                raise RestartMe(f"{HEARTBEATS.name} could not be read to its end within {_WITHIN_S:.0f} s.")
    board.read_up(datetime.now(UTC))
    found = board.feeds()
    view = feeds_view(found, None, datetime.now(UTC))
    if as_json:
        rows = [
            {
                "feed": line.name,
                "state": str(line.status.code),
                "since": line.since and line.since.machine,
                "last_news": line.spoke and line.spoke.machine,
                "note": line.note,
            }
            for line in view.lines
        ]
        click.echo(json.dumps(rows))
    else:
        click.echo(plain(view.first_line))
        table = listing("feed", "state", "since", "last news", "what to do")
        for line in view.lines:
            table.add_row(
                line.name,
                line.status.words,
                line.since.words if line.since else "-",
                line.spoke.words if line.spoke else "-",
                line.note or "-",
            )
        Console().print(table)
    if found.ill:
        raise SystemExit(2)
