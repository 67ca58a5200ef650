"""What a place offers any call, alone there: worked out once, asked for many."""

from msgspec import Struct

from coordinator.core.node_load import NodeLoad
from coordinator.core.paces import NodePaces

LEFT = 0.5
"""Of a running call, on average."""


class Prospect(Struct, frozen=True):
    """Seconds. Holds until its node tells something else of itself, or teaches something new."""

    known: NodePaces
    """Of the node."""
    learned: int
    """How often it had taught something."""
    read_s: float
    """For a token of a prompt."""
    write_s: float
    """For a token of an answer."""
    crowding: float
    """Part by which each call beside it makes one longer."""
    own_s: float
    """Of a usual call."""
    load_s: float
    """To load the model; 0 where it is in memory."""
    owner: float
    """Part of its own seconds that a call is expected to lose to the machine's owner."""

    @property
    def holds(self) -> bool:
        """Whether nothing was learned since."""
        return self.learned == self.known.learned

    def usual_s(self, load: NodeLoad) -> float:
        """Of a usual call under that load, with what those that run there lose. More load, more seconds."""
        beside = load.number
        if not beside:
            return self.load_s + self.own_s
        own_s = self.own_s * (1 + self.crowding * beside)
        return self.load_s + own_s + self.harm_s(own_s, load, beside)

    def harm_s(self, own_s: float, load: NodeLoad, beside: int) -> float:
        """What `beside` of those that run there lose together to a call of so many seconds: as long as both run, each
        is slowed by one more.
        """
        left_s = LEFT * load.seconds / load.number
        both_s = own_s if own_s < left_s else left_s
        return beside * both_s * self.crowding / (1 + self.crowding * (beside - 1))
