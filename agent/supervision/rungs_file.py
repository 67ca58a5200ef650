"""Which rung worked for a model on this node: a small file beside the engine's identity. Blocks for the disk."""

import logging
from pathlib import Path

import msgspec
from msgspec import Struct

from agent.supervision.launch import Rung
from shared.atomic import replaced

MOST_MODELS = 256
"""Kept; who was written longest ago makes room."""

log = logging.getLogger("herd-node.supervisor")


class Known(Struct, frozen=True):
    """Of one model."""

    rung: Rung
    since: float
    """Seconds since the epoch: it was last in trouble on this rung, or came to it."""


class RungsFile:
    """`path`: the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, model: str, now: float) -> Known:
        """The top where nothing is known, also where the file cannot be used."""
        return self._all().get(model, Known(Rung.AS_IT_WAS, now))

    def write(self, model: str, known: Known) -> None:
        """All of it or nothing. A failure is logged: then the ladder is climbed down anew after a restart."""
        everything = self._all()
        everything.pop(model, None)
        everything[model] = known
        kept = dict(list(everything.items())[-MOST_MODELS:])
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replaced(self._path, msgspec.json.encode(kept))
        except OSError as error:
            log.warning("the rung of %s is not kept: %s", model, error)

    def _all(self) -> dict[str, Known]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Known])
        except (OSError, ValueError, RecursionError):
            return {}
