"""The seven signals of a place in seconds, as a value."""

from msgspec import Struct
from msgspec.structs import asdict


class Predicted(Struct, frozen=True):
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
        return self.wait + self.load + self.evict + self.prefill + self.decode + self.harm + self.owner

    def shown(self) -> dict[str, float]:
        """By name, and their `total`."""
        return {**asdict(self), "total": self.total}
