"""`herd token create|list|revoke`: what lets a machine join without anybody's approval."""

from typing import Any

import click

from coordinator.verbs.lazy import LazyGroup
from coordinator.verbs.telling import Name, ended, json_option, rendered, say, url_option


def _seconds(_context: click.Context, _option: click.Parameter, typed: str) -> float:
    from shared.durations import seconds

    try:
        return seconds(typed)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.group(cls=LazyGroup)
def token() -> None:
    """Tokens by which machines join the fleet.

    \b
    herd token create                        for one machine, within an hour
    herd token create --reusable --ttl 24h   for many
    herd token list
    herd token revoke ID
    """


@token.command()
@click.option("--ttl", default="1h", show_default=True, callback=_seconds, help="How long it is good.")
@click.option("--reusable", is_flag=True, help="For many machines, not only for the first.")
@url_option
@json_option
def create(*, ttl: float, reusable: bool, url: str, output: str) -> None:
    """Make a token, and print the line to run on the machine that joins. It is shown this once.

    \b
    herd token create
    herd token create --reusable --ttl 24h

    The token goes to nobody but this coordinator: the agent proves who answers before it tells it.
    """
    ended(lambda: _create(ttl, url, output, reusable=reusable), url)


@token.command("list")
@url_option
@json_option
def list_(*, url: str, output: str) -> None:
    """Tokens that may still be used, without what makes them tokens.

    \b
    herd token list
    """
    ended(lambda: _list(url, output), url)


@token.command()
@click.argument("token_id", metavar="ID", type=Name())
@url_option
@json_option
def revoke(*, token_id: str, url: str, output: str) -> None:
    """Nobody joins by the token ID any more. Machines that have joined stay; `herd remove NODE` ends that.

    \b
    herd token revoke k3qxpc

    Exit codes: 0 revoked, 1 failed, 2 wrong usage, 3 no such token.
    """
    ended(lambda: _revoke(token_id, url, output), url)


def _create(ttl_s: float, url: str, output: str, *, reusable: bool) -> None:
    from coordinator.verbs.connection import ask
    from shared.durations import told

    made = ask("POST", "/fleet/tokens", {"ttl_s": ttl_s, "reusable": reusable}, url=url)
    if output == "json":
        click.echo(rendered(made, "json", whole=False))
        return
    who = "any number of machines" if made["reusable"] else "one machine"
    say(f"for {who}, within {told(ttl_s)}; run there:\n\n  herd-node --token {made['token']}\n")
    say(f"`herd token revoke {made['id']}` takes it back")


def _list(url: str, output: str) -> None:
    import time

    from coordinator.verbs.columns import Table
    from coordinator.verbs.connection import ask
    from shared.durations import told

    found = ask("GET", "/fleet/tokens", url=url)
    if output == "json":
        click.echo(rendered(found, "json", whole=False))
        return
    rows: list[tuple[str, ...]] = [
        (
            *(each["id"], "many" if each["reusable"] else "one", str(each["used"])),
            told(max(1.0, each["expires_at"] - time.time())),
        )
        for each in found["tokens"]
    ]
    for line in Table(("ID", "FOR", "JOINED", "ENDS IN"), rows).lines(headings=True):
        say(line)


def _revoke(token_id: str, url: str, output: str) -> None:
    from urllib.parse import quote

    from coordinator.verbs.connection import ask

    gone: Any = ask("DELETE", f"/fleet/tokens/{quote(token_id, safe='')}", {}, url=url)
    click.echo(rendered(gone, "json", whole=False)) if output == "json" else say(f"token {token_id} revoked")
