"""The processor of a machine: calls share it, and each moves on as fast as its share allows.

Models take turns at it; calls of one model are batched, which writes more tokens in all than one call would, and reads
prompts no faster. Between two changes every rate is constant.
"""

import math
from collections import Counter

from coordinator.simulate.heat import Heat

EDGE_S = 1e-9
"""Work that is taken to be done: sums of seconds are not exact."""


class Task:
    """A call at work. What is left is in seconds that it would take alone, at full speed."""

    __slots__ = ("call_id", "decode_s", "model", "prefill_s", "reads")

    def __init__(self, call_id: str, model: str, prefill_s: float, decode_s: float) -> None:
        self.call_id = call_id
        self.model = model
        self.prefill_s = prefill_s
        self.decode_s = decode_s
        self.reads = True
        """Its prompt, still."""

    @property
    def left_s(self) -> float:
        """Of what it does now."""
        return self.prefill_s if self.reads else self.decode_s


class Device:
    """Moves its tasks on. `advance` to now before anything else is done or asked."""

    def __init__(self, batching: float, heat: Heat) -> None:
        """`batching`: n calls of one model write n to this power times the tokens of one."""
        self._batching = batching
        self._heat = heat
        self._tasks: dict[str, Task] = {}
        self._of_model: Counter[str] = Counter()
        self._at = 0.0
        self._left_by_owner = 1.0
        self.busy_s = 0.0
        """Seconds with something to do, each counted by the part of full speed that the machine had."""
        self.work_s = 0.0
        """Done, in seconds that the calls would have taken alone at full speed."""

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: Task) -> None:
        """It begins."""
        self._tasks[task.call_id] = task
        self._of_model[task.model] += 1

    def remove(self, call_id: str) -> None:
        """It has ended, or is given up; nothing, where it is not there."""
        if task := self._tasks.pop(call_id, None):
            self._of_model[task.model] -= 1
            if not self._of_model[task.model]:
                del self._of_model[task.model]

    def owner_leaves(self, part: float) -> None:
        """Of its speed to the fleet, from now on."""
        self._left_by_owner = part

    def advance(self, now: float) -> None:
        """Time has come to `now`, which is never beyond `next_at`."""
        seconds, self._at = now - self._at, now
        if seconds <= 0:
            return
        speed = self._speed()
        for task in self._tasks.values():
            done = seconds * speed * self._share(task)
            if task.reads:
                task.prefill_s -= done
            else:
                task.decode_s -= done
            self.work_s += done
        if self._tasks:
            self.busy_s += seconds * speed
        self._heat.passes(seconds, busy=bool(self._tasks))

    def next_at(self) -> float:
        """When the first prompt is read, the first call is done, or the speed changes."""
        speed = self._speed()
        first = self._heat.changes_in(busy=bool(self._tasks))
        for task in self._tasks.values():
            first = min(first, max(task.left_s, 0.0) / (speed * self._share(task)))
        return self._at + first if first < math.inf else math.inf

    def read(self) -> list[Task]:
        """Tasks whose prompt has been read since this was last asked."""
        just = [task for task in self._tasks.values() if task.reads and task.prefill_s <= EDGE_S]
        for task in just:
            task.reads = False
        return just

    def writing(self) -> list[str]:
        """Calls whose prompts are read."""
        return [task.call_id for task in self._tasks.values() if not task.reads]

    def done(self) -> list[Task]:
        """Tasks that have nothing left to do."""
        return [task for task in self._tasks.values() if not task.reads and task.decode_s <= EDGE_S]

    def _speed(self) -> float:
        return self._heat.speed * self._left_by_owner

    def _share(self, task: Task) -> float:
        """Of the machine, in what a call alone would have; batched calls have more than the whole together."""
        beside = self._of_model[task.model]
        of_model = 1 / beside if task.reads else beside ** (self._batching - 1)
        return of_model / len(self._of_model)
