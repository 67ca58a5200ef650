"""The bounds and weights that the core decides by, as one value. Times in seconds."""

from msgspec import Struct

from coordinator.core.protection import Mode


class Weights(Struct, frozen=True, kw_only=True):
    """Points of policy `weighted`: what a share of 1 (or of -1, for the penalties) is worth."""

    thermal: float = 50.0
    thermal_warm: float = 30.0
    """Points of signal thermal where the model left memory less than half an hour ago."""
    thermal_cold: float = 10.0
    """Where it is on disk."""
    memory_fit: float = 20.0
    queue_depth: float = 30.0
    queue_depth_per: float = 6.0
    """Points of that for each call, up to all of them."""
    wait_time: float = 25.0
    role_affinity: float = 15.0
    role_large_gb: float = 20.0
    """GB of a model from which on it belongs on a big machine."""
    role_small_gb: float = 8.0
    """Below which on a small one."""
    availability_trend: float = 10.0
    context_fit: float = 15.0
    session_affinity: float = 20.0
    """Added to the seven at the place that served the conversation before."""
    prefix_affinity: float = 10.0
    """Likewise for a long beginning."""


class Limits(Struct, kw_only=True):
    """Defaults are those of the settings of the same meaning. One of them serves the whole coordinator: `take`
    changes it for all, between two decisions.
    """

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
    held_calls_per_model: int = 1_000
    held_tokens: int = 4_000_000
    """Estimated tokens of the prompts that may wait for one model."""
    hold_loading_s: float = 300.0
    """How long a call waits, at the longest, when its model is being loaded."""
    ageing_s: float = 10.0
    """After each, a waiting call is treated as one of the next higher class."""
    retries: int = 2
    """Further nodes that a failed call may try."""
    trouble_s: float = 30.0
    """How long a (node, engine, model) that failed ranks last."""
    retry_floor: int = 30
    """Retries of the whole fleet that are allowed in any case, within 10 s."""
    retry_share: float = 0.2
    """Beyond those: retries as a part of the calls that arrived within 10 s."""
    circuit_failures: int = 5
    """In a row, after which a (node, engine, model) gets no calls while another can serve them."""
    circuit_open_s: float = 30.0
    """For how long; twice as long each time that the call after it fails too."""
    substitute: bool = False
    """Whether a loaded model of the same kind may answer instead of a cold load, where the caller says nothing."""
    stale_s: float = 600.0
    """A placed call without progress for so long is given up."""
    probe_engine_after_s: float = 60.0
    """Without progress, after which a call's engine is asked whether it is alive; 0: never."""
    forget_s: float = 86_400.0
    """Silence after which a node, and what was learned of it, is forgotten."""
    probe_every_s: float = 2.0
    """Between two probes of a gateway that does not answer."""
    context_protection: Mode = "strip"
    """strip: no reload for what is there already, and no prompt is cut; warn: tell of it only; passthrough: nothing."""

    def take(self, other: "Limits") -> None:
        """Everything as `other` has it. What was copied at the start (beats, budget, substitution) must not differ."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(other, name))
