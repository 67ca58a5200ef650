"""A loaded model of the same kind in place of a cold load, where caller or fleet allow it. Never across ability."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct

from coordinator.core.call import Call, Place
from coordinator.core.categories import NEVER, category_of
from shared.names import ModelName

QUALITY_WEIGHT = 0.3
"""Points for each of the 100 of `quality`."""
LARGEST_B = 128
"""Billions of parameters that count as 100."""
MUCH_MORE = 2.0
"""A model that is used more than so many times as much as its substitute is loaded rather than replaced."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([bm])\b", re.IGNORECASE)


class Use(NamedTuple):
    """Calls that a model answered in the last 24 hours and the last seven days."""

    day: int = 0
    week: int = 0

    @property
    def demand(self) -> float:
        """How much it is wanted, a day of late counting most."""
        return 3 * self.day + self.week / 7


UNUSED = Use()


class Offer(Struct, frozen=True, kw_only=True):
    """A healthy place with room, whose model is in memory."""

    place: Place
    abilities: frozenset[str]
    """Empty: unknown."""
    context_length: int | None
    """Tokens loaded; None: unknown."""
    parameter_size: str = ""
    """As the engine tells it: `8.0B`."""
    score: float
    """The policy's points for this call."""


class Substitute(NamedTuple):
    """What may answer, and the points its quality gave it."""

    place: Place
    quality_bonus: float


def allowed(call: Call, fleet_allows: bool) -> bool:
    """The caller's word, else the fleet's. An embedding is comparable with those of its own model only."""
    wished = fleet_allows if call.may_substitute is None else call.may_substitute
    return wished and call.operation != "embed" and category_of(call.model) not in NEVER


def same_kind(asked: ModelName, names: Iterable[ModelName]) -> list[ModelName]:
    """Other models of the kind of `asked`."""
    kind = category_of(asked)
    return sorted(name for name in names if name != asked and category_of(name) == kind)


def choose(call: Call, offers: Iterable[Offer], uses: Mapping[ModelName, Use]) -> Substitute | None:
    """The best by points and quality, of those that can do all that the call wants for certain; None: there is none,
    or the model asked for is used so much more that it should be loaded.
    """
    fit = [each for each in offers if _can(call, each) and not _outranked(call.model, each.place.model, uses)]
    if not fit:
        return None
    best = max(fit, key=lambda each: (each.score + _bonus(each), each.place))
    return Substitute(best.place, _bonus(best))


def quality(model: ModelName, parameter_size: str = "") -> float:
    """0 to 100, by the number of parameters alone: nobody's opinion, and all that is known of any model. 0: unknown."""
    found = _SIZE.search(parameter_size) or _SIZE.search(model.rpartition(":")[2])
    if found is None:
        return 0.0
    billions = float(found[1]) / (1 if found[2] in "bB" else 1_000)
    return min(100.0, 100 * math.log2(1 + billions) / math.log2(1 + LARGEST_B))


def _bonus(offer: Offer) -> float:
    return QUALITY_WEIGHT * quality(offer.place.model, offer.parameter_size)


def _can(call: Call, offer: Offer) -> bool:
    needed = call.abilities | ({"thinking"} if call.asks_thinking else set())
    if offer.place.model == call.model or not needed <= offer.abilities or not offer.abilities:
        return False
    return offer.context_length is not None and offer.context_length >= max(
        call.estimated_tokens, call.num_ctx or 0
    )


def _outranked(asked: ModelName, substitute: ModelName, uses: Mapping[ModelName, Use]) -> bool:
    return uses.get(asked, UNUSED).demand > MUCH_MORE * uses.get(substitute, UNUSED).demand
