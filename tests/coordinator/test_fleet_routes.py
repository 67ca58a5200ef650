"""An order to several engines at once."""

import asyncio

from coordinator.core.call import Target
from coordinator.fleet_routes import everywhere
from shared.errors import NodeFailure
from shared.names import NodeId

TARGETS = [Target(NodeId(name), "ollama", "http://127.0.0.1:9", "") for name in ("hangs", "fails", "obeys")]


async def test_an_engine_that_hangs_keeps_no_other_from_being_asked() -> None:
    asked: list[str] = []

    async def order(target: Target) -> None:
        asked.append(target.node_id)
        if target.node_id == "hangs":
            await asyncio.Event().wait()
        if target.node_id == "fails":
            raise NodeFailure("engine broke")

    async with asyncio.timeout(5):
        told = await everywhere(TARGETS, order, 0.05)
    assert told == ["ollama gave no answer within 0.05 s", "engine broke", ""]
    assert asked == ["hangs", "fails", "obeys"]
