"""Random events around models that nobody has: every call ends once, none waits for longer than it may."""

import random

import pytest

from coordinator.core.call import Decisions, Held, Placed
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits, Weights
from coordinator.core.pulls import PullRules, Setback
from shared.names import CallId, ModelName, NodeId
from shared.wire import Heartbeat
from tests.fakes.builders import GIB, a_beat, a_call, a_model, an_address, an_engine, join

NAMES = ["new:1", "new:2", "new:3"]
WAIT_S, HOLD_S, EVENTS = 60.0, 10.0, 300
NEVER_STALE = Limits(
    settle_s=0, hold_s=HOLD_S, stale_s=1e9, lease_s=1e9, beat_late_s=1e9, forget_s=1e9, held_calls=30
)


class World:
    """A Desk, one node, and a book of what its calls have come to."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.desk = Desk(NEVER_STALE, Weights(), 0.0, pulls=PullRules(on=True, wait_s=WAIT_S))
        self.now, self.seq, self.calls = 0.0, 1, 0
        self.there: list[str] = []
        self.waiting: dict[CallId, float] = {}
        self.running: set[CallId] = set()
        self.wished: set[ModelName] = set()
        self.pulling: set[ModelName] = set()
        join(self.desk, self.beat())

    def beat(self) -> Heartbeat:
        return a_beat("n1", an_engine(*map(a_model, self.there), slots=2), seq=self.seq)

    def apply(self, decisions: Decisions) -> None:
        for decision in decisions:
            if isinstance(decision, Held):
                assert decision.call_id in self.waiting
                continue
            assert self.waiting.pop(decision.call_id, None) is not None, (
                f"{decision} is about nobody who waits"
            )
            if isinstance(decision, Placed):
                self.running.add(decision.call_id)

    def step(self) -> None:
        self.now += self.chance.choice((0.0, 0.5, 3.0))
        self.chance.choice(
            (self.arrive, self.arrive, self.end, self.cancel, self.take, self.pull, self.hear, self.drop)
        )()
        self.apply(self.desk.expired(self.now))
        assert {each.call.id for each in self.desk.open_calls()} == {*self.waiting, *self.running}
        for since in self.waiting.values():
            assert self.now - since < WAIT_S + 2 * HOLD_S + 3.0

    def arrive(self) -> None:
        self.calls += 1
        call = a_call(f"c{self.calls}", self.chance.choice(NAMES))
        self.waiting[call.id] = self.now
        self.apply(self.desk.arrived(call, self.now))

    def end(self) -> None:
        if self.running:
            call_id = self.chance.choice(sorted(self.running))
            self.running.remove(call_id)
            self.apply(self.desk.finished(call_id, self.now))

    def cancel(self) -> None:
        if self.waiting:
            call_id = self.chance.choice(sorted(self.waiting))
            del self.waiting[call_id]
            self.apply(self.desk.cancelled(call_id, self.now))

    def take(self) -> None:
        for model in self.desk.pulls.take():
            assert model not in self.wished | self.pulling, "one pull for a model"
            self.wished.add(model)

    def pull(self) -> None:
        """What was wished begins or fails; what is pulled goes on, ends well, or does not."""
        for model in sorted(self.wished):
            self.wished.remove(model)
            if self.chance.random() < 0.3:
                self.apply(self.desk.pulled(model, Setback("unknown", 5.0), self.now))
            else:
                self.desk.pulls.began(model, NodeId("n1"), GIB, self.now)
                self.pulling.add(model)
            return
        for model in sorted(self.pulling):
            self.desk.pulls.progressed(model, self.chance.randrange(GIB))
            if self.chance.random() < 0.5:
                self.pulling.remove(model)
                good = self.chance.random() < 0.7
                if good and self.chance.random() < 0.8:
                    self.there.append(model)
                    self.hear()
                self.apply(self.desk.pulled(model, None if good else Setback("broken", 20.0), self.now))
            return

    def hear(self) -> None:
        self.seq += 1
        self.apply(self.desk.heard(self.beat(), an_address("n1"), self.now))

    def drop(self) -> None:
        """Somebody deletes a model."""
        if self.there and self.chance.random() < 0.3:
            self.there.pop()
            self.hear()


@pytest.mark.parametrize("seed", range(6))
def test_calls_for_missing_models_end_once_and_in_time(seed: int) -> None:
    world = World(seed)
    for _ in range(EVENTS):
        world.step()
    for call_id in sorted(world.running):
        world.apply(world.desk.finished(call_id, world.now))
    world.running.clear()
    world.now += WAIT_S + 2 * HOLD_S
    for _ in range(4):  # each look may hand on the pull's place
        world.apply(world.desk.expired(world.now))
        for call_id in sorted(world.running):
            world.running.remove(call_id)
            world.apply(world.desk.finished(call_id, world.now))
        world.now += WAIT_S
    assert not world.waiting
