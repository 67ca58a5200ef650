"""What each node holds and how much room it has, from its beats."""

from collections.abc import Iterable

from msgspec import Struct

from coordinator.advice.known_models import Category, canonical, category, known
from coordinator.health.machine_checks import model_memory
from coordinator.health.snapshot import NodeSeen
from shared.names import ModelName, normalise
from shared.wire import Model

GIB = 2**30
HOST_RESERVE = 6 * GIB
"""Of a host's memory, for its system and other programs."""
HOST_SHARE = 0.5
"""Of the usable memory, for one model: a machine is meant to hold more than one."""
VRAM_RESERVE_SHARE = 0.1
"""Of VRAM, for the driver and what else is on the screen."""
VRAM_SHARE = 0.8
MEMORY_FACTOR = 1.2
"""Memory of a loaded model over the size of its file: weights, and the cache of a modest context."""


class Held(Struct, frozen=True, kw_only=True):
    """A model that is on a node. Sizes in bytes, 0: unknown."""

    name: str
    """As its engine spells it."""
    key: ModelName
    engine: str
    size: int
    memory: int
    """Loaded: what it takes; else estimated."""
    loaded: bool
    parameter_size: str
    quantization: str
    category: Category
    pullable: bool
    """Whether another Ollama could pull it: it is well-known, or an Ollama has it. What `ollama create` made looks
    like the latter.
    """

    @property
    def canonical(self) -> ModelName:
        """The same for all names of a well-known model."""
        return canonical(self.name)

    @property
    def display_name(self) -> str:
        """For people."""
        entry = known(self.name)
        return entry.display_name if entry else self.name.removesuffix(":latest")


class Holdings(Struct, frozen=True, kw_only=True):
    """A node's room for models, in bytes."""

    node_id: str
    status: str
    total: int
    usable: int
    largest: int
    """That one model may take."""
    disk_free: int
    disk_total: int
    can_pull: bool
    models: tuple[Held, ...]


def holdings(node: NodeSeen) -> Holdings:
    """As the node's last beat tells."""
    beat = node.beat
    total, _, what = model_memory(node)
    on_card = what == "VRAM"
    usable = int(total * (1 - VRAM_RESERVE_SHARE)) if on_card else max(0, total - HOST_RESERVE)
    return Holdings(
        node_id=beat.node_id,
        status=node.standing.status,
        total=total,
        usable=usable,
        largest=int(usable * (VRAM_SHARE if on_card else HOST_SHARE)),
        disk_free=beat.disk.available_bytes,
        disk_total=beat.disk.total_bytes,
        can_pull=any(engine.kind == "ollama" and engine.up for engine in beat.engines),
        models=tuple(_models(node)),
    )


def _models(node: NodeSeen) -> Iterable[Held]:
    for engine in node.beat.engines:
        replicas: dict[ModelName, int] = {}
        for replica in engine.replicas:
            key = normalise(replica.model)
            replicas[key] = replicas.get(key, 0) + replica.size_bytes
        listed = {normalise(model.name): model for model in engine.models}
        for key in replicas.keys() - listed.keys():
            listed[key] = Model(name=key)
        for key, model in listed.items():
            yield Held(
                name=model.name,
                key=key,
                engine=engine.name,
                size=model.size_bytes,
                memory=replicas.get(key) or int(model.size_bytes * MEMORY_FACTOR),
                loaded=key in replicas,
                parameter_size=model.parameter_size,
                quantization=model.quantization,
                category=category(model.name, model.abilities),
                pullable=engine.kind == "ollama" or known(model.name) is not None,
            )
