"""How many characters of a prompt make a token, by model, from the engines' own counts."""

from collections import OrderedDict

from shared.names import ModelName

ENOUGH = 20
"""Counts of a model, before they are believed."""
GENERATION = 200
"""Counts after which the oldest are forgotten."""
MOST_MODELS = 1_000
MARGIN = 1.25
SHORTEST_CHARS = 200
"""Of a prompt that teaches anything: in a shorter one, the template weighs too much."""

_NOTHING = (0, 0.0, 0.0)


class Densities:
    """Bounded: two generations of counts a model, the largest of each is kept."""

    def __init__(self, at_most: float) -> None:
        """`at_most`: characters a token, where nothing better is known."""
        self._at_most = at_most
        self._known: OrderedDict[ModelName, tuple[int, float, float]] = OrderedDict()
        """Counts in this generation, its largest, that of the one before (0: there was none)."""

    def add(self, model: ModelName, chars: int, tokens: int | None) -> None:
        """One prompt, as an engine counted it."""
        if not tokens or chars < SHORTEST_CHARS:
            return
        count, largest, before = self._known.get(model, _NOTHING)
        if count >= GENERATION:
            count, largest, before = 0, 0.0, largest
        density = chars / tokens
        self._known[model] = (count + 1, density if density > largest else largest, before)
        self._known.move_to_end(model)
        if len(self._known) > MOST_MODELS:
            self._known.popitem(last=False)

    def most(self, model: ModelName) -> float:
        """Characters a token that no prompt for the model is likely to pass."""
        count, largest, before = self._known.get(model, _NOTHING)
        if count < ENOUGH and not before:
            return self._at_most
        return min(self._at_most, max(largest, before) * MARGIN)
