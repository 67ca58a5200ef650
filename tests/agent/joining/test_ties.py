"""With whom a node speaks after its coordinator has said that it is none of its nodes."""

import ssl
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from agent.joining.joiner import Joiner
from agent.joining.membership import MembershipFile
from agent.joining.plain import Plain
from agent.joining.secrets_at_hand import SecretsAtHand
from agent.joining.ties import Ties
from shared.trust.certified import Certified
from shared.trust.names import coordinator_name
from tests.agent.joining.test_membership import IDENTITY, membership

COORDINATOR = Certified(coordinator_name(IDENTITY), "f")


class Door:
    """What a node is reached by."""

    def __init__(self) -> None:
        self.tls: ssl.SSLContext | None = None
        self.plain = True
        self.admits: Callable[[Certified], bool] = lambda _peer: True
        self.cuts = 0

    def cut(self, whose: Callable[[Certified], bool]) -> int:
        self.cuts += whose(COORDINATOR)
        return 1


class Full(MembershipFile):
    """On a disk that takes no change."""

    def put_aside(self) -> Path | None:
        raise OSError(30, "Read-only file system")


@pytest.mark.parametrize("kind", [MembershipFile, Full])
async def test_who_was_removed_is_reached_by_nobody(tmp_path: Path, kind: type[MembershipFile]) -> None:
    file, door = kind(tmp_path), Door()
    file.write(membership())
    async with aiohttp.ClientSession() as session:
        ties = Ties(file, Joiner("n1", SecretsAtHand(None, ())), Plain(session), door, open_=False)
        await ties.read()
        assert (ties.coordinator_id, door.plain, door.tls is None) == (IDENTITY, False, False)
        assert door.admits(COORDINATOR)
        assert not door.admits(Certified(coordinator_name("1" * 32), "f"))
        assert not door.admits(Certified(coordinator_name(IDENTITY) + "0", "f"))
        await ties.refused(403, "the certificate is another's")
        assert ties.coordinator_id == IDENTITY
        await ties.refused(401, "it was removed")
        assert (ties.coordinator_id, door.plain, door.tls, door.cuts) == ("", False, None, 1)
        assert not door.admits(COORDINATOR)
        assert not ties.speaks_with("http://10.0.0.1")
        with pytest.raises(ConnectionError):
            await ties.post("http://10.0.0.1", "/heartbeat", b"")
        ties.close()
