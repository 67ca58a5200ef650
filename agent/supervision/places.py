"""Where in the node's directory an engine has its files: one of two places, since for a while a new one may run beside
the old. May block.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from agent.supervision.identity import Identity, lives, owned_by_another, read
from agent.supervision.leftovers import swept
from agent.supervision.tree import kill_members

SECOND = "~2"
"""No engine's name has such a sign."""

log = logging.getLogger("herd-node.supervisor")


def other(place: str) -> str:
    """The one that a new engine takes while the old one has `place`."""
    return place.removesuffix(SECOND) if place.endswith(SECOND) else place + SECOND


def settled(directory: Path, name: str, leftovers: Sequence[str] = ()) -> str:
    """Where the engine of an agent that was killed lives, the younger one of two; `name` where none does.

    What is in the other place is ended, unless its agent lives. `leftovers`: globs as in `Launch`.
    """
    known = {place: read(_file(directory, place)) for place in (name, other(name))}
    alive = {place: who for place, who in known.items() if who is not None and lives(who)}
    place = max(alive, key=lambda each: _rank(alive[each]), default=name)
    rest = other(place)
    if (who := known[rest]) is not None and not (rest in alive and owned_by_another(who)):
        pids, _ = kill_members(who.pid if rest in alive else None, who.mark, who.started)
        swept(leftovers, {who.pid, *pids}, who.port, who.started)
        _file(directory, rest).unlink(missing_ok=True)
        if pids:
            log.info("%s: %d processes in its other place are ended", name, len(pids))
    return place


def _rank(who: Identity) -> tuple[bool, float]:
    """One that was never ready replaced nothing."""
    return bool(who.address), who.started


def _file(directory: Path, place: str) -> Path:
    return directory / "engines" / f"{place}.json"
