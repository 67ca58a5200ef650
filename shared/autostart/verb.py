"""`herd service` and `herd-node service`: install, uninstall, status."""

import os
import shlex
import sys
from collections.abc import Callable
from typing import Any

import click

OK, FAILED, NOT_FOUND = 0, 1, 3

_system = click.option(
    "--system/--user",
    "system",
    default=None,
    help="For the machine, or for you only.  [default: --user; as root --system]",
)


def commands(program: str, module: str, kind: type[click.Group] = click.Group) -> click.Group:
    """The group `service` of one program, a group of this kind."""

    def told(words: str, *examples: str, then: str = "") -> str:
        lines = [f"{program} service {each}".rstrip() for each in examples]
        return "\n\n".join([words, "\n".join(["\b", *lines]), then])

    @click.group(
        "service",
        cls=kind,
        help=told(
            f"Have {program} started with the machine or at your login (systemd, launchd).",
            *("install", "status", "uninstall"),
        ),
    )
    def group() -> None:
        pass

    @group.command(
        help=told(
            "Write the unit's file. Nothing is started without --now; the command that does it is printed.",
            *("install", "install --now", "install --dry-run"),
        )
    )
    @_system
    @click.option("--now", is_flag=True, help="Start it, and from now on with the machine or at your login.")
    @click.option("--force", is_flag=True, help="Replace a file that differs.")
    @click.option("--dry-run", is_flag=True, help="Print the file, write nothing.")
    def install(*, system: bool | None, now: bool, force: bool, dry_run: bool) -> None:
        _end(lambda: _install(program, module, system, now=now, force=force, dry_run=dry_run))

    @group.command(help=told("Stop it, and remove the unit's file. Data stays.", "uninstall"))
    @_system
    def uninstall(*, system: bool | None) -> None:
        _end(lambda: _uninstall(program, module, system))

    @group.command(
        help=told(
            "Whether it is installed, and whether it runs.",
            *("status", "status -o json"),
            then="Exit codes: 0 it runs, 1 it does not, 3 it is not installed.",
        )
    )
    @_system
    @click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
    def status(*, system: bool | None, output: str) -> None:
        _end(lambda: _status(program, module, system, output))

    return group


def _end(verb: Callable[[], int]) -> None:
    from shared.autostart.installing import CannotInstall

    try:
        sys.exit(verb())
    except CannotInstall as error:
        click.echo(f"{click.get_current_context().find_root().info_name}: {error}", err=True)
        sys.exit(FAILED)


def _meant(program: str, module: str, system: bool | None) -> Any:
    from shared.autostart.installing import installation

    is_root = hasattr(os, "getuid") and os.getuid() == 0
    return installation(program, module, system=is_root if system is None else system)


def _install(program: str, module: str, system: bool | None, *, now: bool, force: bool, dry_run: bool) -> int:
    from shared.autostart.installing import check_visible, run, written

    made = _meant(program, module, system)
    check_visible(made)
    if dry_run:
        click.echo(made.content, nl=False)
        return OK
    changed = written(made, force=force)
    click.echo(f"{made.path} {'written' if changed else 'is as it should be'}")
    for command in filter(None, (made.reload, made.start if now else ())):
        if problem := run(command):
            click.echo(f"{shlex.join(command)}: {problem}", err=True)
            if made.unheard:
                click.echo(f"the file is there; {made.unheard}; then this command again", err=True)
            return FAILED
    click.echo(f"{program} started" if now else f"not started; to start it: {shlex.join(made.start)}")
    for hint in made.hints:
        click.echo(hint, err=True)
    return OK


def _uninstall(program: str, module: str, system: bool | None) -> int:
    from shared.autostart.installing import removed, run

    made = _meant(program, module, system)
    if not made.path.exists():
        click.echo(f"{program}: {made.path} is not there", err=True)
        return NOT_FOUND
    if (problem := run(made.stop)) and not run(made.running):
        click.echo(f"it still runs; {shlex.join(made.stop)}: {problem}", err=True)
        return FAILED
    removed(made)
    if made.reload:
        run(made.reload)
    click.echo(f"{made.path} removed")
    return OK


def _status(program: str, module: str, system: bool | None, output: str) -> int:
    import msgspec

    from shared.autostart.installing import run

    made = _meant(program, module, system)
    installed = made.path.exists()
    problem = run(made.running) if installed else ""
    told = {
        "name": made.name,
        "path": str(made.path),
        "installed": installed,
        "running": installed and not problem,
        "as_written": installed and made.path.read_text(encoding="utf-8") == made.content,
    }
    if output == "json":
        click.echo(msgspec.json.encode(told))
    elif not installed:
        click.echo(f"{made.name} is not installed; to do that: {program} service install")
    else:
        click.echo(f"{made.name} {'runs' if told['running'] else 'does not run'} ({made.path})")
        if not told["running"]:
            click.echo(f"to start it: {shlex.join(made.start)}")
        if not told["as_written"]:
            click.echo(f"its file differs from what {program} service install would write now", err=True)
    return OK if told["running"] else FAILED if installed else NOT_FOUND
