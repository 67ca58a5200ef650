"""How often each model answered, by the hour, for a week."""

from collections import Counter

from coordinator.core.substitution import Use
from shared.names import ModelName

HOUR_S = 3_600.0
DAY_HOURS = 24
WEEK_HOURS = 7 * 24
MODELS_KEPT = 4_096
"""Models of which anything is remembered, those that answered last."""


class Usage:
    """Calls that ended well, under the model that served: one that is always replaced is not used.

    At most 168 numbers a model, of at most MODELS_KEPT models.
    """

    def __init__(self) -> None:
        self._hours: dict[ModelName, Counter[int]] = {}

    def add(self, model: ModelName, now: float, calls: int = 1) -> None:
        """`now` may lie before this start: what is remembered is older."""
        hour = int(now // HOUR_S)
        counted = self._hours.pop(model, None) or Counter()
        counted[hour] = counted.get(hour, 0) + calls
        if len(counted) > WEEK_HOURS:
            newest = max(counted)
            for old in [each for each in counted if each <= newest - WEEK_HOURS]:
                del counted[old]
        self._hours[model] = counted  # to the end: the dict is in order of use
        if len(self._hours) > MODELS_KEPT:
            del self._hours[next(iter(self._hours))]

    def uses(self, models: set[ModelName], now: float) -> dict[ModelName, Use]:
        """Of these; those that answered nothing within a week are left out."""
        found = {model: self._use(model, int(now // HOUR_S)) for model in models if model in self._hours}
        return {model: use for model, use in found.items() if use.week}

    def _use(self, model: ModelName, hour: int) -> Use:
        counted = self._hours[model].items()
        return Use(
            day=sum(calls for at, calls in counted if at > hour - DAY_HOURS),
            week=sum(calls for at, calls in counted if at > hour - WEEK_HOURS),
        )
