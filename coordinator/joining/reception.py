"""Lets nodes in, and shows them out. One path for all: proved, signed, admitted, written down, answered."""

import asyncio
import contextlib
import hmac
import logging
import math
import secrets
import time
from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from coordinator.joining.admitted import Admitted, Before, Joined
from coordinator.joining.changes import Changes
from coordinator.joining.joined_file import JoinedFile, Kept
from coordinator.joining.pending import Asking, Pending
from coordinator.joining.proofs import check_proof, fingerprint_of, key_hash
from coordinator.joining.tokens import Tokens
from coordinator.joining.wrong_tries import WrongTries
from shared.errors import CallerFault, NoAccess, RouteNotFound, Unavailable
from shared.joining_wire import JoinReply, JoinRequest
from shared.names import NodeId
from shared.trust import token as tokens_text
from shared.trust.authority import Authority
from shared.trust.certified import Certified
from shared.trust.code import NONCE_BYTES
from shared.trust.names import node_name, node_of
from shared.trust.token import Token

LOCAL = "this machine"
"""What lets an agent of this machine and this user in."""
Status = Literal["admitted", "pending", "denied"]

log = logging.getLogger("herd.joining")


class Rules(Struct, frozen=True):
    """`open`: whoever asks is let in; the others bound what strangers can fill. Times in seconds."""

    open: bool = False
    tokens: int = 100
    pending: int = 32
    addresses: int = 1_024
    """Whose wrong tokens are remembered."""


class Reception:
    """Owns who has joined, who waits and which tokens there are; `joined_file` outlives it."""

    def __init__(
        self,
        authority: Authority,
        coordinator_id: str,
        joined_file: JoinedFile,
        rules: Rules,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Nobody has joined before `read`."""
        self.admitted = Admitted()
        self.pending = Pending(rules.pending)
        self.tokens = Tokens(rules.tokens)
        self.local: Token | None = None
        """What the file holds that only this user can read."""
        self.removed: list[Callable[[str], object]] = []
        """Told the certificate's name of whoever may not speak any more: cut it off."""
        self._authority = authority
        self._coordinator_id = coordinator_id
        self._file = joined_file
        self._rules = rules
        self._clock = clock
        self._wall_clock = wall_clock
        self._wrong = WrongTries(rules.addresses)
        self._changes = Changes()

    async def read(self) -> None:
        """Who had joined before the start. Raises SettingsError."""
        kept = await asyncio.to_thread(self._file.read)
        self.admitted.restore(kept.nodes, kept.removed)
        self.tokens.restore(kept.tokens)

    def node_of(self, certified: Certified | None) -> NodeId | None:
        """The node that a connection's other end is, now; None: none that has joined."""
        node_id = node_of(certified.name) if certified is not None else None
        if certified is None or node_id is None:
            return None
        return node_id if self.admitted.is_good(node_id, certified.fingerprint) else None

    async def join(self, request: JoinRequest, address: str) -> JoinReply:
        """One question of an agent at `address`. Raises NoAccess, CallerFault, Unavailable."""
        check_proof(request, self._authority.spki)
        return await self._changes.one(lambda: self._join(request, address))

    async def _join(self, request: JoinRequest, address: str) -> JoinReply:
        node_id, key = NodeId(request.node_id), request.public_key.encode()
        replaces = self.admitted.takes_over(node_id, key_hash(key))
        if (by := self._shown(request, address, replaces=replaces)) is not None:
            return await self._let_in(node_id, key, by, request.token_id)
        asking = self._asked(node_id, key, request, address)
        if asking.approved:
            reply = await self._let_in(node_id, key, "approval", "")
            self.pending.ended(asking)
            return reply
        if asking.denied:
            return self._reply("denied", reason="a person refused it on the coordinator")
        reason = f"{node_id} has joined already, with another key" if replaces else ""
        if self.admitted.removed_at(node_id) is not None:
            reason = f"{node_id} was removed here"
        return self._reply("pending", nonce=asking.nonce.hex(), reason=reason)

    async def renew(self, certified: Certified | None, public_key: str) -> JoinReply:
        """A further certificate for the node that shows a good one. Raises NoAccess, CallerFault, Unavailable."""
        return await self._changes.one(lambda: self._renew(certified, public_key))

    async def _renew(self, certified: Certified | None, public_key: str) -> JoinReply:
        node_id = self.node_of(certified)
        if certified is None or node_id is None:
            raise NoAccess("a certificate is renewed by the one it follows, and this one is not known here")
        self.shown(certified)
        key = public_key.encode()
        certificate = self._signed(node_id, key)
        before = Before(self.admitted.get(node_id))
        now = self.admitted.renewed(node_id, fingerprint_of(certificate), key_hash(key))
        await self._write(lambda: self.admitted.take_back(now, before))
        log.info("%s has a new certificate", node_id, extra={"node_id": node_id})
        return self._reply("admitted", certificate=certificate.decode())

    def shown(self, certified: Certified) -> None:
        """A good certificate was shown: the one before it counts no more."""
        node_id = node_of(certified.name)
        if node_id is not None:
            self.admitted.used(node_id, certified.fingerprint)  # written down with what changes next

    async def create_token(self, ttl_s: float, *, reusable: bool) -> Token:
        """Raises TokensFull, Unavailable."""
        return await self._changes.one(lambda: self._create_token(ttl_s, reusable=reusable))

    async def _create_token(self, ttl_s: float, *, reusable: bool) -> Token:
        made = self.tokens.create(self._authority.spki, self._wall_clock(), ttl_s, reusable=reusable)

        def undone() -> None:
            with contextlib.suppress(RouteNotFound):  # somebody was quicker
                self.tokens.revoke(made.id)

        await self._write(undone)
        log.info("token %s was made, for %s", made.id, "many" if reusable else "one node")
        return made

    async def revoke_token(self, token_id: str) -> None:
        """Raises RouteNotFound; Unavailable where it holds until the coordinator's restart only."""
        self.tokens.revoke(token_id)
        log.info("token %s was revoked", token_id)
        await self._changes.surely(self._write)

    def approve(self, node_id: NodeId, digits: str) -> Asking:
        """It is let in when it asks again. Raises RouteNotFound, Conflict."""
        asking = self.pending.approve(node_id, digits, self._clock())
        log.info("%s at %s was approved", node_id, asking.address, extra={"node_id": node_id})
        return asking

    def deny(self, node_id: NodeId, digits: str) -> Asking:
        """It is told so when it asks again. Raises RouteNotFound, Conflict."""
        asking = self.pending.deny(node_id, digits, self._clock())
        log.info("%s at %s was denied", node_id, asking.address, extra={"node_id": node_id})
        return asking

    async def remove(self, node_id: NodeId) -> str | None:
        """No certificate of it counts any more, its connections are cut. None: it had not joined; else why that holds
        until the coordinator's restart only, or nothing.
        """
        if self.admitted.remove(node_id, self._wall_clock()) is None:
            return None
        self.pending.forget_approvals(node_id)
        self._cut(node_id)
        try:
            await self._changes.surely(self._write)
        except Unavailable as error:
            return str(error)
        return ""

    def waiting(self) -> list[Asking]:
        """Those that a person may approve."""
        return self.pending.shown(self._clock())

    def _shown(self, request: JoinRequest, address: str, *, replaces: bool) -> str | None:
        """What lets it in; None: a person has to. Raises NoAccess, Unavailable."""
        node_id = NodeId(request.node_id)
        known, removed_at = self.admitted.get(node_id), self.admitted.removed_at(node_id)
        if known is not None and not replaces:
            return known.by  # its answer was lost: what it gets is good for that key only
        if request.token_id and (by := self._token(request, address)):
            if by == LOCAL:
                return by if removed_at is None else None
            newer = removed_at is None or self.tokens.created_at(request.token_id) > removed_at
            return by if newer and not replaces else None
        return "open" if self._rules.open and not replaces and removed_at is None else None

    def _token(self, request: JoinRequest, address: str) -> str:
        now = self._clock()
        if wait_s := self._wrong.wait_s(address, now):
            raise Unavailable("too many wrong tokens from there", retry_after=math.ceil(wait_s))
        if self.local is not None and request.token_id == self.local.id:
            ours = tokens_text.hashed(self.local.secret)
            by = LOCAL if hmac.compare_digest(ours, tokens_text.hashed(request.token_secret)) else ""
        else:
            good = self.tokens.good(request.token_id, request.token_secret, self._wall_clock())
            by = f"token {request.token_id}" if good else ""
        if not by:
            self._wrong.wrong(address, now)
            log.warning("%s at %s showed a token that is not good", request.node_id, address)
            raise NoAccess(
                f"token {request.token_id} is not good: it was used, has run out or was revoked;"
                " `herd token create` on the coordinator makes another"
            )
        self._wrong.right(address)
        return by

    def _asked(self, node_id: NodeId, key: bytes, request: JoinRequest, address: str) -> Asking:
        now = self._clock()
        if request.nonce:
            new = not any(each.public_key == key for each in self.pending.shown(now))
            asking = self.pending.proved(
                node_id, key, bytes.fromhex(request.nonce), self._authority.spki, now
            )
            if new and asking.code and not (asking.approved or asking.denied):
                log.warning(
                    "%s at %s asks to join and shows %s: where its own terminal shows the same, herd approve %s",
                    *(node_id, address, asking.code, node_id),
                    extra={"node_id": node_id},
                )
            return asking
        committed = bytes.fromhex(request.commitment)
        return self.pending.began(node_id, key, committed, secrets.token_bytes(NONCE_BYTES), address, now)

    async def _let_in(self, node_id: NodeId, key: bytes, by: str, token_id: str) -> JoinReply:
        certificate = self._signed(node_id, key)
        known, spent = self.admitted.get(node_id), None
        again = known is not None and known.key == key_hash(key)
        if again:
            before = Before(known)
            joined = self.admitted.renewed(node_id, fingerprint_of(certificate), key_hash(key))
        else:
            now = self._wall_clock()
            joined = Joined(node_id, fingerprint_of(certificate), now, key_hash(key), by=by)
            before = self.admitted.admit(joined)
            if by == f"token {token_id}":
                spent = self.tokens.spent(token_id)
            if known is not None:
                self._cut(node_id)

        def undone() -> None:
            self.admitted.take_back(joined, before)
            if spent is not None:
                self.tokens.put_back(spent)

        await self._write(undone)
        if not again:
            log.info("%s has joined, by %s", node_id, by, extra={"node_id": node_id})
        return self._reply("admitted", certificate=certificate.decode())

    def _signed(self, node_id: NodeId, key: bytes) -> bytes:
        try:
            return self._authority.sign(key, node_name(node_id), now=self._wall_clock())
        except ValueError as error:
            raise CallerFault(f"no certificate can be made: {error}") from error

    def _cut(self, node_id: NodeId) -> None:
        for each in self.removed:
            each(node_name(node_id))

    async def _write(self, undo: Callable[[], object] = lambda: None) -> None:
        """Within `_changes`."""
        kept = Kept(self.admitted.all(), self.tokens.all(self._wall_clock()), self.admitted.removed())
        try:
            await asyncio.to_thread(self._file.write, kept)
        except Exception:  # not where the program ends: what was written then counts
            undo()
            raise

    def _reply(
        self, status: Status, *, certificate: str = "", nonce: str = "", reason: str = ""
    ) -> JoinReply:
        return JoinReply(
            status=status,
            coordinator_id=self._coordinator_id,
            certificate=certificate,
            nonce=nonce,
            reason=reason,
        )
