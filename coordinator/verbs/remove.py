"""`herd remove`: a node that will not come back is forgotten."""

from urllib.parse import quote

import click

from coordinator.verbs.completion import nodes
from coordinator.verbs.telling import Name, ended, json_option, rendered, say, url_option


@click.command()
@click.argument("node", type=Name(), shell_complete=nodes)
@url_option
@json_option
def remove(*, node: str, url: str, output: str) -> None:
    """Cut NODE off, which has joined: its certificate counts no more, and it comes back by `herd approve` only.

    \b
    herd remove stolen-laptop    at once; what runs there is ended
    herd drain old-laptop        first, where that may finish
    herd remove old-laptop

    One that is heard without a certificate, as in open mode, has to be ended before. Orders to set it aside go with it.

    Exit codes: 0 removed, 1 it is still there or failed, 2 wrong usage, 3 no such node.
    """
    ended(lambda: _remove(node, url, output), url)


def _remove(node: str, url: str, output: str) -> None:
    from coordinator.verbs.connection import ask, stranger

    told = ask("DELETE", f"/fleet/nodes/{quote(node, safe='')}", {}, url=url)
    if told["removed"] is not True:
        raise stranger(url)
    if told["unkept"]:
        say(f"warning: the order {told['unkept']}", err=True)
    if output == "json":
        click.echo(rendered(told, "json", whole=False))
    else:
        say(f"{node} removed")
