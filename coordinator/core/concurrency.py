"""How many calls a place takes at once, where its engine does not say: learned, one more at a time.

With n calls running, the first byte of the last to come tells: while all others still run, n run side by side; only
after another has ended, and late, it had to wait for its turn.
"""

import math
from collections import deque
from collections.abc import Iterable
from statistics import median
from typing import NamedTuple, TypeVar

from coordinator.core.call import Place
from shared.names import CallId, ModelName, NodeId

Value = TypeVar("Value")

GIB = 2**30
BYTES_A_CALL = 2 * GIB
"""Cache that one more call is taken to need."""
MOST = 8
ALONE_KEPT = 9
"""First bytes of calls that ran alone: their median is what others are compared with."""
WAITED_FACTOR, WAITED_S = 2.0, 0.1
"""A first byte after more than this many times the time alone, and so many seconds, was late."""
CROWDED_FACTOR, CROWDED_S = 4.0, 1.0
"""Side by side, but as late as this, is no gain."""
STRIKES = 2
"""Late calls in a row, each after another's end, until fewer are sent."""
UNCLEAR = 8
"""Trials in a row that told nothing, until the next has to wait."""
PAUSE_S, LONGEST_PAUSE_S = 60.0, 900.0
"""After a trial that failed, doubling; what an engine can do may change."""
WANTED_EVERY_S = 0.1
"""That a call waits for a model is looked at so often, at the most."""


def most_for(available_bytes: int, loaded_bytes: int) -> int:
    """Calls at once that memory allows: at least 1, at most 8. `available_bytes` with the model itself not in it, or
    less where the owner leaves less.
    """
    return max(1, min(MOST, int((available_bytes - loaded_bytes) / BYTES_A_CALL)))


class _Run(NamedTuple):
    place: Place
    started_at: float
    beside: int
    """Calls that ran there, with itself."""
    ended: int
    """Calls that had ended there by then."""


class _Learner:
    """One place."""

    def __init__(self, told: int) -> None:
        self.proven = told
        self.trial = False
        """Whether one more may be sent, to see."""
        self.ended = 0
        self._paused_until = -math.inf
        self._failures = 0
        self._strikes = 0
        self._unclear = 0
        self._alone_s: deque[float] = deque(maxlen=ALONE_KEPT)

    def may_try(self, now: float) -> bool:
        """Allows a trial; whether that is new."""
        if self.trial or now < self._paused_until:
            return False
        self.trial = True
        return True

    def first_byte(self, run: _Run, now: float) -> bool:
        """Of one that began beside others, or alone. Whether something is different now."""
        before = (self.proven, self.trial)
        seconds, others_ended = now - run.started_at, self.ended > run.ended
        if run.beside == 1:
            self._alone_s.append(seconds)
        elif others_ended:
            self._after_another(run, now, late=self._later(seconds, WAITED_FACTOR, WAITED_S))
        elif self._later(seconds, CROWDED_FACTOR, CROWDED_S):
            self._failed(now)
        else:
            self._side_by_side(run)
        return before != (self.proven, self.trial)

    def busy(self, run: _Run, now: float) -> bool:
        """The engine refused it, because others were running. Whether something is different now."""
        before = (self.proven, self.trial)
        self.proven = max(1, min(self.proven, run.beside - 1))
        self._failed(now)
        return before != (self.proven, self.trial)

    def _later(self, seconds: float, factor: float, more_s: float) -> bool:
        return bool(self._alone_s) and seconds > factor * median(self._alone_s) + more_s

    def _side_by_side(self, run: _Run) -> None:
        if run.beside >= self.proven:
            self._strikes = self._unclear = 0
        if run.beside > self.proven:
            self.proven, self._failures = run.beside, 0

    def _after_another(self, run: _Run, now: float, *, late: bool) -> None:
        if run.beside > self.proven:
            self._unclear += 1
            if late or self._unclear >= UNCLEAR:
                self._failed(now)
        elif late:
            self._strikes += 1
            if self._strikes >= STRIKES:
                self.proven = max(1, self.proven - 1)
                self._failed(now)

    def _failed(self, now: float) -> None:
        self._strikes = self._unclear = 0
        self.trial = False
        self._paused_until = now + min(LONGEST_PAUSE_S, PAUSE_S * 2**self._failures)
        self._failures = min(self._failures + 1, 10)


class Slots:
    """Changed by events; each gives the places whose number is another one now. Places whose engine says what it can do
    are none of its business.
    """

    def __init__(self) -> None:
        self._learners: dict[Place, _Learner] = {}
        self._runs: dict[CallId, _Run] = {}
        self._by_model: dict[ModelName, set[Place]] = {}
        self._wanted_at: dict[ModelName, float] = {}

    def of(self, place: Place, told: int, most: int) -> int:
        """Calls at once: `told` to begin with, then what has been proven, and one more where a trial may be made; never
        more than `most`, or than was told.
        """
        learner = self._learners.get(place)
        return told if learner is None else min(learner.proven + learner.trial, max(told, most))

    def proven(self, place: Place, told: int) -> int:
        """Calls at once that it is known to take."""
        learner = self._learners.get(place)
        return told if learner is None else learner.proven

    def wanted(self, models: Iterable[ModelName], now: float) -> list[Place]:
        """A call waits for one of these: each place that has run one may be given one more, once."""
        changed = []
        for model in models:
            if model in self._by_model and now - self._wanted_at.get(model, -math.inf) >= WANTED_EVERY_S:
                self._wanted_at[model] = now
                changed += [place for place in self._by_model[model] if self._learners[place].may_try(now)]
        return changed

    def started(self, call_id: CallId, place: Place, told: int, running: int, now: float) -> list[Place]:
        """A call was sent there; `running` counts it."""
        learner = self._learners.get(place)
        if learner is None:
            learner = self._learners[place] = _Learner(told)
            self._by_model.setdefault(place.model, set()).add(place)
        self._runs[call_id] = _Run(place, now, running, learner.ended)
        if running <= learner.proven or not learner.trial:
            return []
        learner.trial = False
        return [place]

    def first_byte(self, call_id: CallId, now: float) -> list[Place]:
        """Its answer has begun."""
        run = self._runs.get(call_id)
        return [run.place] if run and self._learners[run.place].first_byte(run, now) else []

    def busy(self, call_id: CallId, now: float) -> list[Place]:
        """The engine had no room for it (429, 503)."""
        run = self._runs.get(call_id)
        return [run.place] if run and self._learners[run.place].busy(run, now) else []

    def ended(self, call_id: CallId) -> None:
        """It is over there, however."""
        if run := self._runs.pop(call_id, None):
            self._learners[run.place].ended += 1

    def forget(self, node_id: NodeId) -> None:
        """The node is gone for good, and runs nothing."""
        for place in [place for place in self._learners if place.node_id == node_id]:
            del self._learners[place]
            places = self._by_model[place.model]
            places.discard(place)
            if not places:
                del self._by_model[place.model]
                self._wanted_at.pop(place.model, None)


class Foreign:
    """Calls that run at a place and are not ours, as far as its engine tells how many run."""

    def __init__(self) -> None:
        self._peaks: dict[NodeId, dict[Place, tuple[int, int]]] = {}
        """Most of ours at once: between the two last beats, and since."""
        self._foreign: dict[NodeId, dict[Place, int]] = {}

    def took(self, place: Place, running: int) -> None:
        """One of ours began there; `running` counts it."""
        peaks = self._peaks.get(place[0])
        if peaks is None:
            peaks = self._peaks[place[0]] = {}
        earlier, latest = peaks.get(place, (0, 0))
        if running > latest:
            peaks[place] = (earlier, running)

    def heard(self, place: Place, busy: int, running: int) -> bool:
        """A beat says that `busy` run. It may be some seconds old, and ours may be among them that have ended since:
        only what exceeds the most that we ran in that time is foreign. Whether that is another number than before.
        """
        before, peaks = self.of(place), self._peaks.get(place.node_id, {})
        earlier, latest = peaks.get(place, (0, 0))
        excess = max(0, busy - max(earlier, latest, running))
        _keep(self._foreign, place, excess, excess > 0)
        _keep(self._peaks, place, (latest, running), bool(earlier or latest or running))
        return excess != before

    def of(self, place: Place) -> int:
        """By the last beat."""
        return self._foreign.get(place.node_id, {}).get(place, 0)

    def watched(self, node_id: NodeId) -> list[Place]:
        """Where a beat may tell another number though it says what the last one said: ours ran there of late."""
        return list(self._peaks.get(node_id, ()))

    def forget(self, node_id: NodeId) -> None:
        """The node is gone for good."""
        self._foreign.pop(node_id, None)
        self._peaks.pop(node_id, None)


def _keep(known: dict[NodeId, dict[Place, Value]], place: Place, value: Value, worth: bool) -> None:
    if worth:
        known.setdefault(place.node_id, {})[place] = value
    elif (of_node := known.get(place.node_id)) is not None:
        of_node.pop(place, None)
        if not of_node:
            del known[place.node_id]
