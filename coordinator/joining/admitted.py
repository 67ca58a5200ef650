"""Which nodes have joined, and the certificates that prove each of them. Pure.

A certificate is good only as long as its fingerprint stands here: removing a node is all that revoking takes. After a
renewal two stand side by side until the new one is first used.
"""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct

from shared.names import NodeId


class Joined(Struct, frozen=True):
    """A node as it is kept; fingerprints in hexadecimal digits, times in seconds since the epoch."""

    node_id: NodeId
    fingerprint: str
    joined_at: float
    key: str
    """The SHA-256 of the public key by which it joined or renewed last."""
    following: str = ""
    """The fingerprint of a certificate that was made and not used yet."""
    by: str = ""
    """What let it in: `token ID`, `approval`, `this machine`, `open`."""


class Removed(Struct, frozen=True):
    """A node that a person removed, in seconds since the epoch: what lets others in by itself does not let it in."""

    node_id: NodeId
    at: float


class Before(NamedTuple):
    """What stood under a name."""

    joined: Joined | None
    removed_at: float | None = None


MOST_REMOVED = 1_000
"""Names; the oldest is forgotten first."""


class Admitted:
    """By node id."""

    def __init__(self) -> None:
        self._nodes: dict[NodeId, Joined] = {}
        self._removed: dict[NodeId, float] = {}

    def restore(self, nodes: Iterable[Joined], removed: Iterable[Removed] = ()) -> None:
        """Those of before the start."""
        self._nodes = {each.node_id: each for each in nodes}
        self._removed = {each.node_id: each.at for each in removed}

    def removed(self) -> list[Removed]:
        """Those that have not joined anew, oldest first."""
        return [Removed(node_id, at) for node_id, at in self._removed.items()]

    def removed_at(self, node_id: NodeId) -> float | None:
        """None: nobody removed it, or it has joined anew."""
        return self._removed.get(node_id)

    def all(self) -> list[Joined]:
        """Every one, by name."""
        return sorted(self._nodes.values(), key=lambda each: each.node_id)

    def get(self, node_id: NodeId) -> Joined | None:
        """None: it has not joined, or was removed."""
        return self._nodes.get(node_id)

    def admit(self, joined: Joined) -> Before:
        """It has joined; what stood under its name stands no more, and is given back."""
        before = Before(self._nodes.get(joined.node_id), self._removed.pop(joined.node_id, None))
        self._nodes[joined.node_id] = joined
        return before

    def take_back(self, joined: Joined, before: Before) -> None:
        """It has not after all: all is as before, unless something has become of it meanwhile."""
        if self._nodes.get(joined.node_id) != joined:
            return
        del self._nodes[joined.node_id]
        if before.joined is not None:
            self._nodes[joined.node_id] = before.joined
        if before.removed_at is not None:
            self._removed[joined.node_id] = before.removed_at

    def takes_over(self, node_id: NodeId, key: str) -> bool:
        """Whether somebody else has that name: a token does not suffice for it."""
        known = self._nodes.get(node_id)
        return known is not None and known.key != key

    def is_good(self, node_id: NodeId, fingerprint: str) -> bool:
        """Whether this certificate proves that node now."""
        known = self._nodes.get(node_id)
        return known is not None and fingerprint in (known.fingerprint, known.following or known.fingerprint)

    def used(self, node_id: NodeId, fingerprint: str) -> bool:
        """A certificate was shown: once it is the following one, the one before is good no more. True: that is news."""
        known = self._nodes.get(node_id)
        if known is None or not known.following or fingerprint != known.following:
            return False
        self._nodes[node_id] = Joined(node_id, fingerprint, known.joined_at, known.key, "", known.by)
        return True

    def renewed(self, node_id: NodeId, fingerprint: str, key: str) -> Joined:
        """A further certificate was made for a node that has joined; as it stands now."""
        known = self._nodes[node_id]
        now = Joined(node_id, known.fingerprint, known.joined_at, key, fingerprint, known.by)
        self._nodes[node_id] = now
        return now

    def remove(self, node_id: NodeId, at: float) -> Joined | None:
        """None of its certificates is good any more: a person wants it so, at this time of the calendar. None: it had
        not joined.
        """
        if (gone := self._nodes.pop(node_id, None)) is not None:
            self._removed.pop(node_id, None)
            self._removed[node_id] = at
            while len(self._removed) > MOST_REMOVED:
                del self._removed[next(iter(self._removed))]
        return gone
