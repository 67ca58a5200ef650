"""How often each model is asked for, in calls per second: a count that fades, from step to step."""

import math

from shared.names import ModelName

FADES_S = 120.0
"""After which a call counts for a third."""
STEP_S = 1.0
"""Within which nothing fades."""
MODELS = 4_096
"""That are remembered; the ones longest unused go first."""


class Demand:
    """Exact for a steady stream once it has lasted for some of FADES_S; lower before."""

    def __init__(self) -> None:
        self._counts: dict[ModelName, tuple[float, float]] = {}
        """With the step of the last call."""

    def asked(self, model: ModelName, now: float) -> None:
        """A call for it came."""
        step = now // STEP_S
        count, last = self._counts.get(model, _NEVER)
        if last == step:  # as nearly always, where many calls come
            self._counts[model] = (count + 1, step)
            return
        self._counts.pop(model, None)  # to the end: the dict is in order of use
        self._counts[model] = (_faded(count, step - last) + 1, step)
        if len(self._counts) > MODELS:
            del self._counts[next(iter(self._counts))]

    def per_s(self, model: ModelName, now: float) -> float:
        """Calls per second."""
        count, last = self._counts.get(model, _NEVER)
        return _faded(count, now // STEP_S - last) / FADES_S


_NEVER = (0.0, -math.inf)


def _faded(count: float, steps: float) -> float:
    return count * math.exp(-steps * STEP_S / FADES_S)
