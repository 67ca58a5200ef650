"""Models that nobody has: which of them are fetched, onto which node, and what becomes of the calls meanwhile.

The shell (`models/puller.py`) asks the registry and the node; what it learns comes back as events.
"""

import math
from collections import deque
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any, Literal

from msgspec import Struct

from coordinator.core.call import Call, Placed, Refused
from coordinator.core.fleet import Fleet
from coordinator.core.holding import OpenCall
from coordinator.core.room import GIB, shown_size
from shared.errors import ModelNotFound, Unavailable
from shared.names import ModelName, NodeId

ASKED_A_MINUTE = 30
"""Names that the registry is asked for: a flood of misspelt ones is not passed on to it."""
NODES_TRIED = 2
RETRY_AFTER_LONGEST_S = 300
MEASURED_S = 10.0
"""From then on a pull's speed tells when it ends."""
FASTER = 2.0
"""Than so far; hardly any becomes that."""
SHOWN_WITHIN_S = 15.0
"""After the end of a pull: how long the beat that shows the model may take, where it did not come before."""
SHOWN_FOR_S = 600.0
"""How long an ended pull stays in /fleet/status."""

Stage = Literal["wanted", "pulling", "done", "failed"]


class PullRules(Struct, frozen=True, kw_only=True):
    """What may be fetched. Defaults are those of the settings of the same meaning, but off."""

    on: bool = False
    wait_s: float = 300.0
    """How long a call waits for a pull."""
    allow: tuple[str, ...] = ()
    """Patterns of names; none: every name."""
    largest_bytes: int = 50 * GIB
    per_hour: int = 10


class Pull(Struct, kw_only=True):
    """One model on its way. Times by the Desk's clock, sizes in bytes."""

    model: ModelName
    wanted_at: float
    stage: Stage = "wanted"
    node_id: NodeId | None = None
    began_at: float = 0.0
    completed: int = 0
    total: int = 0
    """What the registry tells."""
    ended_at: float = math.inf
    problem: str = ""
    again_at: float = math.inf
    """From then on a failed one may be tried anew."""

    def left_s(self, now: float) -> float | None:
        """Until its end, as fast as it has been; None: cannot be told."""
        if self.stage != "pulling" or self.completed <= 0 or now <= self.began_at:
            return None
        return (self.total - self.completed) * (now - self.began_at) / self.completed

    @property
    def percent(self) -> float:
        """Of its bytes."""
        return round(min(100.0, 100 * self.completed / self.total), 1) if self.total else 0.0


class Setback(Struct, frozen=True):
    """Why a model was not fetched, as it follows "not found;", and for how long that holds."""

    reason: str
    again_in_s: float


class Pulls:
    """Owned by the Desk. Wishes go out by `take`; what becomes of them comes in by the events below."""

    def __init__(self, rules: PullRules) -> None:
        self._rules = rules
        self._pulls: dict[ModelName, Pull] = {}
        self._wishes: list[ModelName] = []
        self._asked: deque[float] = deque(maxlen=ASKED_A_MINUTE)
        self._began: deque[float] = deque(maxlen=max(1, rules.per_hour))

    # Calls

    def instead(self, call: Call, decision: Placed | Refused | None, now: float) -> Placed | Refused | None:
        """1. Anything but "nobody has it" stands. 2. Is it being fetched, the call waits (None). 3. What kept it from
        being fetched of late, and what forbids it, is told. 4. Else the wish is taken down, and the call waits.
        """
        if not self._rules.on or not isinstance(decision, Refused):
            return decision
        error = decision.error
        if type(error) is not ModelNotFound:  # not ModelGone: a beat named it a moment ago
            return decision
        pull = self._known(call.model, now)
        if pull is not None:
            return Refused(call.id, error.further(pull.problem)) if pull.stage == "failed" else None
        forbidden = self._forbidden(call.model, now)
        if forbidden:
            return Refused(call.id, error.further(forbidden))
        self._forget(now)
        self._asked.append(now)
        self._pulls[call.model] = Pull(model=call.model, wanted_at=now)
        self._wishes.append(call.model)
        return None

    def would_fetch(self, model: ModelName, now: float) -> bool:
        """Whether a call for it would wait for a pull, were nobody to have it. No wish is taken down."""
        pull = self._known(model, now)
        if not self._rules.on or pull is not None:
            return self._rules.on and pull is not None and pull.stage != "failed"
        return not self._forbidden(model, now)

    def awaited(self, call: Call, fleet: Fleet) -> bool:
        """Whether its model is on its way, and no node has any that may serve it: nothing else need be weighed."""
        pull = self._pulls.get(call.model)
        if pull is None or pull.stage not in ("wanted", "pulling"):
            return False
        return not any(map(fleet.has, call.models))

    def keeps(self, waiting: OpenCall, now: float) -> bool:
        """Whether it may wait on beyond the usual: for its model, if that may come in time, or then for a place."""
        pull = self._pulls.get(waiting.call.model)
        if pull is None or waiting.waits_since is None or pull.stage == "failed":
            return False
        if pull.stage == "done":
            return now < pull.ended_at + SHOWN_WITHIN_S
        remaining_s = self._rules.wait_s - (now - waiting.waits_since)
        return remaining_s > 0 and not _is_hopeless(pull, remaining_s, now)

    def too_slow(self, call: Call, now: float) -> Unavailable | None:
        """What a caller is told whose time is over while its model is still being fetched; None: it is not."""
        pull = self._pulls.get(call.model)
        if pull is None or pull.stage not in ("wanted", "pulling"):
            return None
        left = pull.left_s(now)
        told = f'model "{call.asked_name}" is being fetched'
        if pull.stage == "pulling":
            told = f'model "{call.asked_name}" is being pulled onto {pull.node_id}:'
            told += f" {pull.percent:.0f} % of {shown_size(pull.total)}"
            told += f", about {left:.0f} s left" if left is not None else ""
        retry_after = RETRY_AFTER_LONGEST_S if left is None else math.ceil(left)
        return Unavailable(
            f"{told}; the pull goes on, ask again later",
            retry_after=max(1, min(retry_after, RETRY_AFTER_LONGEST_S)),
        )

    # The shell's side

    @property
    def wanted(self) -> bool:
        """Whether there is a wish that nobody has taken."""
        return bool(self._wishes)

    def take(self) -> list[ModelName]:
        """The wishes since the last time."""
        taken, self._wishes = self._wishes, []
        return taken

    def size_forbidden(self, size: int, now: float) -> Setback | None:
        """Why a model of that size may not be pulled at all, or not now."""
        if size > self._rules.largest_bytes:
            most = f"FLEET_AUTO_PULL_MAX_GB allows {shown_size(self._rules.largest_bytes)}"
            return Setback(f"it has {shown_size(size)}, {most}", 60.0)
        recent = [at for at in self._began if now - at < 3600]
        if len(recent) >= self._rules.per_hour:
            most = (
                f"{self._rules.per_hour} models were pulled within the last hour (FLEET_AUTO_PULLS_PER_HOUR)"
            )
            return Setback(
                f"{most}, no further ones are", min(60.0, recent[0] + 3600 - now) if recent else 60.0
            )
        return None

    def began(self, model: ModelName, node_id: NodeId, size: int, now: float) -> None:
        """A node was told to pull it."""
        pull = self._pulls[model]
        if pull.stage == "wanted":
            self._began.append(now)
        pull.stage, pull.node_id, pull.began_at = "pulling", node_id, now
        pull.completed, pull.total = 0, size

    def progressed(self, model: ModelName, completed: int) -> None:
        """So many of its bytes are there."""
        pull = self._pulls[model]
        pull.completed = max(pull.completed, min(completed, pull.total))

    def ended(self, model: ModelName, setback: Setback | None, now: float) -> None:
        """It is there, or will not be."""
        pull = self._pulls[model]
        pull.ended_at = now
        if setback is None:
            pull.stage, pull.completed = "done", pull.total
        else:
            pull.stage, pull.problem, pull.again_at = "failed", setback.reason, now + setback.again_in_s

    def coming(self) -> dict[NodeId, int]:
        """Bytes yet to come, by node."""
        result: dict[NodeId, int] = {}
        for pull in self._pulls.values():
            if pull.stage == "pulling" and pull.node_id is not None:
                result[pull.node_id] = result.get(pull.node_id, 0) + pull.total - pull.completed
        return result

    def status(self, now: float, waiters: dict[ModelName, int]) -> list[dict[str, Any]]:
        """What runs, and what ended of late, newest first. Times as seconds ago, sizes in bytes."""
        self._forget(now)
        pulls = sorted(self._pulls.values(), key=lambda pull: -pull.wanted_at)
        return [_shown(pull, now, waiters.get(pull.model, 0)) for pull in pulls]

    # Inside

    def _known(self, model: ModelName, now: float) -> Pull | None:
        """The pull that answers for the model now."""
        pull = self._pulls.get(model)
        if pull is None or (pull.stage == "failed" and now >= pull.again_at):
            return None
        if pull.stage == "done" and now >= pull.ended_at + SHOWN_WITHIN_S:
            return None  # and yet nobody has it: it was deleted since, or never shown
        return pull

    def _forbidden(self, model: ModelName, now: float) -> str:
        if self._rules.allow and not any(
            fnmatchcase(model, pattern) for pattern in _globs(self._rules.allow)
        ):
            return "FLEET_AUTO_PULL_ALLOW does not let it be pulled"
        if len(self._asked) == ASKED_A_MINUTE and now - self._asked[0] < 60:
            return "its registry is not asked: too many unknown models were named within a minute"
        return ""

    def _forget(self, now: float) -> None:
        gone = [
            name
            for name, pull in self._pulls.items()
            if now - pull.ended_at > (SHOWN_FOR_S if pull.began_at else 0) and not self._known(name, now)
        ]
        for name in gone:
            del self._pulls[name]


def _is_hopeless(pull: Pull, remaining_s: float, now: float) -> bool:
    """Whether a pull would have to go much faster than it has so far."""
    left_s = pull.left_s(now)
    return left_s is not None and now - pull.began_at >= MEASURED_S and left_s > FASTER * remaining_s


def _globs(patterns: tuple[str, ...]) -> Iterable[str]:
    """`llama3*` is meant for every tag."""
    for pattern in patterns:
        yield pattern
        if ":" not in pattern.rpartition("/")[2]:
            yield f"{pattern}:*"


def _shown(pull: Pull, now: float, waiters: int) -> dict[str, Any]:
    left = pull.left_s(now)
    return {
        "model": pull.model,
        "node_id": pull.node_id,
        "stage": pull.stage,
        "completed": pull.completed,
        "total": pull.total,
        "percent": pull.percent,
        "since_s": round(now - (pull.began_at or pull.wanted_at), 1),
        "eta_s": None if left is None else round(left, 1),
        "waiters": waiters,
        "error": pull.problem if pull.stage == "failed" else "",
    }
