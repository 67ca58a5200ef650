"""Orders from replies: carried out once, one after another, told in beats until the coordinator has heard their end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.engines.ollama import Ollama
from agent.supervision.events import Events
from agent.swapping.blueprint import Blueprint
from agent.swapping.change import Change, Outcome
from agent.swapping.orders import Orders, together
from agent.swapping.roster import Roster
from shared.serving import cancelled
from shared.swaps import FAILED, NEWEST, SWAPPED, SWAPS_MOST, SwapOrder
from shared.wire import Engine, Model
from tests.fakes.control import FakeEngine
from tests.fakes.doubles.running import engine_session
from tests.fakes.waiting import eventually


async def nothing() -> None:
    """Nobody is told."""


async def roomy(_wanted: int) -> bool:
    return True


@asynccontextmanager
async def orders_for(fake: FakeEngine) -> AsyncIterator[Orders]:
    async with engine_session() as session:
        ollama = Ollama(fake.address, session, 2.0, {})
        roster = Roster([ollama])
        change = Change(roster, roomy, lambda _tasks: None, nothing, Events(), 1.0)
        report = await ollama.look()
        orders = Orders(roster, change, lambda: [report], session, lambda: None)
        running = asyncio.create_task(orders.run())
        try:
            yield orders
        finally:
            await cancelled(running)


async def pulls(fake: FakeEngine) -> int:
    return (await fake.state()).by_path.get("/api/pull", 0)


async def test_an_order_is_carried_out_once_and_forgotten_when_its_end_was_heard() -> None:
    order = SwapOrder(order="1", model="m")
    async with FakeEngine.run(["m:latest"], newer=["m:latest"]) as fake, orders_for(fake) as orders:
        orders.taken([order])
        orders.taken([order])
        await eventually(lambda: [each.state for each in orders.states()] == [SWAPPED])
        orders.taken([order])  # the reply to a beat from before the end
        assert [each.state for each in orders.states()] == [SWAPPED]
        assert await pulls(fake) == 1
        orders.taken([])
        assert orders.states() == []


async def test_what_no_engine_has_fails_and_no_more_are_taken_than_a_beat_may_tell() -> None:
    many = [SwapOrder(order=str(number), model="other") for number in range(SWAPS_MOST + 3)]
    async with FakeEngine.run(["m:latest"]) as fake, orders_for(fake) as orders:
        orders.taken(many)
        assert len(orders.states()) == SWAPS_MOST
        await eventually(lambda: {each.state for each in orders.states()} == {FAILED})
        assert orders.states()[0].told == "no engine has it any more"
        orders.taken(many)  # those that are over make room
        assert {each.order for each in orders.states()} >= {"16", "17", "18"}


def test_one_word_for_several_engines() -> None:
    new, same, bad = Outcome(SWAPPED, "x"), Outcome(NEWEST, "y"), Outcome(FAILED, "z")
    assert together({"a": new, "b": same}) == (SWAPPED, "a: x; b: y")
    assert together({"a": same}) == (NEWEST, "a: y")
    assert together({"a": new, "b": bad})[0] == FAILED


async def test_a_beat_tells_the_version_of_a_file_and_that_a_closed_engine_is_down(tmp_path: Path) -> None:
    model = tmp_path / "tiny.gguf"
    model.write_bytes(b"GGUF")
    async with engine_session() as session:
        engine = Ollama("http://127.0.0.1:9", session, 1.0, {})
        roster = Roster([engine])
        change = Change(roster, roomy, lambda _tasks: None, nothing, Events(), 1.0)
        made = Blueprint(
            name="ollama", model=str(model), served="tiny", settings="", make=lambda _place: engine
        )
        await change.began([(made, "ollama")])
        report = Engine(name="ollama", kind="x", models=[Model(name="tiny"), Model(name="b", digest="own")])
        assert [each.digest for each in change.told(report).models] == [await made.version(), "own"]
        roster.close("ollama", "it is being swapped")
        assert (change.told(report).up, change.told(report).reason) == (False, "it is being swapped")
