"""`herd connect`: what a client is to be told."""

from typing import Any

import click

from coordinator.verbs.telling import ended, json_option, rendered, say, url_option

NAMES = ("openclaw", "open-webui", "continue", "aider", "langchain", "openai", "ollama")


@click.command()
@click.argument("client", type=click.Choice(NAMES, case_sensitive=False))
@click.option("--model", default="", help="To use.  [default: one that is loaded, or that is there]")
@url_option
@json_option
def connect(*, client: str, model: str, url: str, output: str) -> None:
    """The configuration of CLIENT, with this coordinator's address, ready to paste.

    \b
    herd connect open-webui
    herd connect continue --model qwen3:8b
    herd connect openai > hello.py
    """
    ended(lambda: _connect(client, model, url, output), url)


def _connect(client: str, model: str, url: str, output: str) -> None:
    from coordinator.verbs.clients import CLIENTS, MODEL, Fleet
    from coordinator.verbs.connection import ask, base_url, found
    from shared.names import normalise
    from shared.sockets import is_loopback

    where = base_url(url) if url else found()
    listed = ask("GET", "/api/tags", url=where)["models"]
    loaded = [each["name"] for each in ask("GET", "/api/ps", url=where)["models"]]
    chats = [
        each["name"] for each in listed if "completion" in each["capabilities"] or not each["capabilities"]
    ]
    chosen = model or next((name for name in loaded + chats if name in chats), MODEL)
    if model and normalise(model) not in {normalise(each["name"]) for each in listed}:
        say(f"warning: no node has {model} yet", err=True)
    address = _address(where, ask)
    setup = CLIENTS[client](Fleet(address, chosen, tuple(chats)))
    if output == "json":
        told = {"client": client, "url": address, "model": chosen, "file": setup.file}
        click.echo(rendered(told | {"text": setup.text, "hint": setup.hint}, "json"))
        return
    say(setup.text)
    say(f"\n{setup.file + ': ' if setup.file else ''}{setup.hint}", err=True)
    if is_loopback(address):
        click.echo("the coordinator listens on this machine only: other machines cannot use this", err=True)


def _address(where: str, ask: Any) -> str:
    """As other machines write it, where it listens for them."""
    import socket

    from coordinator.reachable import reachable
    from shared.interfaces import own_addresses
    from shared.sockets import is_loopback, url_of

    if not is_loopback(where):
        return where
    server = ask("GET", "/dashboard/api/settings", url=where)["config"]["server"]
    return (
        where
        if is_loopback(listening := url_of(server["host"] or "0.0.0.0", server["port"]))
        else reachable(listening, own_addresses(), socket.gethostname())
    )
