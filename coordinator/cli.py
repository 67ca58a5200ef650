"""The command `herd`: without a verb it serves."""

import sys
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import click

from coordinator.verbs.explain import explain
from coordinator.verbs.simulate import simulate
from shared import __version__

if TYPE_CHECKING:
    from shared.interfaces import Address


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="herd")
@click.option("--host", help="Address to listen on.  [default: every one]")
@click.option("--port", type=int, help="Port to listen on; 0 picks a free one.  [default: 11435]")
@click.option("--log-level", "console_log_level", help="DEBUG, INFO, WARNING or ERROR on the terminal.")
@click.option("--data-dir", help="Where logs and state are kept.  [default: ~/.fleet-manager]")
@click.option("--policy", help="predictive or weighted: how signals become a choice.  [default: predictive]")
@click.option("--with-parent", is_flag=True, hidden=True, help="End when standard input ends.")
@click.pass_context
def main(context: click.Context, /, *, with_parent: bool, **flags: Any) -> None:
    """One place to send LLM calls: serves the fleet's machines as one Ollama and one OpenAI address.

    \b
    herd                     serve on port 11435 of every address
    herd demo                a small fleet on this machine that answers a call
    curl localhost:11435/fleet/status
    """
    if context.invoked_subcommand is None:
        sys.exit(_serve(flags, with_parent=with_parent))


@main.command()
@click.option(
    "--port", type=int, default=11435, show_default=True, help="Port of the coordinator; 0: a free one."
)
@click.option("--nodes", type=click.IntRange(1, 16), default=2, show_default=True, help="Agents to start.")
@click.option("--once", is_flag=True, help="End after the first answer; exit 0 only if it came.")
@click.option(
    "--data-dir", default="~/.fleet-manager/demo", show_default=True, help="Where the demo keeps its data."
)
def demo(*, port: int, nodes: int, once: bool, data_dir: str) -> None:
    """A coordinator and some agents on this machine, and one answer from a real engine."""
    from coordinator.demo import run_demo

    sys.exit(run_demo(port=port, nodes=nodes, once=once, data_dir=data_dir))


def _seconds(_context: click.Context, _option: click.Parameter, typed: str | None) -> float | None:
    from shared.durations import seconds

    try:
        return None if typed is None else seconds(typed)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


_node = click.argument("node")
_url = click.option(
    "--url", default="", help="The coordinator.  [default: FLEET_URL, OLLAMA_HOST, http://127.0.0.1:11435]"
)
_output = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="What standard output gets."
)


@main.command()
@_node
@_url
@_output
def cordon(*, node: str, url: str, output: Any) -> None:
    """NODE takes no new calls; running ones take their time."""
    from coordinator.verbs.drain import set_aside

    _ask(lambda: set_aside(node, "cordon", url=url, output=output))


@main.command()
@_node
@_url
@_output
def uncordon(*, node: str, url: str, output: Any) -> None:
    """NODE takes calls again, after a cordon or a drain."""
    from coordinator.verbs.drain import set_aside

    _ask(lambda: set_aside(node, "uncordon", url=url, output=output))


@main.command()
@_node
@click.option(
    "--deadline",
    callback=_seconds,
    help="When what still runs is ended: 10m, 1h30m.  [default: the coordinator's]",
)
@click.option(
    "--wait/--no-wait", default=True, help="Wait until nothing runs there; ctrl-C leaves it draining."
)
@_url
@_output
def drain(*, node: str, deadline: float | None, wait: bool, url: str, output: Any) -> None:
    """NODE takes no new calls and finishes those that run; exit 1 where the deadline had to cut some."""
    from coordinator.verbs.drain import drain as drained

    _ask(lambda: drained(node, deadline, wait=wait, url=url, output=output))


@main.command()
@click.argument("model")
@click.option("--node", help="Only there.  [default: every node that has the model, one after another]")
@click.option("--wait/--no-wait", default=True, help="Wait until it is over; ctrl-C leaves it going on.")
@_url
@_output
def swap(*, model: str, node: str | None, wait: bool, url: str, output: Any) -> None:
    """MODEL's newest version takes the old one's place without a failed call; exit 1 where a node keeps the old."""
    from coordinator.verbs.swap import swap as swapped

    _ask(lambda: swapped(model, node, wait=wait, url=url, output=output))


@main.group()
def describe() -> None:
    """What the coordinator knows of one thing."""


@describe.command("node")
@_node
@_url
@_output
def describe_node(*, node: str, url: str, output: Any) -> None:
    """NODE's machine, its engines, and what happened to them."""
    from coordinator.verbs.describe import describe_node as described

    _ask(lambda: described(node, url=url, output=output))


def _ask(verb: Callable[[], int]) -> None:
    """Runs a verb that asks a coordinator, and ends."""
    from coordinator.verbs.connection import NoAnswer

    try:
        sys.exit(verb())
    except NoAnswer as error:
        click.echo(f"herd: {error}", err=True)
        sys.exit(error.code)


main.add_command(explain)
main.add_command(simulate)


def _serve(flags: dict[str, Any], *, with_parent: bool) -> int:
    import asyncio
    from pathlib import Path

    from coordinator.config import PREFIX, Settings
    from shared.logs import logging_to
    from shared.settings import SettingsError, resolve

    try:
        resolved = resolve(Settings, PREFIX, flags, other_prefixes=("FLEET_NODE_",))
    except SettingsError as error:
        click.echo(f"herd: {error}", err=True)
        return 2
    settings = resolved.values
    directory = Path(settings.data_dir).expanduser() / "logs"
    with logging_to(directory, "herd", settings.log_level, settings.console_log_level):
        return asyncio.run(_run(settings, resolved.warnings, with_parent=with_parent))


async def _run(settings: Any, warnings: tuple[str, ...], *, with_parent: bool) -> int:
    import errno
    import logging
    import time

    from coordinator.app import coordinator
    from shared.lifetime import told_to_stop
    from shared.settings import SettingsError
    from shared.sockets import is_loopback

    log = logging.getLogger("herd")
    for warning in warnings:
        log.warning("%s", warning)
    try:
        async with coordinator(settings, time.monotonic) as running:
            click.echo(f"herd {__version__} listening on {running.address}")
            sys.stdout.flush()
            _tell_how_to_join(settings, running.address, log)
            if not is_loopback(running.address):
                log.warning("no access control yet: whoever reaches this port may use the fleet and join it")
            log.info("stopping: %s", await told_to_stop(with_parent=with_parent, unless=running.watch))
    except SettingsError as error:
        log.error("%s", error)  # noqa: TRY400
        return 2
    except OSError as error:
        hint = "; another one: --port" if error.errno == errno.EADDRINUSE else ""
        log.error("cannot listen on %s:%d: %s%s", settings.host, settings.port, error.strerror, hint)  # noqa: TRY400
        return 1
    return 0


def _tell_how_to_join(settings: Any, address: str, log: Any) -> None:
    import socket

    from shared.interfaces import own_addresses
    from shared.sockets import is_loopback

    line = f"herd-node --router-url {reachable(address, own_addresses(), socket.gethostname())}"
    if settings.mdns and not is_loopback(address):
        line = f"herd-node (on another network: {line})"
    log.info("add a node: %s", line)


def reachable(listening: str, mine: "Collection[Address]", host_name: str) -> str:
    """The base URL `listening` as another machine, also of another network, would write it.

    Where it stands for every address: the first of `mine`, IPv4 before IPv6, then the host's name, which other
    networks seldom know. An IPv6 wildcard stands for no IPv4 address.
    """
    from urllib.parse import urlsplit

    from shared.sockets import url_of

    parts = urlsplit(listening)
    if parts.hostname not in ("0.0.0.0", "::") or not parts.port:
        return listening
    proper = [each for each in mine if not each.value.is_link_local]
    usable = [each for each in proper if each.value.version == 6 or parts.hostname == "0.0.0.0"]
    first = min(usable, key=lambda each: (each.value.version, each.index, each.ip), default=None)
    return url_of(first.ip if first else host_name, parts.port)


if __name__ == "__main__":
    main()
