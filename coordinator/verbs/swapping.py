"""The command `herd swap`."""

from typing import Any

import click

from coordinator.verbs.completion import models, nodes
from coordinator.verbs.telling import Name, ended, json_option, url_option


@click.command()
@click.argument("model", type=Name(), shell_complete=models)
@click.option(
    "--node",
    type=Name(),
    shell_complete=nodes,
    help="Only there.  [default: every node that has the model, one after another]",
)
@click.option("--wait/--no-wait", default=True, help="Wait until it is over; ctrl-C leaves it going on.")
@url_option
@json_option
def swap(*, model: str, node: str | None, wait: bool, url: str, output: Any) -> None:
    """MODEL's newest version takes the old one's place without a failed call; exit 1 where a node keeps the old.

    \b
    herd swap llama3.2
    herd swap llama3.2 --node laptop
    herd swap llama3.2 --no-wait
    """
    from coordinator.verbs.swap import swap as swapped

    ended(lambda: swapped(model, node, wait=wait, url=url, output=output), url)
