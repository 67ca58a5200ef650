"""How often each model is asked for, in calls per second: a count that fades."""

import math

from shared.names import ModelName

FADES_S = 120.0
"""After which a call counts for a third."""
MODELS = 4_096
"""That are remembered; the ones longest unused go first."""


class Demand:
    """Exact for a steady stream once it has lasted for some of FADES_S; lower before."""

    def __init__(self) -> None:
        self._counts: dict[ModelName, tuple[float, float]] = {}

    def asked(self, model: ModelName, now: float) -> None:
        """A call for it came."""
        count = self._count(model, now) + 1
        self._counts.pop(model, None)  # to the end: the dict is in order of use
        self._counts[model] = (count, now)
        if len(self._counts) > MODELS:
            del self._counts[next(iter(self._counts))]

    def per_s(self, model: ModelName, now: float) -> float:
        """Calls per second."""
        return self._count(model, now) / FADES_S

    def _count(self, model: ModelName, now: float) -> float:
        count, at = self._counts.get(model, (0.0, now))
        return count * math.exp((at - now) / FADES_S)
