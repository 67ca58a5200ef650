"""Agents that ask to be let in without a token: each shows six digits until a person approves it. Pure.

Anybody can ask, so there are few places, and none is kept for one who has not asked again for a while.
"""

from msgspec import Struct

from shared.errors import CallerFault, Conflict, RouteNotFound, Unavailable
from shared.names import NodeId
from shared.trust import code

LASTS_S = 900.0
SILENT_S = 30.0
"""An agent asks every few seconds: one that has not for so long has gone, and its place is free. One that was told our
number and has not shown its own keeps its place until LASTS_S: it may be somebody who tries for digits that another one
shows, knows them by now, and shows none but those. So whoever tries is seen, or has as many tries as there are places.
"""


class Asking(Struct):
    """One agent's wish. Keys and numbers as bytes, times on the caller's clock."""

    node_id: NodeId
    public_key: bytes
    committed: bytes
    nonce: bytes
    """The coordinator's number."""
    address: str
    since: float
    asked_at: float
    code: str = ""
    """Empty: it has not shown yet what it committed itself to."""
    approved: bool = False
    denied: bool = False


class Pending:
    """`most`: agents at once; of one address at most a quarter of them, at least one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._asking: dict[tuple[NodeId, bytes], Asking] = {}

    def shown(self, now: float) -> list[Asking]:
        """Those that a person may approve, oldest first."""
        self._drop(now)
        return [each for each in self._asking.values() if each.code and not (each.approved or each.denied)]

    def began(
        self, node_id: NodeId, public_key: bytes, committed: bytes, nonce: bytes, address: str, now: float
    ) -> Asking:
        """A first question, or the same again. Raises Conflict for another commitment with that key, Unavailable."""
        self._drop(now)
        known = self._asking.get((node_id, public_key))
        if known is not None:
            if known.committed != committed:
                raise Conflict("this key has committed itself to another number: begin anew with another key")
            return known
        same = sum(each.address == address for each in self._asking.values())
        if len(self._asking) >= self._most or same >= max(1, self._most // 4):
            raise Unavailable(
                f"too many agents wait to be let in (FLEET_PENDING_LIMIT is {self._most});"
                " `herd nodes` shows them, `herd approve NODE` and `herd deny NODE` make room",
                retry_after=10,
            )
        made = Asking(node_id, public_key, committed, nonce, address, now, now)
        self._asking[node_id, public_key] = made
        return made

    def proved(self, node_id: NodeId, public_key: bytes, agents: bytes, spki: bytes, now: float) -> Asking:
        """A further question, with the agent's number. Raises Conflict where it has to begin anew, CallerFault."""
        self._drop(now)
        asking = self._asking.get((node_id, public_key))
        if asking is None:
            raise Conflict("nothing is known of this question any more: begin anew")
        if not code.kept(asking.committed, agents, public_key):
            raise CallerFault("that is not the number that was committed to")
        asking.code = code.code(spki, public_key, agents, asking.nonce)
        asking.asked_at = now
        return asking

    def approve(self, node_id: NodeId, digits: str, now: float) -> Asking:
        """Of several with one name `digits` says which. Raises RouteNotFound, Conflict."""
        asking = self._one(node_id, digits, now)
        asking.approved = True
        return asking

    def deny(self, node_id: NodeId, digits: str, now: float) -> Asking:
        """It is told so when it asks again. Raises RouteNotFound, Conflict."""
        asking = self._one(node_id, digits, now)
        asking.denied = True
        return asking

    def forget_approvals(self, node_id: NodeId) -> None:
        """Of agents of that name, which have not come in by them yet: a person wants it out."""
        for each in self._asking.values():
            each.approved = each.approved and each.node_id != node_id

    def ended(self, asking: Asking) -> None:
        """It was told what became of it."""
        self._asking.pop((asking.node_id, asking.public_key), None)

    def _one(self, node_id: NodeId, digits: str, now: float) -> Asking:
        named = [each for each in self.shown(now) if each.node_id == node_id]
        found = [each for each in named if digits in ("", each.code)]
        if not named:
            raise RouteNotFound(f'no node "{node_id[:128]}" waits to be let in; `herd nodes` shows who does')
        if not found:
            raise RouteNotFound(
                f"{node_id} shows other digits: {', '.join(each.code for each in named)}; approve it only where"
                " its own terminal shows the same"
            )
        if len(found) > 1:
            raise Conflict(
                f"{len(found)} agents ask as {node_id}: {', '.join(each.code for each in found)};"
                f" say which: herd approve {node_id} --code CODE"
            )
        return found[0]

    def _drop(self, now: float) -> None:
        for key, each in list(self._asking.items()):
            gone = bool(each.code) and now - each.asked_at >= SILENT_S
            if gone or now - each.since >= LASTS_S:
                del self._asking[key]
