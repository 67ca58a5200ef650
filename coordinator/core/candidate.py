"""A place as one call sees it: everything the seven signals read."""

from msgspec import Struct

from coordinator.core.call import Place

WARM_FOR_S = 1800.0
"""So long after a model has left memory, its file is taken to be in the page cache still."""


class Candidate(Struct, frozen=True, kw_only=True):
    """Memory in bytes, contexts in tokens, times in seconds."""

    place: Place
    engine_model: str
    loaded: bool
    unloaded_for_s: float | None = None
    """How long ago the model left memory here; None: not known to have been there."""
    slots: int
    in_flight: int
    """Calls running at this place."""
    node_in_flight: int = 0
    """Calls running on the whole node."""
    others_s: float = 0.0
    """What the calls for other models running on the node are expected to take together."""
    model_bytes: int = 0
    """0: unknown."""
    free_bytes: int = 0
    """In the memory where the model would live."""
    memory_bytes: int = 0
    """All of that memory."""
    kv_bytes_per_token: float = 0.0
    """Cache that a token of context takes; 0: unknown."""
    load_context: int = 0
    """Tokens of context with which it would be loaded for a call that asks for none, over all its slots."""
    slots_when_loaded: int = 1
    """Among which the context asked for is multiplied."""
    context_length: int | None = None
    """That a call has there: of the replica, or of the load that is under way; None: neither, or unknown."""
    max_context: int | None = None
    default_context: int | None = None
    """With which it would be loaded for a call that asks for none; None: unknown."""
    fixed_context: bool = False
    """The engine's context is set when it starts: no call changes it."""
    bandwidth_gbps: float = 0.0
    """Memory bandwidth, GB/s; 0: unknown."""
    fleet_bandwidth_gbps: float = 0.0
    """Median over the nodes where it is known; 0: unknown."""
    latency_p75_s: float | None = None
    """Of finished calls for this model on this node; None: none yet."""
    availability_trend: float | None = None
    """-1 (the owner is coming back) to 1 (leaving); None: not learned."""
    troubled: bool = False
    """A failure here is recent, a beat is late or a connection broke: only if nobody else can."""
    last_used: int = 0
    """Order of the last placement here, to take turns among equals."""

    @property
    def has_room(self) -> bool:
        """Whether a call placed now would start at once."""
        return self.in_flight < self.slots
