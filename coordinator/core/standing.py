"""How a node stands, as /fleet/status says it."""

from typing import Literal

from msgspec import Struct

from shared.names import NodeId

Status = Literal["online", "degraded", "offline"]
Reach = Literal["probing", "unreachable", "reached", "suspect"]
"""probing, unreachable: never reached since it joined. reached: answers. suspect: did, then a connection failed."""
NO_WAY = "open that port in its firewall, or tell its agent with --advertise where it can be reached"
ANOTHER = (
    "another program answers at that address and port; tell its agent with --advertise where it can be reached, or give"
    " it another --gateway-port"
)


class NotReached(Struct, frozen=True):
    """Why a probe of a node's gateway failed."""

    reason: str
    """In a few words."""
    answered: bool = False
    """Something did answer, but not as the gateway does."""


class Standing(Struct, frozen=True):
    """`status` as in /fleet/status, the finer word, and why."""

    status: Status
    state: str
    reason: str = ""


READY = Standing("online", "ready")
"""As nearly every node stands: kept, since it is asked for each of a thousand nodes several times a second."""


def aside(node_id: NodeId, running: int, *, cordoned: bool, draining: bool) -> Standing:
    """Of a node that could take calls, were it not for a person's order or its agent's own word."""
    lift = f"until `herd uncordon {node_id}`"
    if not draining:
        return Standing("online", "cordoned", f"a person set it aside: no new calls {lift}")
    own_word = "its agent takes no new calls: it stops or was drained there"
    who = f"no new calls {lift}" if cordoned else own_word
    if running:
        return Standing("online", "draining", f"{running} running; {who}")
    return Standing("online", "drained", f"nothing runs; {who}")
