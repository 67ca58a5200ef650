"""`herd-node reload`: the agent of this machine reads engines.toml again and swaps the engines that it changes."""

import time
from typing import Literal

import click
import msgspec

from agent.config import Settings
from agent.control import FILE, read, write
from agent.presence import found
from agent.reloading import Reloaded
from agent.reloading import read as reloaded
from agent.verbs.directory import FAILED, INTERRUPTED, NOT_FOUND, OK, NoNode, directory_of
from shared.swaps import FAILED as STATE_FAILED

LOOK_EVERY_S = 0.2

Output = Literal["text", "json"]


def reload(settings: Settings, *, wait: bool, output: Output) -> int:
    """Exit code: 0 where every engine is as the file says, 1 where one is not. Raises NoNode."""
    directory = directory_of(settings)
    if found(directory) is None:
        raise NoNode(f"no agent runs as {directory.name}; start it: herd-node", NOT_FOUND)
    asked = time.time()
    path = directory / FILE
    try:
        write(path, msgspec.structs.replace(read(path), reload=asked))
    except OSError as error:
        raise NoNode(f"the agent cannot be told: {path}: {error.strerror}", FAILED) from error
    if not wait:
        click.echo(f"{directory.name} was told")
        return OK
    try:
        while (done := reloaded(directory)) is None or done.asked < asked:
            if found(directory) is None:
                raise NoNode(f"the agent of {directory.name} has stopped", FAILED)
            time.sleep(LOOK_EVERY_S)
    except KeyboardInterrupt:
        click.echo("it goes on; herd describe node tells what comes of it", err=True)
        return INTERRUPTED
    return _concluded(done, output)


def _concluded(done: Reloaded, output: Output) -> int:
    failed = bool(done.refused) or any(each.state == STATE_FAILED for each in done.engines.values())
    if output == "json":
        click.echo(msgspec.json.encode(done))
        return FAILED if failed else OK
    if done.refused:
        click.echo(f"nothing is changed: {done.refused}", err=True)
    for name, each in done.engines.items():
        click.echo(f"{name} {each.state}: {each.told}", err=each.state == STATE_FAILED)
    return FAILED if failed else OK
