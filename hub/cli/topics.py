"""`hub topics`: the catalogue's topics, planned and made."""

import click
from rich.console import Console

from hub import topics
from hub.broker.cluster import bootstrap
from hub.cli.listing import listing
from hub.settings import load

_TO_DO = 2
"""Exit code of `plan` when something is to be done, and of `apply` when something is left to a person."""


@click.group(name="topics")
def command() -> None:
    """Plan and make the topics of the catalogue."""


@command.command()
@click.pass_context
def plan(ctx: click.Context) -> None:
    """Show what `apply` would do; exit 2 when that is anything."""
    settings = load(ctx.obj)
    where = bootstrap(settings)
    steps = topics.plan_for(settings.kafka, where)
    _show(steps, where)
    if steps:
        ctx.exit(_TO_DO)


@command.command()
@click.pass_context
def apply(ctx: click.Context) -> None:
    """Create what is missing and set what differs; partitions are never changed. Exit 2 when a person must act."""
    settings = load(ctx.obj)
    where = bootstrap(settings)
    steps = topics.apply(settings.kafka, where)
    _show(steps, where)
    if any(step.action is topics.Action.REFUSE for step in steps):
        ctx.exit(_TO_DO)


def _show(steps: tuple[topics.Change, ...], where: str) -> None:
    if not steps:
        click.echo(f"Every topic at {where} is as the catalogue says.")
        return
    table = listing("topic", "step", "what", title=f"Topics at {where}")
    for step in steps:
        table.add_row(step.topic.name, step.action, step.reason)
    Console().print(table)
