"""What a fleet file says: models and how they are used, classes of machines and what they claim. GB is 10^9 bytes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

SHIPPED = Path(__file__).parent
GB = 1e9
Above0 = Annotated[float, Meta(gt=0, le=1e9)]
From0 = Annotated[float, Meta(ge=0, le=1e9)]
Part = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1, le=10_000_000)]


class BadFleet(ValueError):
    """A fleet file that cannot be used, and why, for a person."""


class App(Struct, frozen=True, forbid_unknown_fields=True):
    """A way to use a model. Lengths are those that half of its calls exceed, in tokens."""

    name: str = "chat"
    share: From0 = 1.0
    """Of the model's calls, beside the other apps' shares."""
    prompt: Count = 400
    answer: Count = 200


class ModelSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """A model that some machines have on disk."""

    name: str
    size_gb: Above0
    share: From0 = 1.0
    """Of all calls, beside the other models' shares."""
    context: Count = 8_192
    """Tokens with which it is loaded for a call that needs no more."""
    max_context: Count = 131_072
    cache_kb_per_token: From0 = 32.0
    apps: tuple[App, ...] = (App(),)

    @property
    def size_bytes(self) -> int:
        """Of its weights."""
        return int(self.size_gb * GB)


class MachineSpec(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A class of machines: what each claims, and how likely it is that the truth is another one."""

    name: str
    count: Count = 1
    memory_gb: Above0
    gpus_gb: list[Above0] = []
    """VRAM of each discrete GPU; empty: models live in the host's memory."""
    unified: bool = False
    """Whether CPU and GPU share that memory."""
    bandwidth_gbps: Above0
    """GB/s, of the memory where models live: what its beats claim."""
    disk_gbps: Above0 = 1.0
    """GB/s at which models are read, before the spread."""
    slots: Count = 1
    """Calls at once for a model."""
    models: list[str] = []
    """On its disk; empty: all that fit."""
    loaded: list[str] = []
    """In memory at the beginning."""
    liars: Part = 0.0
    """Probability that a machine has a third of the bandwidth that it claims."""
    throttling: Part = 0.0
    """Probability that it becomes slower when it is busy for long."""
    deaths_per_hour: From0 = 0.0
    down_s: From0 = 120.0
    """How long a machine that died is away."""
    owner_per_hour: From0 = 0.0
    """How often its owner comes back to it."""
    owner_s: From0 = 600.0
    """How long the owner stays."""


class FleetSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """A fleet file."""

    about: str
    machine: list[MachineSpec]
    model: list[ModelSpec]
    spread: tuple[Above0, Above0] = (0.5, 1.6)
    """True speeds are what is claimed times a factor between these two."""
    keep_alive_s: From0 = 300.0
    """How long a model stays in memory that nobody uses."""
    beat_s: Above0 = 5.0
    """Between two beats of a machine."""

    def machines(self) -> Iterator[tuple[str, MachineSpec]]:
        """Each machine with its name."""
        for spec in self.machine:
            width = len(str(spec.count))
            for number in range(1, spec.count + 1):
                yield (spec.name if spec.count == 1 else f"{spec.name}-{number:0{width}}"), spec


def shipped() -> list[str]:
    """Names of the fleets that come with herd."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def read(name: str) -> FleetSpec:
    """A shipped fleet by its name, else a file. Raises BadFleet."""
    path = SHIPPED / f"{name}.toml" if name in shipped() else Path(name)
    try:
        return decode(path.read_bytes())
    except OSError as error:
        known = ", ".join(shipped())
        raise BadFleet(f"{name}: {error.strerror}; a file, or one of {known}") from error
    except BadFleet as error:
        raise BadFleet(f"{name}: {error}") from error


def decode(text: bytes) -> FleetSpec:
    """Raises BadFleet."""
    try:
        fleet = msgspec.toml.decode(text, type=FleetSpec)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadFleet(str(error)) from error
    _check(fleet)
    return fleet


def memory_bytes(spec: MachineSpec) -> int:
    """Where models may live: VRAM less what drivers take, three quarters of unified memory, host memory less 4 GB."""
    if spec.gpus_gb:
        return int((sum(spec.gpus_gb) - 0.5 * len(spec.gpus_gb)) * GB)
    return int((spec.memory_gb * 0.75 if spec.unified else spec.memory_gb - 4) * GB)


def on_disk(fleet: FleetSpec, spec: MachineSpec) -> list[ModelSpec]:
    """The models that such a machine has."""
    if spec.models:
        known = {model.name: model for model in fleet.model}
        return [known[name] for name in spec.models]
    return [model for model in fleet.model if model.size_bytes <= memory_bytes(spec)]


def _check(fleet: FleetSpec) -> None:
    if not (fleet.machine and fleet.model):
        raise BadFleet("a fleet has at least one machine and one model")
    known = {model.name: model for model in fleet.model}
    names = [name for name, _ in fleet.machines()]
    if len(known) < len(fleet.model) or len(set(names)) < len(names):
        raise BadFleet("two machines or two models have the same name")
    for spec in fleet.machine:
        for name in (*spec.models, *spec.loaded):
            if name not in known:
                raise BadFleet(f"machine {spec.name}: there is no model {name!r}")
            if known[name].size_bytes > memory_bytes(spec):
                raise BadFleet(f"machine {spec.name}: {name} does not fit into its memory")
    _check_mix(fleet)


def _check_mix(fleet: FleetSpec) -> None:
    had = {model.name for spec in fleet.machine for model in on_disk(fleet, spec)}
    for model in fleet.model:
        if model.share and model.name not in had:
            raise BadFleet(f"model {model.name}: no machine has it")
        if model.share < 0 or not model.apps or not all(app.share > 0 for app in model.apps):
            raise BadFleet(f"model {model.name}: shares are above 0, and it has an app")
    if not any(model.share for model in fleet.model):
        raise BadFleet("no model has a share of the calls")
    if not 0 < fleet.spread[0] <= fleet.spread[1]:
        raise BadFleet("spread is two factors, the smaller first")
