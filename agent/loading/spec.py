"""What must be known of how an engine loads its model, so that it can be judged before the start. Pure."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from msgspec import Struct

from agent.models.estimate import Load
from agent.models.placement import Placement
from agent.models.shape import Shape
from agent.supervision.launch import Rung

Spread = Literal["layers", "tensors", "one"]
"""How several cards share a model: whole layers each, an equal part of every layer each, or not at all."""


class LoadSpec(Struct, frozen=True, kw_only=True):
    """Of one engine with its options."""

    path: str
    """A GGUF file, or a directory with config.json and safetensors. What is neither is started unjudged."""
    kind: str
    """Of the engine: estimates are corrected for each kind and model apart."""
    load: Callable[[Rung, Shape], Load]
    """Context and slots on a rung."""
    rungs: tuple[Rung, ...]
    """Those that the engine has."""
    spread: Spread = "one"
    placed_by_owner: bool = False
    """His options say where it goes: its files are judged, and nothing else."""
    on_gpus: bool = True
    """Whether it would use them."""
    sees_gpus: Callable[[], Awaitable[bool]] | None = None
    """Asks it, where only it can tell what it was built for."""
    arguments: Callable[[Placement, float], tuple[str, ...]] = lambda _placement, _cap: ()
    """That put it where it was placed; the other is the cap, a share of each card."""
    fills_cards: bool = False
    """It takes all of a card that the cap leaves, whatever its model needs."""
    allocates_at_load: bool = False
    """All that it will ever take, so that what is measured then can be held against the estimate."""
    environment: Mapping[str, str] = {}
    """The owner's own for it: CUDA_VISIBLE_DEVICES and its kin there bound what it may use."""


def of_gpu(rung: Rung, spec: LoadSpec) -> bool:
    """Whether it uses GPUs on that rung."""
    return spec.on_gpus and rung is not Rung.CPU
