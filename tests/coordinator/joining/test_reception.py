"""The one path of joining, with a real authority and a real file, and a clock of the test's."""

import ssl
import time
from pathlib import Path

import pytest

from coordinator.joining.joined_file import JoinedFile
from coordinator.joining.reception import Reception, Rules
from coordinator.joining.wrong_tries import FREE
from shared.errors import NoAccess, Unavailable
from shared.joining_wire import JoinReply, JoinRequest
from shared.names import NodeId
from shared.settings import SettingsError
from shared.trust import code, possession, token
from shared.trust.authority import Authority
from shared.trust.certified import Certified, fingerprint
from shared.trust.leaf import new_key, public_of
from shared.trust.names import node_name
from shared.trust.token import Token

IDENTITY = "0" * 32
LAPTOP = NodeId("laptop")
HERE = "10.0.0.7"
NONCE = b"n" * code.NONCE_BYTES
DAY_S = 86_400.0


class Clock:
    """Seconds since the epoch."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def reception(directory: Path, clock: Clock, kind: type[JoinedFile] = JoinedFile, **rules: int) -> Reception:
    directory.mkdir(mode=0o700, exist_ok=True)
    return Reception(
        *(AUTHORITY, IDENTITY, kind(directory), Rules(**rules)),  # type: ignore[arg-type]
        clock=clock,
        wall_clock=clock,
    )


AUTHORITY = Authority.create(time.time())


def question(
    key: bytes, made: Token | None = None, *, by: bytes = b"", spki: bytes = b"", **fields: str
) -> JoinRequest:
    """`by`: the key that proves it, where that is another; `spki`: the authority that it is for, likewise."""
    public = public_of(key)
    committed = code.commitment(NONCE, public)
    proof = possession.proof(by or key, spki or AUTHORITY.spki, "laptop", committed)
    return JoinRequest(
        node_id="laptop",
        public_key=public.decode(),
        commitment=committed.hex(),
        proof=proof.hex(),
        token_id=made.id if made else "",
        token_secret=made.secret if made else "",
        **fields,
    )


def certified(reply: JoinReply) -> Certified:
    assert reply.status == "admitted", reply
    return Certified(node_name(LAPTOP), fingerprint(ssl.PEM_cert_to_DER_cert(reply.certificate)))


async def test_a_certificate_is_renewed_and_the_one_before_counts_until_then(tmp_path: Path) -> None:
    clock = Clock()
    door = reception(tmp_path / "fleet", clock)
    key, made = new_key(), await door.create_token(60.0, reusable=False)
    first = certified(await door.join(question(key, made), HERE))
    assert door.node_of(first) == LAPTOP
    clock.now += 20 * DAY_S
    with pytest.raises(NoAccess):
        await door.renew(Certified(node_name(LAPTOP), "0" * 64), public_of(new_key()).decode())
    second = certified(await door.renew(first, public_of(new_key()).decode()))
    assert door.node_of(first) == door.node_of(second) == LAPTOP
    door.shown(second)
    assert door.node_of(first) is None
    again = reception(tmp_path / "fleet", clock)
    await again.read()
    assert again.node_of(second) == LAPTOP


async def test_an_answer_that_was_lost_is_given_again_to_the_same_key_only(tmp_path: Path) -> None:
    door = reception(tmp_path / "fleet", Clock())
    key, made = new_key(), await door.create_token(60.0, reusable=False)
    certified(await door.join(question(key, made), HERE))
    second = certified(await door.join(question(key, made), HERE))
    assert door.node_of(second) == LAPTOP
    assert (
        await door.join(question(new_key()), HERE)
    ).reason == "laptop has joined already, with another key"
    with pytest.raises(NoAccess, match="herd token create"):
        await door.join(question(new_key(), made), HERE)


async def test_the_digits_are_those_of_both_sides(tmp_path: Path) -> None:
    door, key = reception(tmp_path / "fleet", Clock()), new_key()
    reply = await door.join(question(key), HERE)
    assert (reply.status, reply.reason, door.waiting()) == ("pending", "", [])
    assert (await door.join(question(key, nonce=NONCE.hex()), HERE)).nonce == reply.nonce
    (asking,) = door.waiting()
    theirs = code.code(AUTHORITY.spki, public_of(key), NONCE, bytes.fromhex(reply.nonce))
    assert asking.code == theirs
    door.approve(LAPTOP, theirs)
    assert door.node_of(certified(await door.join(question(key), HERE))) == LAPTOP


async def test_wrong_tokens_have_to_wait(tmp_path: Path) -> None:
    clock = Clock()
    door = reception(tmp_path / "fleet", clock)
    good, wrong = await door.create_token(600.0, reusable=False), token.new(AUTHORITY.spki)
    for _ in range(FREE + 1):
        with pytest.raises(NoAccess):
            await door.join(question(new_key(), wrong), HERE)
    with pytest.raises(Unavailable) as slowed:
        await door.join(question(new_key(), good), HERE)
    assert slowed.value.retry_after == 2
    certified(await door.join(question(new_key(), good), "10.0.0.8"))
    clock.now += 3.0
    assert (await door.join(question(new_key()), HERE)).status == "pending"


async def test_who_was_removed_needs_a_person_or_a_newer_token(tmp_path: Path) -> None:
    clock = Clock()
    door = reception(tmp_path / "fleet", clock)
    door.local = token.new(AUTHORITY.spki)
    old, key, cut = await door.create_token(600.0, reusable=True), new_key(), list[str]()
    door.removed.append(cut.append)
    first = certified(await door.join(question(key, door.local), HERE))
    clock.now += 1.0
    assert await door.remove(LAPTOP) == ""
    assert cut == [node_name(LAPTOP)]
    assert door.node_of(first) is None
    for shown in (door.local, old):
        reply = await door.join(question(key, shown), HERE)
        assert (reply.status, reply.reason) == ("pending", "laptop was removed here")
    clock.now += 1.0
    certified(await door.join(question(key, await door.create_token(600.0, reusable=False)), HERE))
    assert await door.remove(NodeId("nobody")) is None


async def test_nothing_that_could_not_be_written_counts(tmp_path: Path) -> None:
    kept = tmp_path / "fleet" / "joined.json"
    door = reception(kept.parent, Clock())
    made = await door.create_token(600.0, reusable=False)
    kept.unlink()
    kept.mkdir()  # nothing can be put in its place
    with pytest.raises(Unavailable, match=r"joined\.json"):
        await door.join(question(new_key(), made), HERE)
    assert door.admitted.all() == []
    kept.rmdir()
    certified(await door.join(question(new_key(), made), HERE))


@pytest.mark.parametrize("harm", ["wider", "rubbish", "directory"])
async def test_a_file_that_cannot_be_trusted_keeps_the_coordinator_from_starting(
    tmp_path: Path, harm: str
) -> None:
    door = reception(tmp_path / "fleet", Clock())
    await door.create_token(600.0, reusable=False)
    kept = tmp_path / "fleet" / "joined.json"
    if harm == "rubbish":
        kept.write_bytes(b"{")
    else:
        (kept if harm == "wider" else kept.parent).chmod(0o755)
    with pytest.raises(SettingsError, match=r"fleet"):
        await door.read()
