"""The seven signals of a place in seconds, as a value."""

from typing import NamedTuple


class Predicted(NamedTuple):
    """Seconds."""

    wait: float
    load: float
    evict: float
    prefill: float
    decode: float
    harm: float
    owner: float

    @property
    def total(self) -> float:
        """What placing it there costs everybody: its own time, and what it takes from others."""
        return sum(self)

    def shown(self) -> dict[str, float]:
        """By name, and their `total`."""
        return {**self._asdict(), "total": self.total}
