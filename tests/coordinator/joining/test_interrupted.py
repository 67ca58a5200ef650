"""Memory and disk say the same whatever happens while one change is written: askers leave, the disk fails, nodes are
removed, others come.
"""

import asyncio
import threading
from pathlib import Path
from typing import TypeVar

import pytest

from coordinator.joining.joined_file import JoinedFile, Kept
from coordinator.joining.reception import Reception
from shared.errors import NoAccess, RouteNotFound, Unavailable
from shared.joining_wire import JoinReply, JoinRequest
from shared.names import NodeId
from shared.trust import token
from shared.trust.leaf import new_key, public_of
from tests.coordinator.joining.test_reception import (
    HERE,
    LAPTOP,
    NONCE,
    Clock,
    certified,
    question,
    reception,
)
from tests.fakes.waiting import eventually

Result = TypeVar("Result")


class Slow(JoinedFile):
    """Writes when it is let, or fails when it is let. A real file beneath."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.slow = False
        self.fails = False
        self.begun = 0
        self.let = threading.Semaphore(0)

    def write(self, kept: Kept) -> None:
        self.begun += 1
        if self.slow:
            assert self.let.acquire(timeout=10.0)
        if self.fails:
            raise Unavailable("no room is left", retry_after=5)
        super().write(kept)


class Door:
    """A reception on a slow disk."""

    def __init__(self, directory: Path) -> None:
        self.clock = Clock()
        self.reception = reception(directory / "fleet", self.clock, Slow)
        file = self.reception._file
        assert isinstance(file, Slow)
        self.disk = file

    async def asks(self, request: JoinRequest) -> asyncio.Task[JoinReply]:
        """Once its change is being written."""
        return await self.begun(asyncio.create_task(self.reception.join(request, HERE)))

    async def begun(self, task: asyncio.Task[Result]) -> asyncio.Task[Result]:
        before = self.disk.begun
        await eventually(lambda: self.disk.begun > before or task.done())
        return task

    def kept(self) -> Kept:
        """In memory."""
        door = self.reception
        return Kept(door.admitted.all(), door.tokens.all(self.clock.now), door.admitted.removed())

    async def is_as_kept(self) -> bool:
        """Whether one that starts anew knows the same."""
        return self.kept() == await asyncio.to_thread(JoinedFile(self.disk._path.parent).read)

    def let(self, writes: int = 1, *, fails: bool = False) -> None:
        """The next ones go on."""
        self.disk.fails = fails
        self.disk.let.release(writes)


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


@pytest.mark.parametrize("fails", [False, True])
async def test_who_asks_leaves_and_the_change_goes_to_its_end(door: Door, *, fails: bool) -> None:
    made = await door.reception.create_token(60.0, reusable=False)
    door.disk.slow, key = True, new_key()
    asking = await door.asks(question(key, made))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (door.reception.admitted.get(LAPTOP) is not None, door.kept().tokens) == (True, [])
    door.let(fails=fails)
    await eventually(lambda: not door.reception._changes._under_way)
    assert (door.reception.admitted.get(LAPTOP) is None) == fails
    assert await door.is_as_kept()
    door.disk.slow = door.disk.fails = False
    certified(await door.reception.join(question(key, made), HERE))  # what was lost on its way is had anew
    assert await door.is_as_kept()


async def test_who_waits_for_its_turn_and_leaves_changes_nothing(door: Door) -> None:
    made = await door.reception.create_token(60.0, reusable=True)
    door.disk.slow = True
    first = await door.asks(question(new_key(), made))
    second = asyncio.create_task(door.reception.create_token(60.0, reusable=False))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    door.let()
    certified(await first)
    assert len(door.kept().tokens) == 1
    assert await door.is_as_kept()


async def test_an_order_to_remove_is_written_though_its_asker_left_before_its_turn(door: Door) -> None:
    made = await door.reception.create_token(60.0, reusable=True)
    certified(await door.reception.join(question(new_key(), made), HERE))
    door.disk.slow = True
    first = await door.begun(asyncio.create_task(door.reception.create_token(60.0, reusable=False)))
    removing = asyncio.create_task(door.reception.remove(LAPTOP))
    await asyncio.sleep(0)
    assert door.reception.admitted.get(LAPTOP) is None
    removing.cancel()
    door.let(2)
    await first
    await eventually(lambda: not door.reception._changes._under_way)
    assert door.kept().nodes == []
    assert await door.is_as_kept()


@pytest.mark.parametrize("what", ["joining", "again", "renewing"])
async def test_who_is_removed_meanwhile_does_not_come_back_when_the_disk_fails(door: Door, what: str) -> None:
    """Undone is what was changed, and not what a person did since."""
    made = await door.reception.create_token(60.0, reusable=True)
    key = new_key()
    if what != "joining":
        shown = certified(await door.reception.join(question(key, made), HERE))
    door.disk.slow = True
    if what == "renewing":
        renewing = door.reception.renew(shown, public_of(new_key()).decode())
        asking = await door.begun(asyncio.create_task(renewing))
    else:
        asking = await door.asks(question(key, made))
    removing = asyncio.create_task(door.reception.remove(LAPTOP))
    await asyncio.sleep(0)
    door.let(fails=True)
    with pytest.raises(Unavailable):
        await asking
    door.let()
    assert await removing == ""
    assert door.reception.admitted.get(LAPTOP) is None
    assert door.reception.admitted.removed_at(LAPTOP) is not None
    assert await door.is_as_kept()


async def test_a_removal_is_not_forgotten_when_letting_in_anew_fails(door: Door) -> None:
    made = await door.reception.create_token(60.0, reusable=True)
    key = new_key()
    certified(await door.reception.join(question(key, made), HERE))
    door.clock.now += 1.0
    await door.reception.remove(LAPTOP)
    door.clock.now += 1.0
    newer = await door.reception.create_token(60.0, reusable=False)
    door.disk.fails = True
    with pytest.raises(Unavailable):
        await door.reception.join(question(key, newer), HERE)
    door.disk.fails = False
    assert await door.is_as_kept()
    assert (await door.reception.join(question(key, made), HERE)).reason == "laptop was removed here"
    certified(await door.reception.join(question(key, newer), HERE))


async def test_a_token_that_is_revoked_meanwhile_stays_so_when_the_disk_fails(door: Door) -> None:
    made = await door.reception.create_token(60.0, reusable=True)
    door.disk.slow = True
    asking = await door.asks(question(new_key(), made))
    revoking = asyncio.create_task(door.reception.revoke_token(made.id))
    await asyncio.sleep(0)
    door.let(fails=True)
    with pytest.raises(Unavailable):
        await asking
    door.let()
    await revoking
    assert door.kept() == Kept()
    assert await door.is_as_kept()


async def test_one_that_is_revoked_before_it_was_written_is_none(door: Door) -> None:
    door.disk.slow = True
    making = asyncio.create_task(door.reception.create_token(60.0, reusable=False))
    await eventually(lambda: door.disk.begun)
    (made,) = door.kept().tokens
    revoking = asyncio.create_task(door.reception.revoke_token(made.id))
    await asyncio.sleep(0)
    door.let(fails=True)
    with pytest.raises(Unavailable):
        await making
    door.let()
    await revoking
    with pytest.raises(RouteNotFound):
        await door.reception.revoke_token(made.id)
    assert await door.is_as_kept()


async def test_two_at_once_by_one_token_are_one(door: Door) -> None:
    made = await door.reception.create_token(60.0, reusable=False)
    door.disk.slow = True
    first = await door.asks(question(new_key(), made))
    second = asyncio.create_task(door.reception.join(question(new_key(), made), "10.0.0.8"))
    await asyncio.sleep(0)
    door.let(2)
    certified(await first)
    with pytest.raises(NoAccess):
        await second
    assert await door.is_as_kept()


async def test_an_approval_holds_until_it_is_written(door: Door) -> None:
    key = new_key()
    await door.reception.join(question(key), HERE)
    await door.reception.join(question(key, nonce=NONCE.hex()), HERE)
    door.reception.approve(LAPTOP, "")
    door.disk.fails = True
    with pytest.raises(Unavailable):
        await door.reception.join(question(key), HERE)
    assert door.kept() == Kept()
    door.disk.fails = False
    certified(await door.reception.join(question(key), HERE))
    assert await door.is_as_kept()


async def test_a_removal_takes_back_an_approval_that_nobody_has_used_yet(door: Door) -> None:
    await door.reception.join(
        question(new_key(), await door.reception.create_token(60.0, reusable=False)), HERE
    )
    other = new_key()
    await door.reception.join(question(other), HERE)
    await door.reception.join(question(other, nonce=NONCE.hex()), HERE)
    door.reception.approve(LAPTOP, "")
    assert await door.reception.remove(LAPTOP) == ""
    assert (await door.reception.join(question(other), HERE)).status == "pending"
    assert await door.reception.remove(NodeId("nobody")) is None


@pytest.mark.parametrize("wrong", ["key", "authority", "name"])
async def test_a_public_key_alone_is_no_question(door: Door, wrong: str) -> None:
    """A gateway shows its node's key to whoever begins TLS with it: a certificate made for it by somebody else would
    take the place of the one that the node is about to use.
    """
    made = await door.reception.create_token(60.0, reusable=False)
    key = new_key()
    first = certified(await door.reception.join(question(key, made), HERE))
    second = certified(await door.reception.renew(first, public_of(key).decode()))
    if wrong == "name":
        forged = JoinRequest(
            **{name: getattr(question(key), name) for name in JoinRequest.__struct_fields__}
            | {"node_id": "other"}
        )
    elif wrong == "key":
        forged = question(key, by=new_key())
    else:
        forged = question(key, spki=token.hashed("another").encode()[:32])
    with pytest.raises(Exception, match="has not shown that it has this key"):
        await door.reception.join(forged, HERE)
    assert door.reception.node_of(second) == LAPTOP
    certified(await door.reception.join(question(key), HERE))


async def test_a_certificate_that_renews_has_been_shown(tmp_path: Path) -> None:
    """One that was never in a beat, and is renewed: it stays good until the one after it is shown."""
    door: Reception = reception(tmp_path / "fleet", Clock())
    made = await door.create_token(60.0, reusable=False)
    first = certified(await door.join(question(new_key(), made), HERE))
    second = certified(await door.renew(first, public_of(new_key()).decode()))
    third = certified(await door.renew(second, public_of(new_key()).decode()))
    assert door.node_of(first) is None
    assert door.node_of(second) == door.node_of(third) == LAPTOP
