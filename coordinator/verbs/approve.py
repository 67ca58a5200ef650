"""`herd approve NODE` and `herd deny NODE`: a person decides on an agent that came without a token."""

import click

from coordinator.verbs.telling import Name, ended, json_option, rendered, say, url_option

_node = click.argument("node", type=Name())
_code = click.option(
    "--code", default="", help="The six digits that its terminal shows; of two with one name."
)


@click.command()
@_node
@_code
@url_option
@json_option
def approve(*, node: str, code: str, url: str, output: str) -> None:
    """Let NODE join, which `herd nodes` shows as pending: only where its own terminal shows the same six digits.

    \b
    herd nodes
    herd approve laptop
    herd approve laptop --code 402817

    Exit codes: 0 approved, 1 failed, 2 wrong usage, 3 nobody of that name, or with those digits, waits.
    """
    ended(lambda: _decide(node, code, "approve", url, output), url)


@click.command()
@_node
@_code
@url_option
@json_option
def deny(*, node: str, code: str, url: str, output: str) -> None:
    """Refuse NODE, which `herd nodes` shows as pending.

    \b
    herd deny laptop
    herd deny laptop --code 402817

    Exit codes: 0 refused, 1 failed, 2 wrong usage, 3 nobody of that name, or with those digits, waits.
    """
    ended(lambda: _decide(node, code, "deny", url, output), url)


def _decide(node: str, code: str, verb: str, url: str, output: str) -> None:
    from urllib.parse import quote

    from coordinator.verbs.connection import ask

    told = ask("POST", f"/fleet/nodes/{quote(node, safe='')}/{verb}", {"code": code}, url=url)
    if output == "json":
        click.echo(rendered(told, "json", whole=False))
    else:
        done = "approved" if verb == "approve" else "denied"
        say(f"{node} at {told['address']}, which showed {told['code']}, is {done}")
