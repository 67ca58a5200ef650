"""What is true of each machine: drawn from the seed, and told to nobody but the machine itself."""

from random import Random

from msgspec import Struct

from coordinator.simulate.fleets import GB, FleetSpec, MachineSpec

LIE = 1 / 3
"""Of the bandwidth that a liar claims."""
EFFICIENCY = 0.75
"""Of the bandwidth, what decoding reaches."""
PREFILL = {"gpu": 25.0, "unified": 10.0, "cpu": 5.0}
"""Prompt tokens read while one token is written."""
BATCHING = {"gpu": 0.8, "unified": 0.5, "cpu": 0.25}
"""n calls of a model together write n to this power times the tokens of one."""
LOAD_FIXED_S = 1.0
THROTTLED = (0.4, 0.7)
"""Part of its speed that is left to a machine when it is hot."""
HOT_AFTER_S = (60.0, 240.0)
"""Of work without a pause."""


class Truth(Struct, frozen=True):
    """Of one machine."""

    decode_gbps: float
    """GB of weights read in a second while tokens are written."""
    prefill: float
    """Prompt tokens read in the time in which one is written, alone."""
    batching: float
    disk_gbps: float
    hot_after_s: float = 0.0
    """0: it never throttles."""
    throttled: float = 1.0
    """Part of its speed that is left when it is hot."""
    lies: bool = False

    def tokens_per_s(self, model_bytes: int) -> float:
        """Written, by a call that is alone."""
        return self.decode_gbps * GB / max(model_bytes, 1)

    def prompt_tokens_per_s(self, model_bytes: int) -> float:
        """Read, by a call that is alone."""
        return self.tokens_per_s(model_bytes) * self.prefill

    def load_s(self, model_bytes: int) -> float:
        """From disk into memory."""
        return LOAD_FIXED_S + model_bytes / (self.disk_gbps * GB)

    def alone_s(self, model_bytes: int, prompt: int, answer: int) -> tuple[float, float]:
        """Seconds to read so many tokens and to write so many, the first of which comes with the reading."""
        return (
            max(prompt, 1) / self.prompt_tokens_per_s(model_bytes),
            max(answer - 1, 0) / self.tokens_per_s(model_bytes),
        )


def drawn(fleet: FleetSpec, name: str, spec: MachineSpec, seed: int) -> Truth:
    """The same for the same fleet, machine and seed, whatever else is drawn."""
    chance = Random(f"{seed}/truth/{name}")  # noqa: S311 - chance that can be repeated
    kind = "gpu" if spec.gpus_gb else "unified" if spec.unified else "cpu"
    lies = chance.random() < spec.liars
    hot = chance.random() < spec.throttling
    return Truth(
        decode_gbps=spec.bandwidth_gbps * EFFICIENCY * chance.uniform(*fleet.spread) * (LIE if lies else 1.0),
        prefill=PREFILL[kind] * chance.uniform(*fleet.spread),
        batching=BATCHING[kind],
        disk_gbps=spec.disk_gbps * chance.uniform(*fleet.spread),
        hot_after_s=chance.uniform(*HOT_AFTER_S) if hot else 0.0,
        throttled=chance.uniform(*THROTTLED) if hot else 1.0,
        lies=lies,
    )
