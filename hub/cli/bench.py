"""`hub bench`: how fast the hub is on this machine, with this Kafka."""

import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from hub.bench.trial import Asked, Trial, measure
from hub.broker.cluster import bootstrap
from hub.errors import EXIT_RESTART
from hub.settings import load

_WRONG = 1


@click.command(name="bench")
@click.option(
    "--events", type=click.IntRange(1000, 5_000_000), default=50_000, show_default=True, help="How many pile up first."
)
@click.option(
    "--rate", type=click.FloatRange(1, 20_000), default=285.0, show_default=True, help="Then so many a second,"
)
@click.option("--seconds", type=click.FloatRange(1, 3600), default=20.0, show_default=True, help="for so long.")
@click.option(
    "--database",
    metavar="URL",
    help="An empty PostgreSQL database to measure with, postgresql+psycopg://user@host/name. Left out, it is SQLite.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the figures as JSON to stdout, all else to stderr.")
@click.pass_obj
def command(file: Path | None, /, *, as_json: bool, **given: Any) -> None:
    """Measure the worker on this machine, with the Kafka of the settings.

    A hub that runs there is not disturbed: the measurement has topics, a consumer group and a database of its own, whose names begin with
    hub-bench-, and deletes them at the end. But it keeps brokers and this machine busy for a minute or two: not in your busiest hour.
    """
    # Asked to stop, it still deletes what it has made.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_RESTART))
    settings = load(file)
    asked = Asked(**given)
    found = measure(settings, bootstrap(settings), asked, lambda words: click.echo(f"{words} ...", err=True))
    if as_json:
        click.echo(json.dumps({**asdict(found), "per_s": found.per_s, "right": found.right}))
    else:
        click.echo("\n" + "\n".join(in_words(found)))
    sys.exit(0 if found.right else _WRONG)


def in_words(found: Trial) -> list[str]:
    """What was measured, in sentences."""
    waits = found.waits
    worked_off = (
        f"{found.per_s:,.0f} events a second: {found.events:,} that had piled up were worked off in {found.seconds:,.1f} s, "
        f"the first {found.started_s:.1f} s after the worker was started."
    )
    waited = (
        f"At {found.rate:g} events a second half of what follows was on its topic within {waits.p50:.0f} ms, 99 of 100 within "
        f"{waits.p99:.0f} ms, all within {waits.most:.0f} ms."
    )
    lines = [worked_off, waited]
    if found.cpu_s_per_million is not None and found.core_share is not None and found.peak_mb is not None:
        lines.append(
            f"It took {found.cpu_s_per_million:,.0f} seconds of one processor for a million events of the backlog, "
            f"{found.core_share:.0%} of one at {found.rate:g} a second, and {found.peak_mb:,.0f} MB of memory at most."
        )
    if found.right:
        lines.append("Every output came, and once.")
    else:
        lines.append(
            f"That must not be: {found.lost} outputs did not come, {found.doubled} came twice, {found.set_aside} events were set aside. "
            "Did a broker fail meanwhile? Else report it."
        )
    return lines
