"""What a place offers any call while the load of its node is what it is: worked out once, asked for many."""

from msgspec import Struct

from coordinator.core.node_load import NodeLoad


class Prospect(Struct, frozen=True):
    """Seconds. `load`: of the node, for which it holds."""

    load: NodeLoad
    read_s: float
    """For a token of a prompt, as crowded as it is there."""
    write_s: float
    """For a token of an answer, likewise."""
    left_s: float
    """That those which run there will still run, on average."""
    harm: float
    """That they lose together, for each second in which one more runs beside them."""
    owner: float
    """Part of its own seconds that a call is expected to lose to the machine's owner."""
    usual_s: float
    """Of a usual call, without what memory costs: to sort places by. Grows with the node's load."""
