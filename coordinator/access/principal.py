"""Who a caller is, and what it may do."""

from typing import Literal

from msgspec import Struct

from coordinator.core.call import Priority

Scope = Literal["infer", "read", "operate", "admin", "node", "join", "public"]
"""No scope holds another. `public`: for everyone. `join`: the route has proofs of its own."""


class Principal(Struct, frozen=True):
    """Decided once per request."""

    kind: Literal["owner", "key", "node", "stranger"]
    name: str
    """A key's name, a node's id; else what logs may show of it."""
    scopes: frozenset[Scope]
    models: tuple[str, ...] | None = None
    """Those that it may ask; None: all."""
    key_id: str = ""
    priority: Priority | None = None
    """The highest class of its calls; None: as for anybody."""
    by_session: bool = False
    """A browser in which somebody logged in with that key."""
