"""The commands `herd cordon`, `herd uncordon` and `herd drain`."""

from typing import Any

import click

from coordinator.verbs.completion import nodes
from coordinator.verbs.telling import Name, ended, json_option, url_option


def _seconds(_context: click.Context, _option: click.Parameter, typed: str | None) -> float | None:
    from shared.durations import seconds

    try:
        return None if typed is None else seconds(typed)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


_node = click.argument("node", type=Name(), shell_complete=nodes)


@click.command()
@_node
@url_option
@json_option
def cordon(*, node: str, url: str, output: Any) -> None:
    """NODE takes no new calls; running ones take their time.

    \b
    herd cordon laptop
    """
    from coordinator.verbs.drain import set_aside

    ended(lambda: set_aside(node, "cordon", url=url, output=output), url)


@click.command()
@_node
@url_option
@json_option
def uncordon(*, node: str, url: str, output: Any) -> None:
    """NODE takes calls again, after a cordon or a drain.

    \b
    herd uncordon laptop
    """
    from coordinator.verbs.drain import set_aside

    ended(lambda: set_aside(node, "uncordon", url=url, output=output), url)


@click.command()
@_node
@click.option(
    "--deadline",
    callback=_seconds,
    help="When what still runs is ended: 10m, 1h30m.  [default: the coordinator's]",
)
@click.option(
    "--wait/--no-wait", default=True, help="Wait until nothing runs there; ctrl-C leaves it draining."
)
@url_option
@json_option
def drain(*, node: str, deadline: float | None, wait: bool, url: str, output: Any) -> None:
    """NODE takes no new calls and finishes those that run; exit 1 where the deadline had to cut some.

    \b
    herd drain laptop
    herd drain laptop --deadline 10m
    herd drain laptop --no-wait
    """
    from coordinator.verbs.drain import drain as drained

    ended(lambda: drained(node, deadline, wait=wait, url=url, output=output), url)
