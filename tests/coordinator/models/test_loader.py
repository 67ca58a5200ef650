"""What an order to load says to the engine: the time to keep it, and the context that is there."""

import msgspec

from coordinator.core.warming import Load
from coordinator.models.loader import Loader
from shared.names import NodeId, normalise
from tests.coordinator.models.test_warmer import Forwarding
from tests.fakes.builders import a_beat, a_desk, a_model, a_replica, an_engine

M = normalise("m")
ORDER = Load(node_id=NodeId("n1"), engine="ollama", model=M, engine_model="m", size=1, why="a test")


async def said(order: Load, *, loaded: int | None, override: int | None = None) -> dict[str, object]:
    replicas = [a_replica("m", context=loaded)] if loaded else []
    desk = a_desk(a_beat("n1", an_engine(a_model("m"), replicas=replicas)))
    desk.fleet.overrides = {M: override} if override else {}
    forwarding = Forwarding()
    await Loader(desk, forwarding, lambda: 0.0).load(order)  # type: ignore[arg-type]
    [(_, body)] = forwarding.asked
    return body


async def test_what_is_loaded_keeps_its_context_and_what_is_not_gets_the_fleets_choice() -> None:
    pin = msgspec.structs.replace(ORDER, for_ever=True)
    assert (await said(pin, loaded=8_192, override=16_384))["options"] == {"num_ctx": 8_192}
    assert (await said(pin, loaded=None, override=16_384))["options"] == {"num_ctx": 16_384}
    assert "options" not in await said(pin, loaded=None)


async def test_a_pin_is_for_ever_and_its_end_is_said_too() -> None:
    assert (await said(msgspec.structs.replace(ORDER, for_ever=True), loaded=None))["keep_alive"] == -1
    assert (await said(msgspec.structs.replace(ORDER, lets_go=True), loaded=4_096))["keep_alive"] == "5m"
    assert "keep_alive" not in await said(ORDER, loaded=None)
