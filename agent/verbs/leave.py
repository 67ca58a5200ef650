"""`herd-node leave`: the coordinator that was joined is forgotten."""

import click

from agent.config import Settings
from agent.joining.membership import MembershipFile
from agent.presence import found
from agent.verbs.directory import FAILED, OK, directory_of


def leave(settings: Settings) -> int:
    """The exit code. Raises NoNode."""
    directory = directory_of(settings)
    if found(directory):
        click.echo(f"herd-node: {directory.name} runs: end it first, else it would go on as it is", err=True)
        return FAILED
    try:
        aside = MembershipFile(directory).put_aside()
    except OSError as error:
        click.echo(f"herd-node: {error}", err=True)
        return FAILED
    click.echo(
        f"{directory.name} has left; what it had is {aside}" if aside else f"{directory.name} had not joined"
    )
    return OK
