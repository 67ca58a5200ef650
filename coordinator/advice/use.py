"""How models were used: what the rows of latency.db say of one model on one node."""

from msgspec import Struct

from shared.names import ModelName


class ModelUse(Struct, frozen=True):
    """As far as the rows go back. `last_used` in seconds of Unix time."""

    node_id: str
    model: ModelName
    total: int
    """Calls that ended there."""
    last_day: int
    """Of them, in the last 24 hours."""
    last_used: float
