"""What the calls that run on a node cost it in points."""

from msgspec import Struct

from shared.names import ModelName


class NodeLoad(Struct, frozen=True, gc=False):
    """The same for each place of the node: a value, which decisions keep."""

    points: tuple[float, ...]
    """In the order of OF_LOAD."""
    total: float
    running: dict[tuple[str, ModelName], int]
    """Calls by engine and model, when the points were worked out."""
    number: int
    """Of them all."""
    seconds: float
    """That they are expected to take together, from their beginnings."""


NO_LOAD = NodeLoad((), 0.0, {}, 0, 0.0)
"""Not worked out yet."""
