"""How fast calls leave their places, by model: how fast a queue moves."""

import math
from collections import deque

from shared.names import ModelName

WINDOW_S = 30.0
KEPT = 1_024
"""Ends remembered for each model."""
MODELS_KEPT = 256
"""Models of which anything is remembered, those last used."""
FEW = 3
RETRY_AFTER_UNKNOWN_S = 5
RETRY_AFTER_LONGEST_S = 60


_NONE: deque[float] = deque(maxlen=0)


class DrainRate:
    """Learns from every call that left its place, well or not."""

    def __init__(self) -> None:
        self._ended: dict[ModelName, deque[float]] = {}

    def ended(self, model: ModelName, now: float) -> None:
        """A call for `model` left its place."""
        times = self._ended.pop(model, None)
        if times is None:
            times = deque(maxlen=KEPT)
        times.append(now)
        self._ended[model] = times  # to the end: the dict is in order of use
        if len(self._ended) > MODELS_KEPT:
            del self._ended[next(iter(self._ended))]

    def seconds(self, count: int, model: ModelName | None, now: float, since: float) -> float | None:
        """How long `count` calls for `model` (None: for any) need to leave; None: nothing is known. `since`: when the
        first of them began to wait. Before, not all places were in use: that tells too little of how fast calls leave,
        and is believed only until FEW have left.
        """
        known = [self._ended.get(model, _NONE)] if model is not None else list(self._ended.values())
        recent = sum(_since(times, now - WINDOW_S) for times in known)
        if not recent:
            return None
        one_s, start = WINDOW_S / recent, max(since, now - WINDOW_S)
        left = sum(1 for times in known for ended in times if ended > start)
        return count * (min(one_s, (now - start) / left) if left >= FEW else one_s)

    def retry_after(self, count: int, model: ModelName | None, now: float, since: float) -> int:
        """Whole seconds after which `count` waiting calls will be gone, within sensible bounds."""
        seconds = self.seconds(count, model, now, since)
        if seconds is None:
            return RETRY_AFTER_UNKNOWN_S
        return max(1, min(RETRY_AFTER_LONGEST_S, math.ceil(seconds)))


def _since(times: deque[float], start: float) -> int:
    while times and times[0] <= start:
        times.popleft()
    return len(times)
