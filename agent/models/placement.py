"""On which of a node's GPUs a model goes, and how much of it. Pure.

1. A card that is quarantined, or has no memory of its own, takes nothing; a card's room is what is free under the cap.
2. One card, if it fits: the one on which the least room is left.
3. Several cards of one maker, as few as do: split in proportion of their rooms.
4. As many layers as fit, the rest in the host's memory, if the engine can and the host has it.
5. A refusal with the nearest miss.

Beside that: in part only (`place_part`), and in equal parts of every layer (`place_evenly`).
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from msgspec import Struct

from agent.models.estimate import MARGIN_BYTES, Need, layers_that_fit, shared_out
from shared.wire import Gpu

CAP = 0.8
"""Of each card's memory, for all that is on it; and of the host's free memory."""
GIB = 2**30
OWN_NAMES = ("GPU-", "MIG-")
"""How NVIDIA's identifiers begin; AMD's are bare numbers, or places on the bus."""
NOBODY = "-1"
"""For CUDA_VISIBLE_DEVICES and its kin: no GPU."""

Maker = Literal["nvidia", "amd"]


class Card(Struct, frozen=True):
    """A GPU with memory of its own, in bytes."""

    index: int
    uuid: str
    total_bytes: int
    free_bytes: int
    maker: Maker = "nvidia"
    quarantined: bool = False


class Ways(Struct, frozen=True):
    """What an engine can do with a model that is too large for one card."""

    several: bool = True
    """Cards, each with its own share of the layers."""
    host: bool = True
    """Part of it in the host's memory."""


class Placement(Struct, frozen=True):
    """Where a model goes."""

    cards: tuple[Card, ...]
    """None: all of it in the host's memory."""
    gpu_layers: int
    """On GPUs, the output counted as one: layers + 1 is all (llama.cpp's n_gpu_layers)."""
    gpu_bytes: tuple[int, ...]
    """On each card."""
    host_bytes: int
    whole: bool
    """All that can be on GPUs is."""
    split: tuple[int, ...] = ()
    """In what proportions several cards share it (llama.cpp's tensor_split)."""

    def environment(self) -> dict[str, str]:
        """So that the engine sees these cards only, in this order."""
        if not self.cards:
            return {"CUDA_VISIBLE_DEVICES": NOBODY, "HIP_VISIBLE_DEVICES": NOBODY}
        if self.cards[0].maker == "amd":
            return {"HIP_VISIBLE_DEVICES": ",".join(str(card.index) for card in self.cards)}
        named = all(card.uuid.startswith(OWN_NAMES) for card in self.cards)
        told = ",".join(card.uuid if named else str(card.index) for card in self.cards)
        # CUDA counts the fastest first unless told otherwise; the driver, whose index this is, by the bus.
        return {"CUDA_VISIBLE_DEVICES": told, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


class Refusal(Struct, frozen=True):
    """Nowhere; `reason` names the nearest miss."""

    reason: str
    needed_bytes: int


def cards_of(gpus: Iterable[Gpu], quarantined: Collection[str] = ()) -> tuple[Card, ...]:
    """Of a reading. `quarantined`: identifiers of cards. Those that work in the host's memory are left out."""
    return tuple(
        Card(
            gpu.index,
            gpu.uuid,
            gpu.vram_total_bytes,
            gpu.vram_free_bytes,
            "nvidia" if gpu.uuid.startswith(OWN_NAMES) or "NVIDIA" in gpu.name else "amd",
            gpu.uuid in quarantined,
        )
        for gpu in gpus
        if gpu.vram_total_bytes
    )


def room(card: Card, cap: float) -> int:
    """Bytes that a model may take there: what is free, less what the cap keeps free. 0 where it is quarantined."""
    return 0 if card.quarantined else max(0, int(card.free_bytes - (1 - cap) * card.total_bytes))


def place(
    wanted: Need, cards: Sequence[Card], host_free_bytes: int, ways: Ways, cap: float = CAP
) -> Placement | Refusal:
    """By the rules above. `cap` is a share of each card's memory."""
    host_room = int(host_free_bytes * cap)
    usable = [card for card in cards if room(card, cap)]
    found = _on_one(wanted, usable, cap)
    if found is None and ways.several:
        found = _on_several(wanted, usable, cap)
    if found is None and (ways.host or not cards):
        found = _beside_host(wanted, usable, cap, ways)
    if found is None or found.host_bytes > host_room:
        return _refused(wanted, cards, cap, host_room, found)
    return found


def place_part(
    wanted: Need, cards: Sequence[Card], host_free_bytes: int, ways: Ways, cap: float = CAP
) -> Placement | Refusal:
    """Fewer layers on GPUs than would go: what was placed whole has run out of memory there.

    As many as fit into (cap of each card minus 2 GiB); a half where that is all of them. The rest is the host's.
    """
    usable = [card for card in cards if room(card, cap)]
    found = _beside_host(wanted, usable, cap, ways)
    every = len(wanted.layer_bytes)
    if found.gpu_layers >= every > 0:
        found = _beside_host(wanted, usable, cap, ways, every // 2)
    host_room = int(host_free_bytes * cap)
    return _refused(wanted, cards, cap, host_room, found) if found.host_bytes > host_room else found


def place_evenly(
    wanted: Need, cards: Sequence[Card], host_free_bytes: int, heads: int, cap: float = CAP
) -> Placement | Refusal:
    """On one card, else on as few of one maker as do where each has an equal part of every layer (tensor parallelism).

    Their number divides the heads that are computed apart.
    """
    usable = [card for card in cards if room(card, cap)]
    found = _on_one(wanted, usable, cap)
    units = sum(wanted.layer_bytes) + wanted.output_bytes
    for count in range(2, len(usable) + 1 if found is None and heads else 0):
        each = -(-units // count) + wanted.overhead_bytes
        for group in _groups(usable, cap):
            chosen = group[:count]
            if heads % count == 0 and len(chosen) == count and room(chosen[-1], cap) >= each:
                layers = len(wanted.layer_bytes) + 1
                found = found or Placement(
                    tuple(chosen), layers, (each,) * count, wanted.input_bytes, whole=True
                )
    host_room = int(host_free_bytes * cap)
    if found is None or found.host_bytes > host_room:
        return _refused(wanted, cards, cap, host_room, found)
    return found


def _on_one(wanted: Need, usable: Sequence[Card], cap: float) -> Placement | None:
    enough = [card for card in usable if room(card, cap) >= wanted.on_one_gpu]
    if not enough:
        return None
    card = min(enough, key=lambda each: (room(each, cap), each.maker, each.index))
    return Placement(
        (card,), len(wanted.layer_bytes) + 1, (wanted.on_one_gpu,), wanted.input_bytes, whole=True
    )


def _on_several(wanted: Need, usable: Sequence[Card], cap: float) -> Placement | None:
    """The fewest, largest rooms first; cards of different makers never work together."""
    units = (*wanted.layer_bytes, wanted.output_bytes)
    for count in range(2, len(usable) + 1):
        for group in _groups(usable, cap):
            cards = group[:count]
            shares = [max(0, room(card, cap) - wanted.overhead_bytes) for card in cards]
            taken = shared_out(units, shares)
            if len(cards) == count and all(a <= b for a, b in zip(taken, shares, strict=True)):
                return _split(wanted, cards, shares, len(units))
    return None


def _beside_host(
    wanted: Need, usable: Sequence[Card], cap: float, ways: Ways, limit: int | None = None
) -> Placement:
    """With the maker's cards that take the most layers, `limit` at most; on none, where not even one layer fits."""
    best: tuple[int, tuple[Card, ...]] = (0, ())
    for group in _groups(usable, cap):
        roomy = [card for card in group if room(card, cap) > max(MARGIN_BYTES, wanted.overhead_bytes)]
        most = len(roomy) if ways.several else min(1, len(roomy))
        for cards in (tuple(roomy[:count]) for count in range(1, most + 1)):
            layers = layers_that_fit([room(card, cap) for card in cards], wanted, limit)
            best = max(best, (layers, cards), key=lambda each: each[0])
    layers, cards = best
    if not layers:
        return Placement((), 0, (), wanted.in_host, whole=False)
    shares = [room(card, cap) - max(MARGIN_BYTES, wanted.overhead_bytes) for card in cards]
    return _split(wanted, cards, shares, layers)


def _split(wanted: Need, cards: Sequence[Card], shares: Sequence[int], layers: int) -> Placement:
    """`layers` counts the output where it is more than all layers."""
    every = len(wanted.layer_bytes)
    on_gpus = (*wanted.layer_bytes[max(0, every - layers) :], wanted.output_bytes)
    left = sum(wanted.layer_bytes[: max(0, every - layers)])
    taken = shared_out(on_gpus, shares)
    whole = layers > every
    return Placement(
        tuple(cards),
        layers,
        tuple(each + wanted.overhead_bytes for each in taken),
        wanted.input_bytes + left + (0 if whole else wanted.output_bytes),
        whole,
        tuple(shares) if len(cards) > 1 else (),
    )


def _groups(usable: Sequence[Card], cap: float) -> list[list[Card]]:
    """By maker, each by room."""
    ordered = sorted(usable, key=lambda card: (-room(card, cap), card.index))
    makers = dict.fromkeys(card.maker for card in ordered)
    return [[card for card in ordered if card.maker == maker] for maker in makers]


def _refused(
    wanted: Need, cards: Sequence[Card], cap: float, host_room: int, found: Placement | None
) -> Refusal:
    parts = []
    if cards:
        best = max(cards, key=lambda card: (room(card, cap), -card.index))
        parts.append(
            f"needs {size_text(wanted.on_one_gpu)}, best free {size_text(room(best, cap))} on GPU {best.index}"
        )
    if found is not None:
        parts.append(f"needs {size_text(found.host_bytes)} of the host's memory, free {size_text(host_room)}")
    parts += [f"GPU {card.index} is quarantined" for card in cards if card.quarantined]
    return Refusal("; ".join(parts), wanted.on_one_gpu)


def size_text(size: int) -> str:
    """For people: 18.2 GiB, 350 MiB."""
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size >> 20} MiB"
