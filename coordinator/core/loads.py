"""Models on their way into memory: where, since when, how long it will take."""

import math
import statistics
from collections import deque

from msgspec import Struct

from coordinator.core.call import Place
from coordinator.core.learned import UNKNOWN, Kept
from coordinator.core.node import Node
from shared.names import ModelName, NodeId

PRIOR_BYTES_PER_S = 0.5e9
"""Reading from a middling disk, until a node has been measured."""
FIXED_S = 2.0
"""What a load takes beside reading."""
UNKNOWN_BYTES = 5_000_000_000
"""The size assumed where none is told."""
OVERDUE_FACTOR = 3.0
"""After so many times its predicted seconds a load is no longer waited for alone."""
MEASURED = 5
"""Newest loads of a node that count."""
RECALLED = 2
"""Of those of before this start."""
NODES_KEPT = 4_096
MODELS_KEPT = 4_096
ANSWER_S = 10.0
"""How long a call is taken to run where none has been measured."""
SHOWN_S = 1.0
"""A beat that comes so long after the end of a load shows it, or it is gone again; an earlier one may be older."""
UNSHOWN_S = 15.0
"""How long a load that ended is believed in before a beat shows it."""


class Loading(Struct, frozen=True):
    """A load under way. Times in seconds of the Desk's clock."""

    place: Place
    since: float
    predicted_s: float
    size_bytes: int = 0

    @property
    def node_id(self) -> NodeId:
        """Where it happens."""
        return self.place.node_id

    def left_s(self, now: float) -> float:
        """Seconds that it will still take; 0 where it should be over."""
        return max(0.0, self.since + self.predicted_s - now)


class Loads:
    """A load begins when a call is placed where its model is not in memory. It ends when a beat shows the model, when a
    call there has its first byte or its end, or when no call is left there.
    """

    def __init__(self) -> None:
        self._under_way: dict[ModelName, dict[Place, Loading]] = {}
        self._rates: dict[NodeId, deque[float]] = {}
        """Bytes per second of finished loads."""
        self._rate: dict[NodeId, float] = {}
        """Their medians."""
        self._ended_at: dict[ModelName, float] = {}
        self._unshown: dict[Place, float] = {}

    def placed(self, place: Place, node: Node, now: float) -> None:
        """A call was placed there: a load begins, unless the model is in memory."""
        spot = next(each for each in node.spots[place.model] if each.engine.name == place.engine)
        if not spot.replicas and not self.warm(place, now):
            self.began(place, now, spot.model.size_bytes)

    def began(self, place: Place, now: float, size_bytes: int) -> None:
        """A call was placed there, and its model (0 bytes: of unknown size) is not in memory."""
        loads = self._under_way.setdefault(place.model, {})
        if place not in loads:
            loads[place] = Loading(place, now, self.predicted_s(place.node_id, size_bytes), size_bytes)

    def ended(self, place: Place, now: float, *, ok: bool) -> bool:
        """The model is there (`ok`), or will not be; whether a load was under way."""
        loads = self._under_way.get(place.model, {})
        loading = loads.pop(place, None)
        if loading is None:
            return False
        if not loads:
            del self._under_way[place.model]
        self._ended_at.pop(place.model, None)  # to the end: the dict is in order of use
        self._ended_at[place.model] = now
        if len(self._ended_at) > MODELS_KEPT:
            del self._ended_at[next(iter(self._ended_at))]
        if ok:
            self._unshown[place] = now
            if len(self._unshown) > MODELS_KEPT:
                del self._unshown[next(iter(self._unshown))]
            self._learn(loading, now)
        return True

    def seen(self, node: Node, now: float) -> bool:
        """A beat came: what it shows in memory is loaded. Whether something is different by it."""
        if not self._under_way and not self._unshown:
            return False
        changed = False
        for place in self._places(node.node_id):
            spots = node.spots.get(place.model, ())
            if any(spot.replicas for spot in spots if spot.engine.name == place.engine):
                self.ended(place, now, ok=True)
                self._unshown.pop(place, None)
                changed = True
            elif now - self._unshown.get(place, now) >= SHOWN_S:
                del self._unshown[place]  # it has left memory again
                changed = True
        return changed

    def loading(self, model: ModelName) -> Loading | None:
        """The load of `model` that should end first; None: none is under way."""
        loads = self._under_way.get(model)
        return min(loads.values(), key=lambda each: each.since + each.predicted_s) if loads else None

    def at(self, place: Place) -> bool:
        """Whether its model is being loaded there."""
        return self.of(place) is not None

    def of(self, place: Place) -> Loading | None:
        """The load that is under way there."""
        return self._under_way.get(place.model, {}).get(place)

    def under_way(self, model: ModelName) -> list[Loading]:
        """Every load of `model`, the one that should end first at the beginning."""
        return sorted(self._under_way.get(model, {}).values(), key=lambda each: each.since + each.predicted_s)

    def ended_at(self, model: ModelName) -> float | None:
        """When a load of `model` last ended, well or not."""
        return self._ended_at.get(model)

    def warm(self, place: Place, now: float) -> bool:
        """Whether the model was loaded there a moment ago, though no beat has shown it yet."""
        at = self._unshown.get(place)
        if at is None:
            return False
        if now - at >= UNSHOWN_S:
            del self._unshown[place]
            return False
        return True

    def warm_until(self, place: Place) -> float:
        """Until when that is believed, if no beat comes; inf: it need not be."""
        return self._unshown.get(place, math.inf) + UNSHOWN_S

    def predicted_s(self, node_id: NodeId, size_bytes: int) -> float:
        """Seconds to load so many bytes (0: unknown) there."""
        rate = self._rate.get(node_id, PRIOR_BYTES_PER_S)
        return FIXED_S + (size_bytes or UNKNOWN_BYTES) / rate

    def nodes(self) -> set[NodeId]:
        """That were measured."""
        return set(self._rates)

    def kept(self, node_id: NodeId) -> Kept:
        """Bytes per second of its loads, and how many were measured."""
        rates = self._rates.get(node_id)
        return (float(f"{self._rate[node_id]:.4g}"), len(rates)) if rates else UNKNOWN

    def recall(self, node_id: NodeId, kept: Kept) -> None:
        """As it was kept."""
        rate, count = kept
        if rate > 0 and count > 0:
            self._rates[node_id] = deque([rate] * min(count, RECALLED), maxlen=MEASURED)
            self._rate[node_id] = rate

    def _places(self, node_id: NodeId) -> list[Place]:
        """Where this node loads something, or did and no beat has shown it yet."""
        loading = [place for loads in self._under_way.values() for place in loads]
        return [place for place in {*loading, *self._unshown} if place.node_id == node_id]

    def _learn(self, loading: Loading, now: float) -> None:
        if not loading.size_bytes:
            return
        reading_s = max(0.1, now - loading.since - FIXED_S)
        rates = self._rates.setdefault(loading.node_id, deque(maxlen=MEASURED))
        rates.append(loading.size_bytes / reading_s)
        self._rate[loading.node_id] = statistics.median(rates)
        if len(self._rates) > NODES_KEPT:
            gone = next(iter(self._rates))
            del self._rates[gone], self._rate[gone]


def may_load_elsewhere(loading: Loading | None, now: float) -> bool:
    """Whether the model may be loaded at another place: no load of it is under way, or that one is long overdue."""
    return loading is None or now - loading.since > OVERDUE_FACTOR * loading.predicted_s
