"""From counters to the owner's use, and what the learner makes of it."""

from collections import Counter

from msgspec.structs import replace

from agent.capacity.learner import Learner, Moment
from agent.capacity.owner import Process, Snapshot
from agent.capacity.sampling import Machine, Sampler
from agent.capacity.slots import new_week
from agent.capacity.store import encoded
from shared.wire import Engine, Gpu, Memory, Replica

GIB = 2**30
T0 = 1_800_000_000.0
AGENT, OLLAMA = (10, 100.0), (20, 100.0)
CORES = 4


class World:
    """A machine whose counters a test moves; `owner` and `fleet` are the processors that each keeps busy."""

    def __init__(self) -> None:
        self.now = 0.0
        self.snapshot = Snapshot(T0, 0, 0, {AGENT: 0}, {OLLAMA: 0})
        self.begun: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.cards: list[Gpu] = []
        self.replicas: list[Replica] = []
        machine = Machine(
            processes=lambda: self.snapshot,
            gpus=self.gpus,
            memory=lambda: Memory(total_bytes=32 * GIB, available_bytes=24 * GIB),
            engines=lambda: [Engine(name="ollama", kind="ollama", replicas=self.replicas)],
            unified_memory=False,
            found=frozenset({"ollama"}),
        )
        self.sampler = Sampler(machine, self, lambda: self.now)

    async def gpus(self) -> list[Gpu]:
        return self.cards

    def live(self, seconds: float, *, owner: float = 0.0, fleet: float = 0.0, agent: float = 0.0) -> None:
        self.now += seconds
        ms = round(seconds * 1000)
        was = self.snapshot
        engine: dict[Process, int] = {OLLAMA: round(fleet * ms)}
        own: dict[Process, int] = {AGENT: round(agent * ms)}
        self.snapshot = replace(
            was,
            at=T0 + self.now,
            total_ms=was.total_ms + CORES * ms,
            busy_ms=was.busy_ms + round((owner + fleet + agent) * ms),
            own={key: value + own[key] for key, value in was.own.items()},
            engine=None if was.engine is None else {k: v + engine[k] for k, v in was.engine.items()},
        )


async def test_the_first_sample_has_nothing_to_compare_with() -> None:
    world = World()
    assert (await world.sampler.sample()).use_pct is None
    world.live(5, owner=1)
    sample = await world.sampler.sample()
    assert (sample.use_pct, sample.seconds, sample.memory_pct) == (25.0, 5.0, 25.0)
    assert sample.memory_bytes == 32 * GIB


async def test_an_engine_that_carries_a_call_works_for_the_fleet() -> None:
    """Whether the call began, ran or ended in the time of the sample. Without one it works for the owner."""
    world = World()
    await world.sampler.sample()
    expected = []
    for begun, ended in ((1, 0), (1, 0), (1, 1), (1, 1), (2, 2), (2, 2)):
        world.begun["ollama"], world.ended["ollama"] = begun, ended
        world.live(5, owner=1, fleet=3)
        expected.append((await world.sampler.sample()).use_pct)
    assert expected == [25.0, 25.0, 25.0, 100.0, 25.0, 100.0]


async def test_the_fleets_own_load_teaches_it_nothing() -> None:
    """A day of a machine that is hardly used, and the same day with every processor busy: the same slots, exactly."""
    weeks = []
    for fleet, agent in ((0.0, 0.0), (3.7, 0.25), (2.9, 0.017)):
        world = World()
        learner = Learner(new_week(T0))
        for minute in range(24 * 60):
            world.begun["ollama"] += bool(fleet)
            owner = minute % 3 / 100
            world.live(60, owner=owner, fleet=fleet, agent=agent)
            sample = await world.sampler.sample()
            world.ended["ollama"] = world.begun["ollama"]
            if sample.use_pct is not None:
                learner.observe(
                    sample.use_pct, sample.seconds, Moment(world.now, T0 + world.now, minute // 60)
                )
        weeks.append(encoded(learner.week))
    assert weeks[0] == weeks[1] == weeks[2]
    assert learner.week.slots[5].samples > 700


async def test_cards_count_only_while_the_fleet_runs_nothing_here() -> None:
    """And not in the sample after a call: drivers tell the mean of a while."""
    world = World()
    world.cards = [Gpu(utilization_pct=90, vram_total_bytes=24 * GIB)]
    await world.sampler.sample()
    world.live(5, owner=0.4)
    uses = [(await world.sampler.sample()).use_pct]
    for call in ("embedded", "", "", ""):
        world.begun[call] += bool(call)
        world.live(5, owner=0.4)
        uses.append((await world.sampler.sample()).use_pct)
        world.ended[call] += bool(call)
    assert uses == [90.0, 10.0, 10.0, 10.0, 90.0]


async def test_memory_is_that_where_models_live() -> None:
    world = World()
    world.replicas = [Replica(model="m", size_bytes=6 * GIB, vram_bytes=4 * GIB)]
    world.cards = [Gpu(vram_total_bytes=24 * GIB), Gpu(vram_total_bytes=8 * GIB)]
    sample = await world.sampler.sample()
    assert (sample.memory_bytes, sample.memory_pct) == (32 * GIB, 18.75)
    world.cards = [Gpu(vram_total_bytes=0)]
    assert (await world.sampler.sample()).memory_pct == 6.25
