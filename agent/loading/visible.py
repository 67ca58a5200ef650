"""Which cards the owner lets an engine see: CUDA_VISIBLE_DEVICES and HIP_VISIBLE_DEVICES, as drivers read them. Pure.

Source: CUDA's programming guide: numbers or the beginnings of identifiers; what follows a word that names none is not
seen; an empty list sees none.
"""

from collections.abc import Mapping, Sequence

from agent.models.placement import Card, Maker

NAMES: dict[Maker, tuple[str, ...]] = {
    "nvidia": ("CUDA_VISIBLE_DEVICES",),
    "amd": ("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"),
}


def visible(cards: Sequence[Card], environment: Mapping[str, str]) -> tuple[Card, ...]:
    """Those that are left, in the order of the list where there is one."""
    found: list[Card] = []
    for maker, names in NAMES.items():
        seen = [card for card in cards if card.maker == maker]
        for name in names:
            if name in environment:
                seen = _listed(seen, environment[name])
        found += seen
    return tuple(found)


def bounded_by_owner(environment: Mapping[str, str]) -> bool:
    """Whether the owner said something of it."""
    return any(name in environment for names in NAMES.values() for name in names)


def _listed(cards: Sequence[Card], told: str) -> list[Card]:
    found: list[Card] = []
    for word in (part.strip() for part in told.split(",")):
        card = next((each for each in cards if _named(each, word)), None)
        if card is None or card in found:
            break
        found.append(card)
    return found


def _named(card: Card, word: str) -> bool:
    return str(card.index) == word if word.isdecimal() else len(word) > 4 and card.uuid.startswith(word)
