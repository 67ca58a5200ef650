"""The bounds and weights that the core decides by, as one value. Times in seconds."""

from msgspec import Struct

from coordinator.core.protection import Mode


class Weights(Struct, frozen=True, kw_only=True):
    """Points of policy `weighted`: what a share of 1 (or of -1, for the penalties) is worth."""

    thermal: float = 50.0
    memory_fit: float = 20.0
    queue_depth: float = 30.0
    wait_time: float = 25.0
    role_affinity: float = 15.0
    availability_trend: float = 10.0
    context_fit: float = 15.0


class Limits(Struct, frozen=True, kw_only=True):
    """Defaults are those of the settings of the same meaning."""

    beat_late_s: float = 15.0
    """Silence after which a node is degraded."""
    lease_s: float = 30.0
    """Silence after which it is offline."""
    settle_s: float = 10.0
    """After the coordinator's start: how long an unknown model may still turn up with a node's first beat."""
    hold_s: float = 30.0
    """How long a call waits for a place."""
    held_calls: int = 1_000
    """Calls that may wait at once."""
    retries: int = 2
    """Further nodes that a failed call may try."""
    trouble_s: float = 30.0
    """How long a (node, engine, model) that failed ranks last."""
    stale_s: float = 600.0
    """A placed call without progress for so long is given up."""
    forget_s: float = 86_400.0
    """Silence after which a node, and what was learned of it, is forgotten."""
    probe_every_s: float = 2.0
    """Between two probes of a gateway that does not answer."""
    context_protection: Mode = "strip"
    """strip: no reload for what is there already, and no prompt is cut; warn: tell of it only; passthrough: nothing."""
