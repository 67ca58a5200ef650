"""The command `herd`: without a verb it serves."""

import sys
from collections.abc import Callable
from typing import Any

import click

from coordinator.verbs.lazy import lazy_group
from shared import __version__

VERBS = {
    "approve": "coordinator.verbs.approve:approve",
    "completion": "coordinator.verbs.completion:completion",
    "config": "coordinator.verbs.config:config",
    "connect": "coordinator.verbs.connect:connect",
    "cordon": "coordinator.verbs.setting_aside:cordon",
    "deny": "coordinator.verbs.approve:deny",
    "demo": "coordinator.verbs.demo:demo",
    "describe": "coordinator.verbs.describing:describe",
    "doctor": "coordinator.verbs.checking:doctor",
    "drain": "coordinator.verbs.setting_aside:drain",
    "explain": "coordinator.verbs.explain:explain",
    "get": "coordinator.verbs.getting:get",
    "key": "coordinator.verbs.key:key",
    "list": "coordinator.verbs.listing:listing",
    "ls": "coordinator.verbs.listing:listing",
    "logs": "coordinator.verbs.logs:logs",
    "nodes": "coordinator.verbs.getting:nodes",
    "ps": "coordinator.verbs.ps:ps",
    "pull": "coordinator.verbs.pull:pull",
    "remove": "coordinator.verbs.remove:remove",
    "rm": "coordinator.verbs.stopping:rm",
    "run": "coordinator.verbs.run:run",
    "service": "coordinator.verbs.autostart:service",
    "show": "coordinator.verbs.show:show",
    "simulate": "coordinator.verbs.simulate:simulate",
    "stats": "coordinator.verbs.stats:stats",
    "stop": "coordinator.verbs.stopping:stop",
    "swap": "coordinator.verbs.swapping:swap",
    "token": "coordinator.verbs.token:token",
    "top": "coordinator.verbs.top:top",
    "uncordon": "coordinator.verbs.setting_aside:uncordon",
    "version": "coordinator.verbs.version:version",
}
"""Imported when they are asked for."""
TAKING_FLAGS = {"config", "doctor"}
"""Verbs that are about serving: they heed what stands before them."""


@click.group(
    cls=lazy_group(VERBS),
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, "-V", "--version", prog_name="herd")
@click.option("--host", help="Address to listen on.  [default: every one]")
@click.option("--port", type=int, help="Port to listen on; 0 picks a free one.  [default: 11435]")
@click.option("--log-level", "console_log_level", help="DEBUG, INFO, WARNING or ERROR on the terminal.")
@click.option("--data-dir", help="Where logs and state are kept.  [default: ~/.fleet-manager]")
@click.option("--policy", help="predictive or weighted: how signals become a choice.  [default: predictive]")
@click.option(
    "--open",
    is_flag=True,
    default=None,
    help="For a network at home: no keys, everybody near may call, operate and join.",
)
@click.option("--with-parent", is_flag=True, hidden=True, help="End when standard input ends.")
@click.pass_context
def main(context: click.Context, /, *, with_parent: bool, **flags: Any) -> None:
    """One place to send LLM calls: serves the fleet's machines as one Ollama and one OpenAI address.

    \b
    herd                     serve on port 11435 of every address
    herd demo                a small fleet on this machine that answers a call
    herd run llama3.2        a chat with a model of the fleet
    herd ps                  what is loaded, and where
    herd nodes               the machines
    herd top                 all of it, live

    Exit codes of all verbs: 0 well, 1 failed, 2 wrong usage, 3 not found, 130 ctrl-C.
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None: closed by who started us
        stream.reconfigure(errors="replace")
    if context.invoked_subcommand is None:
        sys.exit(_serve(flags, with_parent=with_parent))
    _check_flags(context)


def _check_flags(context: click.Context) -> None:
    """Raises UsageError for flags of serving before a verb that would drop them in silence."""
    verb = context.invoked_subcommand
    values = {each.opts[0]: context.params.get(each.name or "") for each in context.command.params}
    given = [flag for flag, value in values.items() if value is not None and value is not False]
    if given and verb not in TAKING_FLAGS:
        raise click.UsageError(
            f"{', '.join(given)} before a verb: for serving, {' and '.join(sorted(TAKING_FLAGS))} only;"
            f" which coordinator a verb asks, its own --url says"
        )


def _serve(flags: dict[str, Any], *, with_parent: bool) -> int:
    import asyncio
    from pathlib import Path

    from coordinator.config import PREFIX, Settings
    from shared.lifetime import let_go_of_terminal
    from shared.logs import logging_to
    from shared.private import keep_private
    from shared.settings import SettingsError, resolve

    keep_private()

    def read() -> Any:
        return resolve(Settings, PREFIX, flags, other_prefixes=("FLEET_NODE_",))

    try:
        resolved = read()
    except SettingsError as error:
        click.echo(f"herd: {error}", err=True)
        return 2
    settings = resolved.values
    directory = Path(settings.data_dir).expanduser() / "logs"
    with logging_to(directory, "herd", settings.log_level, settings.console_log_level) as set_levels:
        code = asyncio.run(_run(resolved, read, set_levels, with_parent=with_parent))
    let_go_of_terminal()
    return code


async def _run(
    resolved: Any, read: Callable[[], Any], set_levels: Callable[[str, str], None], *, with_parent: bool
) -> int:
    import errno
    import logging
    import time

    from coordinator.app import coordinator
    from coordinator.live import LIVE
    from shared.collecting import collect_seldom
    from shared.lifetime import hangups, told_to_stop
    from shared.live_settings import LiveSettings
    from shared.notices import notify
    from shared.settings import SettingsError

    settings, log = resolved.values, logging.getLogger("herd")
    for warning in resolved.warnings:
        log.warning("%s", warning)

    async def take(changed: Any) -> None:
        await running.live.take(changed)
        set_levels(changed.log_level, changed.console_log_level)

    try:
        async with (
            coordinator(settings, time.monotonic) as running,
            hangups(LiveSettings(settings, read, LIVE, take).reload),
        ):
            collect_seldom()
            click.echo(f"herd {__version__} listening on {running.address}")
            sys.stdout.flush()
            notify("READY")
            _tell_how_to_join(settings, running.address, log)
            if settings.open:
                log.warning(
                    "OPEN MODE: no keys are asked for: whoever reaches %s from this network may call and operate this "
                    "fleet, and every node that comes joins; without --open (FLEET_OPEN) callers need keys",
                    running.address,
                )
            log.info("stopping: %s", await told_to_stop(with_parent=with_parent, unless=running.watch))
            notify("STOPPING")
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

    from coordinator.reachable import reachable
    from shared.interfaces import own_addresses
    from shared.sockets import is_loopback

    line = f"herd-node --router-url {reachable(address, own_addresses(), socket.gethostname())}"
    if settings.mdns and not is_loopback(address):
        line = f"herd-node (on another network: {line})"
    then = "" if settings.open else "; then herd approve NODE here, or give it what herd token create prints"
    log.info("add a node: %s%s", line, then)


if __name__ == "__main__":
    main()
