"""`herd connect`: what a client is to be told."""

from typing import Any

import click

from coordinator.verbs.telling import ended, json_option, rendered, say, url_option

NAMES = ("openclaw", "open-webui", "continue", "aider", "langchain", "openai", "ollama")


@click.command()
@click.argument("client", type=click.Choice(NAMES, case_sensitive=False))
@click.option("--model", default="", help="To use.  [default: one that is loaded, or that is there]")
@click.option(
    "--new-key", is_flag=True, help="Make a key for it, named CLIENT; on the coordinator's machine."
)
@url_option
@json_option
def connect(*, client: str, model: str, new_key: bool, url: str, output: str) -> None:
    """The configuration of CLIENT, with this coordinator's address, ready to paste.

    \b
    herd connect open-webui
    herd connect continue --model qwen3:8b
    herd connect openai --new-key > hello.py
    """
    ended(lambda: _connect(client, model, url, output, new_key=new_key), url)


def _connect(client: str, model: str, url: str, output: str, *, new_key: bool) -> None:
    from coordinator.verbs.clients import CLIENTS, MODEL, YOUR_KEY, Fleet
    from coordinator.verbs.connection import ask, base_url, found, is_open
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
    needed = not is_loopback(address) and not is_open(where)
    key = _made(client, where) if new_key else YOUR_KEY if needed else ""
    setup = CLIENTS[client](Fleet(address, chosen, tuple(chats), key))
    if output == "json":
        told = {"client": client, "url": address, "model": chosen, "file": setup.file, "key_needed": needed}
        click.echo(rendered(told | {"text": setup.text, "hint": setup.hint}, "json"))
        return
    say(setup.text)
    say(f"\n{setup.file + ': ' if setup.file else ''}{setup.hint}", err=True)
    if needed and not new_key:
        say(
            f"callers on other machines need a key: on the coordinator's, herd key create --name {client}, and put it"
            f" in the place of {YOUR_KEY}; or herd connect {client} --new-key",
            err=True,
        )
    if is_loopback(address):
        click.echo("the coordinator listens on this machine only: other machines cannot use this", err=True)


def _made(client: str, where: str) -> str:
    from coordinator.verbs.connection import USAGE, NoAnswer
    from coordinator.verbs.key_orders import new_key
    from shared.sockets import is_loopback

    if not is_loopback(where):
        raise NoAnswer("--new-key: a key is made on the coordinator's own machine", code=USAGE)
    return new_key(client)


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
