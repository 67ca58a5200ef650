"""What every policy is: it says which places stand first, and when a call had better wait."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from coordinator.core.fleet import Fleet
from coordinator.core.limits import Weights
from coordinator.core.node_load import NodeLoad
from coordinator.core.open_call import OpenCall
from coordinator.core.shelf import Chosen, Entry


class Policy(Protocol):
    """Reads the fleet, changes nothing. One file each."""

    @property
    def name(self) -> str:
        """That FLEET_POLICY takes."""
        ...

    @property
    def by_points(self) -> bool:
        """Whether the best place of a kind is that with the most points; no other is looked at then."""
        ...

    def shortlist(self, subject: OpenCall, *, loaded: bool) -> int:
        """Places of a kind that are looked at for that call, the first by `cost`. `loaded`: they have the model in
        memory.
        """
        ...

    @property
    def passes(self) -> bool:
        """Whether a call that would rather wait lets those behind it take what is free."""
        ...

    @property
    def leaves_warm(self) -> bool:
        """Whether a call may be made to wait though a place that has the model in memory is free."""
        ...

    def cost(self, entry: Entry, load: NodeLoad) -> float:
        """By which places of a kind are sorted, whatever the call: the lowest first. It rises with the node's load, and
        is asked for once for each: whatever else changes it makes a new one.
        """
        ...

    def holds(self, entry: Entry) -> bool:
        """Whether `cost` would still be made from what it was made from last, whatever was learned elsewhere. Asked
        when a beat says nothing new.
        """
        ...

    def beyond(self, chosen: Chosen, subject: OpenCall) -> float:
        """Where `chosen` has the model in memory, with context enough: the cost from which on no place of another kind
        need be looked at for that call.
        """
        ...

    def order(self, options: Sequence[Chosen], subject: OpenCall, now: float) -> list[Chosen]:
        """For that call, best first."""
        ...

    def better_wait(
        self, best: Chosen, busy: Iterable[Entry], subject: OpenCall, now: float, ahead: int
    ) -> bool:
        """Whether one of the `busy` places, which have the model in memory, had better be waited for than `best` taken.
        `ahead`: calls that wait for the same and go before.
        """
        ...


MakePolicy = Callable[[Fleet, Weights], Policy]
