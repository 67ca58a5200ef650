"""With whom this node speaks, and how: over TLS with the coordinator it joined; plainly where both sides are open."""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from agent.answers import whole, words
from agent.joining.asking import address_of
from agent.joining.joiner import Joiner
from agent.joining.membership import Membership, MembershipFile
from agent.joining.plain import Health, Plain
from shared.http1.faults import HttpFault, NotConnected, WrongPeer
from shared.http1.limits import Limits
from shared.http1.pool import Pool
from shared.joining_wire import ANSWER_BYTES, RENEWAL, JoinReply, RenewRequest
from shared.trust.certified import Certified
from shared.trust.contexts import calling, listening
from shared.trust.leaf import belongs, has_ended, new_key, public_of, renew_due
from shared.trust.names import coordinator_name

SEND_S = 4.0
REPLY_BYTES = 64 * 2**10
KEPT_S = 75.0

log = logging.getLogger("herd-node.joining")


class Door(Protocol):
    """What this node is reached by: shared.http1's Server."""

    tls: ssl.SSLContext | None
    plain: bool
    admits: Callable[[Certified], bool]

    def cut(self, whose: Callable[[Certified], bool]) -> int:
        """Ends connections."""
        ...


class Ties:
    """Owns the membership. `door` is opened to whom it names, and to nobody else."""

    def __init__(
        self,
        file: MembershipFile,
        joiner: Joiner,
        plain: Plain,
        door: Door,
        *,
        open_: bool,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Made inside a running loop. `open_`: whether this node is with whichever open coordinator it finds."""
        self._file = file
        self._joiner = joiner
        self._plain = plain
        self._door = door
        self._open = open_
        self._wall_clock = wall_clock
        self._membership: Membership | None = None
        self._pool = Pool(Limits(connect_s=SEND_S, idle_s=KEPT_S))
        self._plain_with = ""
        """The coordinator that is spoken with plainly, by its URL."""
        self._plain_refused = False
        """Whether an open coordinator wants a certificate of this node: it had one, or was removed."""
        self._told = ""

    async def read(self) -> None:
        """What was joined before the start. Raises BadMembership, OSError."""
        if (known := await asyncio.to_thread(self._file.read)) is not None:
            await self._adopt(known)
        self._door.plain = self._open and known is None

    @property
    def coordinator_id(self) -> str:
        """Of the one that was joined; empty: none, and any may be found."""
        return self._membership.coordinator_id if self._membership is not None else ""

    @property
    def picky(self) -> bool:
        """Whether a person has to say which of several coordinators is meant."""
        return self._membership is None and not self._open and not self._joiner.has_token

    async def id_at(self, url: str) -> str:
        """The coordinator there; empty: none that this node has anything to say to."""
        if self._membership is None:
            wanted = await self._joiner.may_be_meant(url)
            return await self._plain.id_at(url) if wanted else ""
        try:
            async with asyncio.timeout(SEND_S):
                status, answer = await self._over_tls(url, b"GET", "/health", b"")
            return msgspec.json.decode(answer, type=Health).coordinator_id if status == 200 else ""
        except (HttpFault, OSError, ValueError, RecursionError):
            return ""

    async def ready(self, url: str) -> bool:
        """Whether beats may go there; asks to join where that is what it takes, and says so."""
        if self._membership is not None:
            ended = has_ended(self._membership.certificate.encode(), self._wall_clock())
            return await self._joined_anew(url, self._membership) if ended else True
        if self._plain_with == url:
            return True
        health = await self._plain.health(url)
        if health is None:
            self._tell(f"no coordinator at {url}: nobody answers there as one")
            return False
        self._told = ""
        if self._open and health.open and not self._plain_refused:
            self._plain_with, self._door.plain = url, True
            log.warning(
                "the coordinator at %s is open, and so is this node: whoever is on this network may use it",
                url,
            )
            return True
        self._door.plain = False
        membership = await self._joiner.join(url, health.coordinator_id)
        if membership is None:
            return False
        await self._keep(membership)
        return True

    def speaks_with(self, url: str) -> bool:
        """Likewise, without asking anybody."""
        return self._membership is not None or self._plain_with == url

    async def post(self, url: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and answer. Raises HttpFault, OSError, TooLong and what aiohttp raises."""
        if self._membership is None:
            if not self.speaks_with(url):
                raise ConnectionError("this node has not joined it")
            return await self._plain.post(url, path, body)
        async with asyncio.timeout(SEND_S):
            return await self._over_tls(url, b"POST", path, body)

    async def taken(self, url: str) -> None:
        """A beat was: a certificate that is due is renewed."""
        if self._membership is not None and renew_due(
            self._membership.certificate.encode(), self._wall_clock()
        ):
            await self._renew(url, self._membership)

    async def refused(self, status: int, said: str) -> None:
        """A beat was. Over TLS it was the coordinator itself that said so."""
        self._plain_with = ""
        if status != 401:
            return
        if self._membership is None:
            self._plain_refused = True
            return
        log.error(
            "the coordinator %s has removed this node: %s. It asks to join again, and `herd approve` there lets it;"
            " to join another one: herd-node --token TOKEN",
            *(self._membership.coordinator_id, said),
        )
        try:
            await asyncio.to_thread(self._file.put_aside)
        except OSError as error:
            log.warning(
                "what was joined cannot be put aside, and is tried again at the next start: %s", error
            )
        self._forget()

    def silent(self) -> None:
        """Nobody took a beat."""
        self._plain_with = ""

    def close(self) -> None:
        """Ends every connection."""
        self._pool.close()

    def _forget(self) -> None:
        self._membership, self._pool.tls, self._door.tls = None, None, None
        self._door.plain, self._door.admits = False, lambda _peer: False  # nor whose handshake is under way
        self._door.cut(lambda _peer: True)

    async def _over_tls(self, url: str, method: bytes, path: str, body: bytes) -> tuple[int, bytes]:
        assert self._membership is not None  # noqa: S101 - the callers looked
        address = address_of(url, coordinator_name(self._membership.coordinator_id))
        headers = [(b"Content-Type", b"application/json")] if body else []
        try:
            response = await self._pool.request(address, method, path.encode(), headers, body)
        except NotConnected as error:
            if isinstance(error, WrongPeer) or isinstance(error.__cause__, ssl.SSLError):
                raise ConnectionError(
                    f"whoever answers there is not the coordinator that this node has joined,"
                    f" {self._membership.coordinator_id}, and is told nothing; to join another one: herd-node leave"
                ) from error
            raise
        return response.head.status, await whole(response, REPLY_BYTES)

    async def _joined_anew(self, url: str, known: Membership) -> bool:
        """Its certificate ran out while this node was away; the coordinator still knows its key."""
        membership = await self._joiner.join(url, known.coordinator_id, known.key.encode())
        if membership is None or membership.authority != known.authority:
            return False
        await self._keep(membership)
        return True

    async def _renew(self, url: str, known: Membership) -> None:
        key = await asyncio.to_thread(new_key)
        asked = RenewRequest(public_key=public_of(key).decode())
        try:
            status, answer = await self.post(url, RENEWAL, msgspec.json.encode(asked))
            if status != 200:
                raise ValueError(words(answer))
            certificate = msgspec.json.decode(answer[:ANSWER_BYTES], type=JoinReply).certificate
            if not belongs(key, certificate.encode()):
                raise ValueError("it is for another key")
            await self._keep(Membership(known.coordinator_id, known.authority, key.decode(), certificate))
            log.info("this node has a new certificate")
        except (HttpFault, OSError, ValueError, RecursionError) as error:
            self._tell(f"the certificate could not be renewed yet: {error}")

    async def _keep(self, membership: Membership) -> None:
        try:
            await asyncio.to_thread(self._file.write, membership)
        except OSError as error:
            log.warning("what was joined is not kept, and has to be joined anew after a restart: %s", error)
        await self._adopt(membership)

    async def _adopt(self, membership: Membership) -> None:
        held, name = membership.held(), coordinator_name(membership.coordinator_id)
        calls, listens = await asyncio.to_thread(lambda: (calling(held), listening(held, required=True)))
        before, self._pool = self._pool, Pool(Limits(connect_s=SEND_S, idle_s=KEPT_S), calls)
        before.close()
        self._door.admits = lambda peer: peer.name == name
        self._door.tls, self._door.plain = listens, False
        self._membership = membership

    def _tell(self, what: str) -> None:
        if what != self._told:
            self._told = what
            log.warning("%s", what)
