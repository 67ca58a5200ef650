"""Waiting in figures, on the pure Desk: fair shares under a flood, and what ten thousand waiting calls cost."""

import heapq
import itertools
import random
import statistics
import time

import pytest

from coordinator.core.call import Decisions, Placed, Priority
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from tests.fakes.builders import a_beat, a_call, a_desk, told, with_loaded

UNBOUNDED = Limits(beat_late_s=1e9, lease_s=1e9, hold_s=1e6, held_calls=20_000, held_calls_per_model=20_000)


class Clock:
    """Runs calls on the Desk: each holds its place for the seconds that its client's calls take."""

    def __init__(self, desk: Desk, seconds: dict[str, float], noise: random.Random) -> None:
        self.desk, self.now = desk, 0.0
        self.waits: dict[str, list[float]] = {client: [] for client in seconds}
        self._seconds, self._noise = seconds, noise
        self._ends: list[tuple[float, str]] = []
        self._arrived: dict[str, float] = {}
        self._names = itertools.count()

    def arrives(self, client: str, priority: Priority = "interactive") -> None:
        call = a_call(f"{client}-{next(self._names)}", "m", client=client, priority=priority)
        self._arrived[call.id] = self.now
        self._take(self.desk.arrived(call, self.now))

    def _take(self, decisions: Decisions) -> None:
        for decision in decisions:
            if isinstance(decision, Placed):
                client = decision.call_id.partition("-")[0]
                self.waits[client].append(self.now - self._arrived[decision.call_id])
                took = self._seconds[client] * self._noise.uniform(0.5, 1.5)
                heapq.heappush(self._ends, (self.now + took, decision.call_id))

    def next_end(self) -> str:
        """The client whose call ended."""
        self.now, name = heapq.heappop(self._ends)
        self._take(self.desk.finished(a_call(name).id, self.now))
        return name.partition("-")[0]


@pytest.mark.parametrize("slots", [1, 2, 8])
@pytest.mark.parametrize("light_s", [0.2, 1.0, 5.0])
def test_a_flood_leaves_another_client_its_share(slots: int, light_s: float) -> None:
    """`flood` keeps 200 calls of about 1 s waiting; `light` asks one by one, each call at the end of the one before.
    Alone, light waits for nothing: its first token comes after a fifth of its call.
    """
    clock = Clock(
        a_desk(a_beat("n1", with_loaded("m", slots=slots)), limits=UNBOUNDED),
        {"flood": 1.0, "light": light_s},
        random.Random(7),
    )
    for _ in range(200):
        clock.arrives("flood")
    clock.arrives("light")
    while len(clock.waits["light"]) < 100:
        clock.arrives(clock.next_end())
    first_token_s = light_s / 5
    share = (statistics.mean(clock.waits["light"]) + first_token_s) / (first_token_s + 1.0)
    print(f"{slots} slots, light calls of {light_s} s: {share:.2f} x (alone + residual)")  # noqa: T201 - the figure
    assert share <= 1.5
    assert max(clock.waits["light"]) <= 1.5, "the longest call of the flood"


def test_under_all_classes_each_client_gets_the_same_places() -> None:
    """Three clients with always 20 calls waiting, of 1, 1 and 4 s: each has a third of six places."""
    clock = Clock(
        a_desk(a_beat("n1", with_loaded("m", slots=6)), limits=UNBOUNDED),
        {"a": 1.0, "b": 1.0, "c": 4.0},
        random.Random(3),
    )
    for _ in range(20):
        for client in "abc":
            clock.arrives(client)
    for _ in range(3_000):
        clock.arrives(clock.next_end())
    used = {client: len(clock.waits[client]) * (4.0 if client == "c" else 1.0) for client in "abc"}
    shares = {client: seconds / sum(used.values()) for client, seconds in used.items()}
    print(f"shares of the place-seconds: {shares}")  # noqa: T201 - the figure is the point
    assert all(0.28 <= share <= 0.39 for share in shares.values())


def test_ten_thousand_waiting_calls_cost_little() -> None:
    """Of 100 clients in three classes. Generous bounds, and the quietest tenth: the machine may be busy."""
    desk = a_desk(a_beat("n1", with_loaded("m")), limits=UNBOUNDED)
    classes: tuple[Priority, ...] = ("interactive", "batch", "background")
    calls = [
        a_call(f"c{n}", "m", client=f"client-{n % 100}", priority=classes[n % 7 % 3]) for n in range(10_001)
    ]
    arrivals, releases, ticks = [], [], []
    for call in calls:
        began = time.perf_counter()
        desk.arrived(call, 1.0)
        arrivals.append(time.perf_counter() - began)
    running = calls[0].id
    for step in range(300):
        began = time.perf_counter()
        decisions = desk.finished(running, 2.0 + step / 10)
        releases.append(time.perf_counter() - began)
        (word,) = told(decisions)
        running = a_call(word.split()[0]).id
        began = time.perf_counter()
        desk.expired(2.0 + step / 10)
        ticks.append(time.perf_counter() - began)
    arrival, release, tick = (
        statistics.quantiles(each, n=10)[0] * 1e6 for each in (arrivals, releases, ticks)
    )
    print(f"10,000 held: arrival {arrival:.0f} us, release {release:.0f} us, tick {tick:.0f} us")  # noqa: T201
    assert arrival < 150
    assert release < 1_000
    assert tick < 1_000
