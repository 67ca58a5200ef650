"""A node that claims much and delivers little, among honest ones: how many calls it still gets."""

import pytest

from coordinator.core.call import Placed
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits, Weights
from coordinator.core.policies import POLICIES
from shared.errors import NodeFailure
from shared.names import CallId, NodeId
from shared.wire import Hardware
from tests.fakes.builders import a_beat, a_call, an_address, with_loaded

HONEST = ("n1", "n2", "n3", "n4")
LIAR = "liar"
BROKEN = NodeFailure("it failed")
FAST = Hardware(arch="x86_64", memory_bandwidth_gbps=10_000.0)
SLOW = Hardware(arch="x86_64", memory_bandwidth_gbps=100.0)


class Play:
    """A call each second, to its end; beats each five."""

    def __init__(self, policy: str, *, restarts: bool) -> None:
        self.desk = Desk(Limits(), Weights(), 0.0, POLICIES[policy])
        self.restarts = restarts
        self.boasts = policy == "predictive"
        """The weights keep a small model off a big machine: there it is alike, and gets its turns."""
        self.hit = 0
        for name in (*HONEST, LIAR):
            self._beat(name, 1, 0.0)
            self.desk.reached(NodeId(name), 0.0)

    def _beat(self, name: str, number: int, now: float) -> None:
        lies = name == LIAR and self.boasts
        said = a_beat(
            name,
            with_loaded(slots=64 if lies else 2),
            memory_gib=1000.0 if lies else 16.0,
            hardware=FAST if lies else SLOW,
            seq=number,
            epoch=number if name == LIAR and self.restarts else 1,
        )
        self.desk.heard(said, an_address(name), now)

    def goes_on(self, seconds: range) -> int:
        """Calls of these seconds that came to the liar."""
        before = self.hit
        for second in seconds:
            now = float(second)
            if second % 5 == 0:
                for name in (*HONEST, LIAR):
                    self._beat(name, second + 2, now)
                    self.desk.reached(NodeId(name), now)
            self._one_call(f"c{second}", now)
        return self.hit - before

    def _one_call(self, call_id: str, now: float) -> None:
        made = self.desk.arrived(a_call(call_id), now)
        while made and isinstance(made[0], Placed):
            if made[0].placement.place.node_id != LIAR:
                self.desk.first_byte(CallId(call_id), now + 0.2)
                self.desk.finished(CallId(call_id), now + 0.9)
                return
            self.hit += 1
            made = self.desk.failed(CallId(call_id), BROKEN, now + 0.1)


@pytest.mark.parametrize("policy", sorted(POLICIES))
@pytest.mark.parametrize("restarts", [False, True], ids=["one-process", "says-it-was-restarted"])
def test_after_a_hundred_calls_hardly_any_goes_to_a_liar(policy: str, restarts: bool) -> None:
    play = Play(policy, restarts=restarts)
    first = play.goes_on(range(1, 101))
    later = play.goes_on(range(101, 401))
    assert first > 0, "nobody knew better before"
    assert later <= 300 * 0.05, (first, later)
