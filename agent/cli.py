"""The command `herd-node`: without a verb it runs the agent."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from shared import __version__
from shared.autostart.verb import commands

if TYPE_CHECKING:
    from agent.config import Settings


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="herd-node")
@click.option("--router-url", help="The coordinator, as http://HOST:11435.  [default: found over mDNS]")
@click.option("--token", help="What lets it join, as herd token create prints it on the coordinator.")
@click.option(
    "--open",
    is_flag=True,
    default=None,
    help="Be with whichever open coordinator is found, without TLS.",
)
@click.option("--ollama-host", help="The Ollama to use.  [default: http://localhost:11434]")
@click.option("--node-id", help="This node's name.  [default: the host's name]")
@click.option("--gateway-port", type=int, help="Port of the gateway; 0 picks a free one.  [default: 11436]")
@click.option("--advertise", help="Host under which the coordinator reaches this node's gateway.")
@click.option(
    "--engine",
    multiple=True,
    help="NAME[:key=value...], as herd-node engines lists them; repeatable.  [default: what is found]",
)
@click.option(
    "--learn-capacity",
    "enable_capacity_learning",
    is_flag=True,
    default=None,
    help="Learn when the owner uses this machine, and leave it alone then.",
)
@click.option("--log-level", "console_log_level", help="DEBUG, INFO, WARNING or ERROR on the terminal.")
@click.option("--data-dir", help="Where logs and state are kept.  [default: ~/.fleet-manager]")
@click.option("--with-parent", is_flag=True, hidden=True, help="End when standard input ends.")
@click.pass_context
def main(context: click.Context, /, *, with_parent: bool, **flags: Any) -> None:
    """Makes this machine a node of a herd: runs and watches its inference engines, carries calls to them.

    \b
    herd-node                                          with the coordinator that mDNS finds
    herd-node --router-url http://workstation:11435    with that one
    herd-node --token herd1-...                        with the one that made the token

    Without a token, a person lets it in on the coordinator: herd approve NODE. On the coordinator's own machine it
    joins by itself.
    """
    if context.invoked_subcommand is None:
        sys.exit(_run(flags, with_parent=with_parent))


_node_id = click.option("--node-id", help="Which agent of this machine.  [default: the one that runs]")
_data_dir = click.option("--data-dir", help="Where it keeps its state.  [default: ~/.fleet-manager]")


def _ask(context: click.Context, flags: dict[str, str | None], verb: "Callable[[Settings], int]") -> None:
    """Runs a verb for the agent that the verb's own flags mean, else those before the verb; and ends."""
    from agent.verbs.directory import NoNode, settings_of

    before = context.parent.params if context.parent else {}
    try:
        sys.exit(verb(settings_of({name: flag or before.get(name) for name, flag in flags.items()})))
    except NoNode as error:
        click.echo(f"herd-node: {error}", err=True)
        sys.exit(error.code)


@main.command()
@click.option("--for", "lasting", default="", help="How long, as 30m or 2h.  [default: until resume]")
@_node_id
@_data_dir
@click.pass_context
def pause(context: click.Context, /, *, lasting: str, **flags: str | None) -> None:
    """The owner wants the machine: no new calls, running ones finish. Lasts over restarts of the agent."""
    from agent.verbs.pause import pause as paused

    _ask(context, flags, lambda settings: paused(settings, lasting))


@main.command()
@click.option("--full", is_flag=True, help="Also while the owner uses it, whatever was learned.")
@click.option("--for", "lasting", default="", help="With --full: how long, as 30m or 2h.")
@_node_id
@_data_dir
@click.pass_context
def resume(context: click.Context, /, *, full: bool, lasting: str, **flags: str | None) -> None:
    """Ends a pause: this machine takes calls again, as far as its owner's use leaves room."""
    from agent.verbs.pause import resume as resumed

    _ask(context, flags, lambda settings: resumed(settings, lasting, full=full))


@main.command()
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
@_node_id
@_data_dir
@click.pass_context
def capacity(context: click.Context, /, *, output: Any, **flags: str | None) -> None:
    """How busy the owner is at each hour of the week, as the agent has learned it."""
    from agent.verbs.capacity import capacity as learned

    _ask(context, flags, lambda settings: learned(settings, output))


def _seconds(_context: click.Context, _option: click.Parameter, typed: str | None) -> float | None:
    from shared.durations import seconds

    try:
        return None if typed is None else seconds(typed)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@main.command()
@click.option(
    "--deadline", callback=_seconds, help="When what still runs is ended: 10m, 1h30m.  [default: 10m]"
)
@click.option("--wait/--no-wait", default=True, help="Wait until nothing runs; ctrl-C leaves it draining.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
@_node_id
@_data_dir
@click.pass_context
def drain(
    context: click.Context, /, *, deadline: float | None, wait: bool, output: Any, **flags: str | None
) -> None:
    """This machine's agent takes no new calls, finishes those that run, and stays; also after it is started anew."""
    from agent.verbs.drain import drain as drained

    _ask(context, flags, lambda settings: drained(settings, deadline, wait=wait, output=output))


@main.command()
@_node_id
@_data_dir
@click.pass_context
def undrain(context: click.Context, /, **flags: str | None) -> None:
    """This machine's agent takes calls again."""
    from agent.verbs.drain import undrain as undrained

    _ask(context, flags, undrained)


@main.command()
@_node_id
@_data_dir
@click.pass_context
def leave(context: click.Context, /, **flags: str | None) -> None:
    """This machine's agent, which is ended, forgets the coordinator it joined: it may join another one.

    \b
    herd-node leave
    herd-node --token herd1-...

    What it had is kept beside, under another name. On the coordinator it left: herd remove NODE
    """
    from agent.verbs.leave import leave as left

    _ask(context, flags, left)


@main.command("reload")
@click.option("--wait/--no-wait", default=True, help="Wait until every engine is as the file says.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
@_node_id
@_data_dir
@click.pass_context
def reload_(context: click.Context, /, *, wait: bool, output: Any, **flags: str | None) -> None:
    """Reads engines.toml again; an engine with other settings takes the old one's place without a failed call."""
    from agent.verbs.reload import reload as reloaded

    _ask(context, flags, lambda settings: reloaded(settings, wait=wait, output=output))


@main.command()
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
@_node_id
@_data_dir
@click.pass_context
def engines(context: click.Context, /, *, output: Any, **flags: str | None) -> None:
    """Which engines are found on this machine or in engines.toml, which could be had, and why others cannot run."""
    from agent.verbs.engines import engines as listed

    _ask(context, {"ollama_host": None, "engine": None, **flags}, lambda settings: listed(settings, output))


@main.command()
@click.option("--router-url", help="The coordinator.  [default: as for herd-node]")
@click.option("--ollama-host", help="The Ollama to use.  [default: as for herd-node]")
@click.option("--gateway-port", type=int, help="Port of the gateway.  [default: as for herd-node]")
@click.option("--engine", multiple=True, help="Engines to use; repeatable.  [default: as for herd-node]")
@click.option("--wait", default=3.0, show_default=True, help="Seconds to listen to mDNS; 0: not at all.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
@_node_id
@_data_dir
@click.pass_context
def doctor(context: click.Context, /, *, wait: float, output: Any, **flags: Any) -> None:
    """What is wrong with this machine, its engines and its way to the fleet, and the command that mends it.

    Changes nothing. Exit code 0: nothing is broken; 1: something is.
    """
    from agent.verbs.doctor import doctor as looked_at

    before = dict(context.parent.params) if context.parent else {}
    before.pop("with_parent", None)
    given = {name: flag for name, flag in flags.items() if flag is not None and flag != ()}
    sys.exit(looked_at(before | given, wait, output))


main.add_command(commands("herd-node", "agent"))


def _run(flags: dict[str, Any], *, with_parent: bool) -> int:
    import asyncio
    import logging
    from pathlib import Path

    from agent.app import run_agent
    from agent.config import PREFIX, Settings, StartError
    from shared.lifetime import let_go_of_terminal
    from shared.logs import logging_to
    from shared.private import keep_private
    from shared.settings import SettingsError, resolve

    keep_private()

    def read() -> Any:
        return resolve(Settings, PREFIX, flags)

    try:
        resolved = read()
    except SettingsError as error:
        click.echo(f"herd-node: {error}", err=True)
        return 2
    settings = resolved.values
    directory = Path(settings.data_dir).expanduser() / "logs"
    always = {"node_id": settings.name}
    with logging_to(
        directory, "herd-node", settings.log_level, settings.console_log_level, always
    ) as set_levels:
        log = logging.getLogger("herd-node")
        for warning in resolved.warnings:
            log.warning("%s", warning)
        try:
            asyncio.run(run_agent(settings, read, set_levels, with_parent=with_parent))
        except StartError as error:
            log.error("%s", error)  # noqa: TRY400 - a person reads this, not a traceback
            return 1
    let_go_of_terminal()
    return 0


if __name__ == "__main__":
    main()
