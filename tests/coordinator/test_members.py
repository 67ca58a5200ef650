"""What Members makes of beats, before a real Desk: two agents of one name are told of, once."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from coordinator.core.limits import Limits
from coordinator.forward import Forwarder
from coordinator.members import TOLD_OF_A_NAME, Members
from shared.errors import CallerFault, NameTaken
from shared.wire import Heartbeat
from tests.fakes.builders import a_beat, a_desk, with_loaded

LATER, EARLIER = "10.0.0.1", "10.0.0.2"


@pytest.fixture
async def members() -> AsyncIterator[Members]:
    forwarder = Forwarder(1.0, 1000)
    yield Members(a_desk(), Limits(), forwarder, lambda _: None, 1.0, "c" * 32, clock=lambda: 0.0)
    await forwarder.close()


def beat(epoch: int, seq: int = 1, *, port: int = 11436) -> bytes:
    made: Heartbeat = a_beat("pi", with_loaded(), epoch=epoch, seq=seq)
    return msgspec.json.encode(msgspec.structs.replace(made, gateway_port=port))


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "two agents" in record.getMessage()]


async def test_two_agents_of_one_name_are_told_of_once(
    members: Members, caplog: pytest.LogCaptureFixture
) -> None:
    for seq in range(1, 4):
        members.heard(beat(2, seq), LATER)
        with pytest.raises(NameTaken):
            members.heard(beat(1, seq), EARLIER)
    (line,) = told(caplog)
    assert line == (
        "two agents are named pi: the one at http://10.0.0.1:11436 is heard, the one at http://10.0.0.2:11436, which"
        " started earlier, is refused; give one of them a --node-id"
    )
    with pytest.raises(NameTaken):
        members.heard(beat(1), "10.0.0.3")
    assert len(told(caplog)) == 2


async def test_a_beat_that_comes_twice_is_no_second_agent(
    members: Members, caplog: pytest.LogCaptureFixture
) -> None:
    members.heard(beat(1), LATER)
    with pytest.raises(CallerFault, match="not newer"):
        members.heard(beat(1), LATER)
    assert not told(caplog)


async def test_ports_that_change_do_not_fill_the_log(
    members: Members, caplog: pytest.LogCaptureFixture
) -> None:
    members.heard(beat(2), LATER)
    for port in range(1, 3 * TOLD_OF_A_NAME):
        with pytest.raises(NameTaken):
            members.heard(beat(1, port=port), EARLIER)
    assert len(told(caplog)) == TOLD_OF_A_NAME
