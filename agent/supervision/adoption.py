"""What an agent finds of the one before it: an engine to adopt, one to end, or only what it left. May block."""

import logging
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from agent.supervision import lifeline
from agent.supervision.identity import Identity, listens, lives, owned_by_another, read, same_launch
from agent.supervision.launch import Launch, ReadyLine, Rung
from agent.supervision.leftovers import swept
from agent.supervision.process import outlives
from agent.supervision.tree import kill_members

log = logging.getLogger("herd-node.supervisor")


class Found(Struct, frozen=True):
    """An engine that runs already."""

    identity: Identity
    owned: bool = False
    """By another agent, which lives: it must be left alone."""
    held: int | None = None
    """This agent's end of its lifeline."""


def found_engine(path: Path, launch: Callable[[Rung], Launch]) -> Found | None:
    """By its identity file. What cannot be adopted is ended here, with all of its tree, and swept."""
    who = read(path)
    if who is None:
        return None
    alive = lives(who)
    if alive and owned_by_another(who):
        return Found(who, owned=True)
    wanted = launch(who.rung)
    if alive and (found := _adoptable(path, who, wanted)):
        return found
    pids, _ = kill_members(who.pid if alive else None, who.mark, who.started)
    swept(wanted.leftovers, {who.pid, *pids}, who.port, who.started)
    path.unlink(missing_ok=True)
    if pids:
        log.info("%s: %d processes of an agent that was killed are ended", who.name, len(pids))
    return None


def _adoptable(path: Path, who: Identity, wanted: Launch) -> Found | None:
    """One that was ready, is what would be started now, and lets itself be held."""
    if not (outlives(wanted) and who.address and same_launch(who, wanted) and listens(who)):
        return None
    if not isinstance(wanted.ready, ReadyLine):
        return Found(who)
    held = lifeline.taken_up(path.with_suffix(".pipe"))
    return None if held is None else Found(who, held=held)
