"""The node's account of loads: engines ask one after the other, wait for each other, and are refused with figures."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from agent.loading import engine_load, loads
from agent.loading.claims import Use
from agent.loading.engine_load import EngineLoad
from agent.supervision.admission import NotAdmitted
from agent.supervision.kinds import Kind
from agent.supervision.launch import Launch, Rung
from shared.serving import cancelled
from shared.wire import Capacity, Engine, Replica
from tests.agent.loading.llama import spec, whole_file
from tests.agent.loading.world import World
from tests.agent.models.test_placement import GIB
from tests.fakes.waiting import eventually

LAUNCH = Launch(command=("llama-server",))
OLD = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()


def silent(_what: str) -> None:
    """Nobody listens."""


async def granted(load: EngineLoad, rung: Rung = Rung.AS_IT_WAS) -> Launch:
    return await load.admitted(LAUNCH, rung, silent)


async def refused(load: EngineLoad, rung: Rung = Rung.AS_IT_WAS) -> NotAdmitted:
    with pytest.raises(NotAdmitted) as raised:
        await granted(load, rung)
    return raised.value


@contextlib.asynccontextmanager
async def asking(load: EngineLoad) -> AsyncIterator[asyncio.Task[Launch]]:
    task = asyncio.create_task(granted(load))
    await asyncio.sleep(0)
    try:
        yield task
    finally:
        await cancelled(task)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loads, "LOOK_S", 0.01)
    monkeypatch.setattr(loads, "FREED_S", 0.5)
    monkeypatch.setattr(engine_load, "OWNER_LOOK_S", 0.01)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(whole_file(tmp_path / "llama.gguf"))


def other(file: str) -> str:
    return str(whole_file(Path(file).with_name("other.gguf")))


async def test_a_launch_says_where(tmp_path: Path, file: str) -> None:
    one = World(tmp_path, 10, 24).engine("one", spec(file))
    launch = await granted(one)
    assert launch.command == LAUNCH.command
    assert launch.placed == ("--gpu-layers", "33")
    assert launch.environment == {"CUDA_VISIBLE_DEVICES": "GPU-1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


async def test_without_gpus_nothing_is_said_of_them(tmp_path: Path, file: str) -> None:
    assert await granted(World(tmp_path).engine("one", spec(file))) == LAUNCH


async def test_the_owners_card(tmp_path: Path, file: str) -> None:
    world = World(tmp_path, 24, 24)
    launch = await granted(world.engine("one", spec(file, environment={"CUDA_VISIBLE_DEVICES": "1"})))
    assert launch.environment["CUDA_VISIBLE_DEVICES"] == "GPU-1"
    assert await granted(world.engine("two", spec(file, gpu_layers=3))) == LAUNCH


async def test_a_bad_file_is_refused_before_anything(tmp_path: Path, file: str) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF\x03")
    found = await refused(World(tmp_path, 24).engine("one", spec(str(bad))))
    assert (found.kind, found.rung) == (Kind.MODEL, None)
    missing = await refused(World(tmp_path, 24).engine("one", spec(str(tmp_path / "none.gguf"))))
    assert "cannot be read" in str(missing)


async def test_a_name_that_the_engine_looks_up_is_not_judged(tmp_path: Path) -> None:
    assert await granted(World(tmp_path, 0).engine("one", spec("org/model"))) == LAUNCH


async def test_two_that_fit_one_by_one_are_not_loaded_together(tmp_path: Path, file: str) -> None:
    """11.5 GiB under the cap of 19.2 hold one of 6.1, and not a second that comes while the first still loads."""
    world = World(tmp_path, 11.5 + 4.8)
    world.host = 1.0
    two = world.engine("two", spec(other(file), slots=4))
    assert (await granted(two)).placed == ("--gpu-layers", "33")
    await two.ended()
    assert await two.returned()
    await granted(world.engine("one", spec(file)))
    found = await refused(two)
    assert found.kind is Kind.MEMORY
    assert "needs 7.0 GiB, best free 5.5 GiB on GPU 0" in str(found)
    assert found.rung is Rung.FEWER_SLOTS


async def test_what_the_first_has_taken_is_not_taken_twice(tmp_path: Path, file: str) -> None:
    world = World(tmp_path, 15 + 4.8)
    one, two = world.engine("one", spec(file)), world.engine("two", spec(other(file)))
    await granted(one)
    one.started(7)
    world.free, world.uses = [9 + 4.8], {7: Use({"GPU-0": 6 * GIB}, GIB, frozenset({7}))}
    await one.loaded()
    assert (await granted(two)).placed == ("--gpu-layers", "33")


async def test_one_file_is_loaded_by_one_engine_at_a_time(tmp_path: Path, file: str) -> None:
    world = World(tmp_path, 24)
    one, two = world.engine("one", spec(file)), world.engine("two", spec(file))
    await granted(one)
    one.started(7)
    async with asking(two) as waiting:
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await one.loaded()
        await waiting


async def test_nor_does_anybody_wait_for_one_that_failed(tmp_path: Path, file: str) -> None:
    world = World(tmp_path, 24)
    one = world.engine("one", spec(file))
    await granted(one)
    async with asking(world.engine("two", spec(file))) as waiting:
        await one.ended()
        await waiting


async def test_the_least_valuable_goes_and_its_memory_is_waited_for(tmp_path: Path, file: str) -> None:
    world = World(tmp_path, 6)
    there = [
        Replica(model=name, size_bytes=8 * GIB, vram_bytes=8 * GIB, expires_at=OLD) for name in ("new", "old")
    ]
    world.reports = [Engine(name="ollama", kind="ollama", replicas=there)]
    now = time.time()
    world.loads.uses.observe(world.reports, now - 2_000)
    busy = Replica(model="new", size_bytes=8 * GIB, vram_bytes=8 * GIB, slots_busy=1)
    world.loads.uses.observe([Engine(name="ollama", kind="ollama", replicas=[busy, there[1]])], now - 60)
    world.frees = 8
    launch = await granted(world.engine("one", spec(file)))
    assert world.unloaded == [("ollama", "old")]
    assert launch.placed == ("--gpu-layers", "33")


async def test_where_it_does_not_go_the_rest_is_the_hosts(tmp_path: Path, file: str) -> None:
    world = World(tmp_path, 9.0)
    stays = Replica(model="old", size_bytes=8 * GIB, vram_bytes=8 * GIB, expires_at=OLD)
    world.reports, world.problem = [Engine(name="ollama", kind="ollama", replicas=[stays])], "no"
    launch = await granted(world.engine("one", spec(file)))
    assert world.unloaded == [("ollama", "old")]
    assert 0 < int(launch.placed[1]) < 32


async def test_memory_that_is_on_its_way_back_is_waited_for(tmp_path: Path, file: str) -> None:
    world = World(tmp_path, 24)
    world.host = 1.0
    one, two = world.engine("one", spec(file)), world.engine("two", spec(other(file)))
    await granted(one)
    one.started(7)
    world.free, world.uses = [5.0], {7: Use({"GPU-0": 19 * GIB}, 0, frozenset({7}))}
    await one.loaded()
    await one.ended()
    assert not await one.returned()
    async with asking(two) as waiting:
        await asyncio.sleep(0.05)
        assert not waiting.done()
        world.free, world.uses = [24.0], {}
        assert await one.returned()
        assert (await waiting).placed == ("--gpu-layers", "33")


async def test_it_is_not_waited_for_without_end(tmp_path: Path, file: str) -> None:
    world = World(tmp_path, 24)
    world.host = 1.0
    one, two = world.engine("one", spec(file)), world.engine("two", spec(other(file)))
    await granted(one)
    world.free = [5.0]
    await one.ended()
    async with asyncio.timeout(5.0):
        assert "best free 204 MiB on GPU 0" in str(await refused(two))


async def test_where_drivers_tell_of_no_process_what_is_free_tells(tmp_path: Path, file: str) -> None:
    world = World(tmp_path, 24)
    one = world.engine("one", spec(file))
    await granted(one)
    one.started(7)
    await one.loaded()
    world.free = [18.0]
    await one.ended()
    assert not await one.returned()
    await granted(world.engine("two", spec(other(file))))
    assert await one.returned()  # what is missing was granted to another since


async def test_what_was_measured_is_remembered_by_the_next_agent(tmp_path: Path, file: str) -> None:
    world = World(tmp_path, 24)
    one = world.engine("one", spec(file))
    await granted(one)
    claim = sum(world.loads.granted["one"].claim.gpu_bytes.values())
    one.started(7)
    world.uses = {7: Use({"GPU-0": claim * 2}, 0, frozenset({7}))}
    await one.loaded()
    later = World(tmp_path, 24)
    await granted(later.engine("one", spec(file)))
    again = sum(later.loads.granted["one"].claim.gpu_bytes.values())
    assert 1.6 * claim < again < 2 * claim
    await granted(later.engine("two", spec(other(file))))
    assert sum(later.loads.granted["two"].claim.gpu_bytes.values()) == claim  # another model


async def test_in_the_hosts_memory_less_than_estimated_is_only_less_so_far(tmp_path: Path, file: str) -> None:
    world = World(tmp_path)
    for pid, share, learned in ((7, 0.5, 1.0), (8, 2.0, 1.3)):
        one = world.engine(f"e{pid}", spec(file))
        await granted(one)
        claim = world.loads.granted[f"e{pid}"].claim
        one.started(pid)
        world.uses = {pid: Use(None, int(claim.host_bytes * share))}
        await one.loaded()
        await granted(world.engine(f"after{pid}", spec(file)))
        assert world.loads.granted[f"after{pid}"].claim.factor >= learned
        assert learned > 1.0 or world.loads.granted[f"after{pid}"].claim.factor == 1.0
        world.loads.granted.clear()


async def test_one_that_fills_its_card_leaves_nothing_of_it(tmp_path: Path, file: str) -> None:
    world = World(tmp_path, 24)
    world.host = 1.0
    filling = msgspec.structs.replace(spec(file), fills_cards=True)
    await granted(world.engine("one", filling))
    assert "best free 0 MiB on GPU 0" in str(await refused(world.engine("two", spec(other(file)))))


async def test_a_suspect_card_is_left_alone(tmp_path: Path, file: str) -> None:
    world = World(tmp_path, 20, 24)
    one = world.engine("one", spec(file))
    assert (await granted(one)).environment["CUDA_VISIBLE_DEVICES"] == "GPU-0"
    one.poisoned()
    assert (await granted(one)).environment["CUDA_VISIBLE_DEVICES"] == "GPU-1"


async def test_what_the_owner_keeps_is_waited_for(tmp_path: Path, file: str) -> None:
    world = World(tmp_path, 24)
    world.capacity = Capacity(mode="paused", ceiling_bytes=0)
    world.reports = [Engine(name="x", kind="x", replicas=[Replica(model="m", size_bytes=2 * GIB)])]
    told: list[str] = []
    task = asyncio.create_task(world.engine("one", spec(file)).admitted(LAUNCH, Rung.AS_IT_WAS, told.append))
    await eventually(lambda: told)
    assert told == ["the owner leaves 0 MiB to models: 6.3 GiB needed, 2.0 GiB taken"]
    world.capacity = Capacity(ceiling_bytes=8 * GIB)
    await asyncio.sleep(0.05)
    assert not task.done()
    world.capacity = Capacity(ceiling_bytes=9 * GIB)
    await task
