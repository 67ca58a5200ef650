"""Where a conversation was served last, and where a long beginning that many calls share: its cache is there."""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Literal

from coordinator.core.call import Call, Place
from shared.names import NodeId, normalise
from shared.wire import Heartbeat

Affine = Literal["session_affinity", "prefix_affinity"]
"""Key in a breakdown, and name of the points in Weights."""

TTL_S = 900.0
"""So long after it was served there, a cache is still expected."""
MOST = 2_000
"""Conversations, and as many beginnings, that are remembered; the ones served longest ago go first."""
PREFIX_PLACES = 2
"""Places that are remembered for one beginning: it may be cached on several."""
WORTH_TOKENS = 500
"""A call that begins a conversation has nothing of its own cached, unless somebody asked the same before: shorter than
this, that is not worth going to the same place."""

_NOWHERE: Mapping[Place, Affine] = {}


class Recent:
    """The last places of each key, newest first. Every step takes the same time, however many there are."""

    def __init__(self, places: int, most: int = MOST) -> None:
        self._places = places
        self._most = most
        self._served: OrderedDict[str, tuple[tuple[Place, float], ...]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._served)

    def note(self, key: str, place: Place, now: float) -> None:
        """It was served there."""
        before = self._served.get(key, ())
        if before and before[0][0] == place:  # as nearly always
            self._served[key] = ((place, now), *before[1:])
        else:
            others = [each for each in before if each[0] != place]
            self._served[key] = ((place, now), *others[: self._places - 1])
        self._served.move_to_end(key)
        if len(self._served) > self._most:
            self._served.popitem(last=False)

    def places(self, key: str, now: float) -> list[Place]:
        """Where that was not too long ago."""
        return [place for place, at in self._served.get(key, ()) if now - at <= TTL_S]

    def drop(self, gone: Collection[Place]) -> None:
        """These have nothing cached any more. Walks over everything: a model leaves memory seldom."""
        for key, served in list(self._served.items()):
            left = tuple(each for each in served if each[0] not in gone)
            if not left:
                del self._served[key]
            elif len(left) < len(served):
                self._served[key] = left


class Affinity:
    """Changed by events; a preference is told for at most three places, whatever the fleet's size."""

    def __init__(self) -> None:
        self._sessions = Recent(1)
        self._prefixes = Recent(PREFIX_PLACES)

    def served(self, call: Call, place: Place, now: float) -> None:
        """An engine has read the call's prompt there."""
        if call.session:
            self._sessions.note(call.session, place, now)
        if call.prefix:
            self._prefixes.note(call.prefix, place, now)

    def preferred(self, call: Call, now: float) -> Mapping[Place, Affine]:
        """Places that have something of the call cached, and what. The conversation outranks its beginning."""
        if not call.prefix and not call.session:
            return _NOWHERE
        found: dict[Place, Affine] = {}
        if call.prefix:
            found.update(dict.fromkeys(self._prefixes.places(call.prefix, now), "prefix_affinity"))
        if call.session and (call.continues or call.estimated_tokens >= WORTH_TOKENS):
            found.update(dict.fromkeys(self._sessions.places(call.session, now), "session_affinity"))
        return found

    def heard(self, before: Heartbeat | None, after: Heartbeat) -> None:
        """A cache lives as long as its model stays in memory, and does not outlive the agent's start."""
        if before is None:
            return
        gone = _loaded(before) if before.epoch != after.epoch else _loaded(before) - _loaded(after)
        if gone:
            node_id = NodeId(before.node_id)
            places = {Place(node_id, engine, normalise(model)) for engine, model in gone}
            self._sessions.drop(places)
            self._prefixes.drop(places)


def _loaded(beat: Heartbeat) -> set[tuple[str, str]]:
    return {(engine.name, replica.model) for engine in beat.engines for replica in engine.replicas}


def points(full: float, depth: int) -> float:
    """What is left of `full` with `depth` calls running there: all, two thirds, half, ..."""
    return full / (1 + depth / 2)
