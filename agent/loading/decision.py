"""Where a model goes on this node as it is: on which rung, on which cards, and who must go for it. Pure.

1. With GPUs, on the rungs above FEWER_GPU_LAYERS: whole, on one card or several.
2. Where it does not go whole, and a humbler form of it would: that one.
3. Where none would go whole: as many layers as fit, the rest in the host's memory, if the engine can.
4. On FEWER_GPU_LAYERS in part, on CPU or without GPUs in the host's memory.
5. Else the nearest humbler rung on which it has a place; else a refusal with the figures.
"""

from collections.abc import Sequence

from msgspec import Struct

from agent.loading.spec import LoadSpec, of_gpu
from agent.models.estimate import Need, need
from agent.models.placement import Card, Placement, Refusal, Ways, place, place_evenly, place_part
from agent.models.shape import Shape, Weights
from agent.models.unloading import Loaded, Placing, Plan, plan_with
from agent.supervision.launch import LADDER, Rung


class Model(Struct, frozen=True):
    """As its files tell, with what was learned of estimates."""

    shape: Shape
    weights: Weights
    on_gpu: float = 1.0
    """What an estimate is to be multiplied with."""
    in_host: float = 1.0

    def factor(self, *, gpu: bool) -> float:
        """Where it is."""
        return self.on_gpu if gpu else self.in_host


class Room(Struct, frozen=True):
    """What there is, less what is claimed."""

    cards: tuple[Card, ...]
    """Those that the engine may see."""
    host_free_bytes: int
    cap: float
    """A share of each card's memory, and of the host's free memory."""


class NoRoom(Struct, frozen=True):
    """On this rung it has no place."""

    reason: str
    rung: Rung | None = None
    """The nearest humbler one on which it has; None: on none."""


def decided(
    spec: LoadSpec, model: Model, rung: Rung, room: Room, loaded: Sequence[Loaded], now: float
) -> Plan | NoRoom:
    """By the rules above. `loaded`: what may be put out for it; `now`: by the clock of their `last_used`."""
    found = _on(spec, model, rung, room, loaded, now)
    if isinstance(found, Plan):
        return found
    below = [each for each in LADDER[LADDER.index(rung) + 1 :] if each in spec.rungs]
    fits = (each for each in below if isinstance(_on(spec, model, each, room, loaded, now), Plan))
    return NoRoom(found.reason, next(fits, None))


def needed(spec: LoadSpec, model: Model, rung: Rung, *, gpu: bool) -> Need:
    """Bytes, corrected."""
    return need(model.shape, model.weights, spec.load(rung, model.shape)).corrected(model.factor(gpu=gpu))


def total_bytes(spec: LoadSpec, model: Model, rung: Rung, *, gpu: bool) -> int:
    """All of it together, wherever it is."""
    wanted = needed(spec, model, rung, gpu=gpu)
    return wanted.on_one_gpu + wanted.input_bytes if gpu else wanted.in_host


def _on(
    spec: LoadSpec, model: Model, rung: Rung, room: Room, loaded: Sequence[Loaded], now: float
) -> Plan | Refusal:
    """On that rung alone."""
    if not room.cards or not of_gpu(rung, spec):
        return _planned(_in_host(spec, model, rung, room), room, loaded, now)
    if rung is Rung.FEWER_GPU_LAYERS:
        return _planned(_in_part(spec, model, rung, room), room, loaded, now)
    found = _planned(_whole(spec, model, rung, room), room, loaded, now)
    if isinstance(found, Plan) or spec.spread != "layers":
        return found
    for humbler in LADDER[LADDER.index(rung) + 1 : LADDER.index(Rung.FEWER_GPU_LAYERS)]:
        other = _planned(_whole(spec, model, humbler, room), room, loaded, now)
        if humbler in spec.rungs and isinstance(other, Plan):
            return found
    return _planned(_beside_host(spec, model, rung, room), room, loaded, now)


def _planned(placing: Placing, room: Room, loaded: Sequence[Loaded], now: float) -> Plan | Refusal:
    return plan_with(placing, room.cards, room.host_free_bytes, loaded, now)


def _whole(spec: LoadSpec, model: Model, rung: Rung, room: Room) -> Placing:
    wanted = needed(spec, model, rung, gpu=True)
    if spec.spread == "tensors":
        heads = _apart(model.shape)
        return lambda cards, host: place_evenly(wanted, cards, host, heads, room.cap)
    ways = Ways(several=spec.spread == "layers", host=False)
    return lambda cards, host: place(wanted, cards, host, ways, room.cap)


def _beside_host(spec: LoadSpec, model: Model, rung: Rung, room: Room) -> Placing:
    wanted = needed(spec, model, rung, gpu=True)
    return lambda cards, host: place(wanted, cards, host, Ways(), room.cap)


def _in_part(spec: LoadSpec, model: Model, rung: Rung, room: Room) -> Placing:
    wanted = needed(spec, model, rung, gpu=True)
    ways = Ways(several=spec.spread == "layers")
    return lambda cards, host: place_part(wanted, cards, host, ways, room.cap)


def _in_host(spec: LoadSpec, model: Model, rung: Rung, room: Room) -> Placing:
    wanted = needed(spec, model, rung, gpu=False)

    def placing(_cards: Sequence[Card], host: int) -> Placement | Refusal:
        return place(wanted, (), host, Ways(), room.cap)

    return placing


def _apart(shape: Shape) -> int:
    """Heads whose keys are kept: as many of them as there are cards at most work apart."""
    return min((each for each in shape.kv_heads if each), default=shape.heads)
