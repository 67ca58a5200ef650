"""`herd-node drain` and `herd-node undrain`: the agent of this machine takes no new calls, or takes them again."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import click
import msgspec

from agent.config import Settings
from agent.control import FILE, Drain, read, write
from agent.presence import Presence, found
from agent.verbs.directory import FAILED, INTERRUPTED, NOT_FOUND, OK, NoNode, directory_of

HEARD_S = 10.0
"""How long an agent may take to see an order; it looks every half second."""
LOOK_EVERY_S = 0.2

Output = Literal["text", "json"]


def drain(settings: Settings, deadline_s: float | None, *, wait: bool, output: Output) -> int:
    """Exit code: 0 once nothing runs there, 1 where the deadline cut calls. Raises NoNode."""
    directory = directory_of(settings)
    if found(directory) is None:
        raise NoNode(f"no agent runs as {directory.name}; start it: herd-node", NOT_FOUND)
    order = Drain(since=time.time(), deadline_s=settings.drain_timeout if deadline_s is None else deadline_s)
    _ask(directory, order)
    try:
        state = _until(directory, lambda now: now.drained_since == order.since, HEARD_S)
        if wait:
            state = _finished(directory, state)
    except KeyboardInterrupt:
        _say(f"the drain of {directory.name} goes on; herd-node undrain ends it")
        return INTERRUPTED
    return _concluded(directory.name, state, output)


def undrain(settings: Settings) -> int:
    """Exit code. An agent that does not run will take calls from its start. Raises NoNode."""
    directory = directory_of(settings)
    _ask(directory, None)
    if found(directory) is None:
        click.echo(f"{directory.name} undrained; its agent does not run")
        return OK
    _until(directory, lambda now: now.drained_since is None, HEARD_S)
    click.echo(f"{directory.name} undrained")
    return OK


def _ask(directory: Path, order: Drain | None) -> None:
    path = directory / FILE
    try:
        write(path, msgspec.structs.replace(read(path), drain=order))
    except OSError as error:
        raise NoNode(f"the agent cannot be told: {path}: {error.strerror}", FAILED) from error


def _until(directory: Path, done: Callable[[Presence], bool], within_s: float) -> Presence:
    """What the agent tells once it is done. Raises NoNode where that takes too long, or the agent is gone."""
    give_up = time.monotonic() + within_s
    while True:
        now = found(directory)
        if now is None:
            raise NoNode(f"the agent of {directory.name} has stopped", FAILED)
        if done(now):
            return now
        if time.monotonic() > give_up:
            raise NoNode(
                f"the agent of {directory.name} did not take the order within {within_s:.0f} s", FAILED
            )
        time.sleep(LOOK_EVERY_S)


def _finished(directory: Path, state: Presence) -> Presence:
    """Until nothing runs there, or the drain is another's."""
    order, shown = state.drained_since, 0
    while state.running and state.drained_since == order:
        if state.running != shown:
            _say(f"{_calls(state.running)} running on {directory.name}")
            shown = state.running
        time.sleep(LOOK_EVERY_S)
        now = found(directory)
        if now is None:
            raise NoNode(f"the agent of {directory.name} has stopped; {_calls(state.running)} ran", FAILED)
        state = now
    return state


def _concluded(name: str, state: Presence, output: Output) -> int:
    if output == "json":
        told = {"node_id": name, "drained": not state.running, "running": state.running, "cut": state.cut}
        click.echo(msgspec.json.encode(told))
    if state.drained_since is None:
        _say(f"somebody took {name} back meanwhile")
        return FAILED
    if state.cut:
        _say(f"the deadline passed on {name}: {_calls(state.cut)} cut")
        return FAILED
    if output == "text":
        click.echo(
            f"{name} draining, {_calls(state.running)} running" if state.running else f"{name} drained"
        )
    return OK


def _calls(count: int) -> str:
    return f"{count} call{'' if count == 1 else 's'}"


def _say(text: str) -> None:
    click.echo(text, err=True)
