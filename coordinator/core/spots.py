"""What a beat says of the models of its node: each on each engine, with the replicas that are in memory."""

from collections import defaultdict

from msgspec import Struct

from shared.names import ModelName, normalise
from shared.wire import ABILITIES, Engine, Heartbeat, Model, Replica

ELSEWHERE = ("-cloud", ":cloud")
"""Ends of the names of models that an Ollama only passes on."""


Replicas = tuple[tuple[tuple[str, ModelName], Replica], ...]
"""What a node has in memory, with engine and model."""


class Spot(Struct, frozen=True):
    """A model on one engine of a node, loaded (with its replicas) or not."""

    engine: Engine
    model: Model
    replicas: tuple[Replica, ...]

    @property
    def abilities(self) -> frozenset[str]:
        """That may be asked for, of `shared.wire.ABILITIES`; empty: any. What chats completes, if its engine does."""
        told = self.model.abilities
        if not self.engine.completes:
            return told or ABILITIES - {"completion"}
        return told | {"completion"} if "chat" in told else told

    @property
    def slots(self) -> int:
        """Calls at once, by the engine's own word."""
        return sum(replica.slots_total for replica in self.replicas) or self.engine.slots_per_model

    @property
    def context_length(self) -> int | None:
        """Tokens a call may use on any of the replicas; None: not loaded, or not told."""
        lengths = [replica.context_length for replica in self.replicas if replica.context_length]
        return min(lengths) if lengths else None

    @property
    def default_context(self) -> int | None:
        """Tokens with which it is loaded for a call that asks for none; None: unknown."""
        return self.model.default_context or self.engine.default_context

    @property
    def fixed_context(self) -> bool:
        """Whether no call is to change it: it is set when the engine starts, or the model runs at Ollama's own site."""
        return self.engine.kind != "ollama" or self.model.name.endswith(ELSEWHERE)


def spots_of(heartbeat: Heartbeat) -> dict[ModelName, tuple[Spot, ...]]:
    """By model."""
    found: defaultdict[ModelName, list[Spot]] = defaultdict(list)
    for engine in heartbeat.engines:
        replicas: defaultdict[ModelName, list[Replica]] = defaultdict(list)
        for replica in engine.replicas:
            replicas[normalise(replica.model)].append(replica)
        models = {normalise(model.name): model for model in engine.models}
        for name in replicas.keys() - models.keys():
            models[name] = Model(name=replicas[name][0].model)
        for name, model in models.items():
            found[name].append(Spot(engine, model, tuple(replicas[name])))
    return {name: tuple(spots) for name, spots in found.items()}


def replicas_of(spots: dict[ModelName, tuple[Spot, ...]]) -> Replicas:
    """All of them: few, where a node has many models on its disk."""
    return tuple(
        ((spot.engine.name, model), replica)
        for model, of_model in spots.items()
        for spot in of_model
        for replica in spot.replicas
    )
