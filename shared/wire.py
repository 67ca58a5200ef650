"""Every message between coordinator and agent, in JSON. Unknown fields are ignored: either side may be newer."""

from typing import Annotated

from msgspec import Meta, Struct

from shared.fields import (
    Celsius,
    Count,
    EngineName,
    Few,
    Host,
    Label,
    Name,
    NodeName,
    Percent,
    Price,
    Slots,
)
from shared.swaps import SWAPS_MOST, SwapOrder, SwapState

OPEN_AT_MOST = 16
"""Addresses of one engine."""
EVENT_LINE = 256
"""Characters."""
EVENT_LINES = 5
EVENTS_A_BEAT = 8
"""What more there is comes with the next beats."""
EventLine = Annotated[str, Meta(max_length=EVENT_LINE, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
"""It is shown on terminals."""

ABILITIES = frozenset({"chat", "completion", "embedding", "vision", "insert", "tools", "thinking"})
"""`chat` includes `completion`, the going on of a text without chat, unless its engine says that it does none."""
DIALECTS = frozenset({"ollama", "openai"})


class Model(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model that an engine can serve, loaded or not. Sizes in bytes, contexts in tokens."""

    name: Name
    """As the engine spells it."""
    digest: str = ""
    size_bytes: Count = 0
    """0: unknown."""
    quantization: str = ""
    parameter_size: str = ""
    family: str = ""
    format: str = ""
    modified_at: str = ""
    max_context: Count | None = None
    """The model's own limit; None: unknown."""
    default_context: Count | None = None
    """With which it is loaded for a call that asks for none, by its own parameters; None: as the engine does."""
    kv_bytes_per_token: Count = 0
    """Cache that one token of context takes; 0: unknown."""
    abilities: frozenset[str] = frozenset()
    """Some of `ABILITIES`; empty: unknown, nothing is refused for it."""


class Replica(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One loaded instance of a model."""

    model: Name
    size_bytes: Count = 0
    """Memory it takes, weights and cache."""
    vram_bytes: Count | None = None
    """The part of it in VRAM; None: the engine does not tell."""
    context_length: Count | None = None
    """Tokens each call may use; None: the engine does not tell."""
    slots_total: Slots = 1
    slots_busy: Count = 0
    expires_at: str = ""


class Engine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An inference server on the node. The gateway reaches it by `name`."""

    name: EngineName
    kind: str
    """`ollama`, `llama.cpp`, `vllm`, `transformers`, `krasis`, `serverlessllm`, `glinthawk`, or `openai`: a server
    elsewhere. Others may follow.
    """
    version: str = ""
    up: bool = True
    reason: str = ""
    """Why it is not up."""
    dialects: frozenset[str] = frozenset()
    slots_per_model: Slots = 1
    """Calls at once for a model that is not loaded yet."""
    slots_known: bool = True
    """Whether slots are the engine's own word; else they are the least that is safe, and more may be learned."""
    default_context: Count | None = None
    """Tokens with which it loads a model when a call asks for none; None: unknown."""
    completes: bool = True
    """Whether a model that chats there goes on with bare texts, too (`/v1/completions`)."""
    restricted: Label = ""
    """Why it gets only calls that allow it: `cost`, `batch`; empty: it gets any."""
    price_in: Price = 0.0
    """Of a million tokens of prompt, in the currency of whoever runs the fleet."""
    price_out: Price = 0.0
    """Of a million tokens of answer."""
    open_at: Annotated[list[Annotated[Host, Meta(min_length=1)]], Meta(max_length=OPEN_AT_MOST)] = []
    """Addresses of that machine, other than loopback, at which it answers too: whoever reaches these reaches it."""
    models: list[Model] = []
    replicas: list[Replica] = []


class Cpu(Struct, frozen=True, kw_only=True):
    """`utilization_pct` over the time since the last beat."""

    cores_physical: Count = 0
    utilization_pct: Percent = 0.0


class Memory(Struct, frozen=True, kw_only=True):
    """Host memory in bytes."""

    total_bytes: Count = 0
    available_bytes: Count = 0
    pressure: str = "normal"
    """normal, warn or critical."""
    swap_total_bytes: Count = 0
    swap_used_bytes: Count = 0


class Pcie(Struct, frozen=True, kw_only=True):
    """A card's connection to the host, as it is now: an idle card lowers its generation."""

    generation: Few
    width: Few
    """Lanes."""


class GpuLink(Struct, frozen=True, kw_only=True):
    """Direct links of a card to one peer."""

    kind: Label
    """`nvlink`."""
    peer: Label = ""
    """Its place on the bus: another card's `bus`, or a switch; empty: the driver does not tell."""
    count: Few = 1
    """Active links to it."""


class Gpu(Struct, frozen=True, kw_only=True):
    """One GPU; VRAM in bytes. None: the driver does not tell."""

    index: Annotated[int, Meta(ge=0, le=65_535)] = 0
    """Among the GPUs of its maker, as the driver counts."""
    uuid: Label = ""
    """Stays with the card: its own number, else its place on the bus."""
    bus: Label = ""
    """Its place on the PCI bus, in small letters."""
    name: str = ""
    vram_total_bytes: Count = 0
    """0: it has none of its own, it works in the host's memory; or unknown."""
    vram_used_bytes: Count | None = None
    vram_free_bytes: Count = 0
    utilization_pct: Percent | None = None
    temperature_c: Celsius | None = None
    power_watts: Annotated[float, Meta(ge=0, le=100_000)] | None = None
    processes: Count | None = None
    """That compute on it."""
    pcie: Pcie | None = None
    links: Annotated[list[GpuLink], Meta(max_length=256)] | None = None
    """To other cards, without the host between; empty: none is active."""


class Disk(Struct, frozen=True, kw_only=True):
    """The disk that holds the agent's data, in bytes."""

    total_bytes: Count = 0
    available_bytes: Count = 0


class Thermal(Struct, frozen=True, kw_only=True):
    """The warmest part of the processor; None: no sensor tells."""

    temperature_c: Celsius | None = None
    source: Label = ""
    """Which sensor."""


class Power(Struct, frozen=True, kw_only=True):
    """What feeds the machine; None: unknown, or it has no battery."""

    on_battery: bool | None = None
    battery_pct: Percent | None = None


class Hardware(Struct, frozen=True, kw_only=True):
    """What does not change while the agent runs."""

    arch: str = ""
    chip: str = ""
    memory_bandwidth_gbps: Annotated[float, Meta(ge=0, le=1e6)] = 0.0
    """GB/s, of the memory in which a model would live; 0: unknown."""
    memory_bandwidth_source: Label = ""
    """table (the maker's figure for the chip or GPU), measured (by copying, which finds less), or empty: unknown."""
    unified_memory: bool = False


class Capacity(Struct, frozen=True, kw_only=True):
    """What the machine's owner leaves to the fleet, as the agent has learned it."""

    mode: Label = "full"
    """full, learned_high, learned_medium, learned_low, paused or bootstrap."""
    ceiling_bytes: Count | None = None
    """Memory that models may take here together; None: no bound beside what there is."""
    availability: Annotated[float, Meta(ge=0, le=1)] = 1.0
    trend: Annotated[float, Meta(ge=-1, le=1)] = 0.0
    """-1: the owner is coming back; 1: leaving."""
    reason: Label = ""
    override: bool = False
    """Whether somebody set it by hand."""
    until: Annotated[float, Meta(ge=0, le=1e12)] | None = None
    """When that ends, in seconds since the epoch; None: it does not end by itself."""
    confidence: Annotated[float, Meta(ge=0, le=1)] = 0.0
    days_observed: Annotated[float, Meta(ge=0, le=1e6)] = 0.0


class EngineEvent(Struct, frozen=True, kw_only=True):
    """What happened to an engine that the agent runs: an exit, an adoption, a model file that was refused."""

    number: Count
    """Counts up within an epoch, over all engines of the node, from 1."""
    at: Annotated[float, Meta(ge=0, le=1e12)]
    """Seconds since the epoch, by the node's clock."""
    engine: EngineName
    kind: EventLine
    """`out of memory`, `crashed`, `wedged`, `adopted`, ...: others may follow."""
    rung: EventLine
    """Of the ladder, on which the engine was: `as it was`, `fewer slots`, ..."""
    then: EventLine
    """What followed: `again in 2 s`, `CPU instead of as it was`."""
    code: Annotated[int, Meta(ge=-(2**31), le=2**32)] | None = None
    """Exit status, or minus the signal; None: not known."""
    lines: Annotated[list[EventLine], Meta(max_length=EVENT_LINES)] = []
    """The engine's own words, never a caller's."""


class Heartbeat(Struct, frozen=True, kw_only=True):
    """Agent to coordinator, every few seconds. Times in seconds since the epoch."""

    node_id: NodeName
    epoch: Count
    """When this agent process started, in ms: a later start outranks an earlier one."""
    seq: Count
    """Counts up within an epoch."""
    gateway_port: Annotated[int, Meta(ge=1, le=65_535)]
    gateway_secret: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{16,256}\Z")]
    """What the coordinator shows when it calls this node's gateway."""
    gateway_host: Host = ""
    """Where the gateway can be reached; empty: where the beat came from."""
    agent_version: str = ""
    draining: bool = False
    leaving: bool = False
    """The last beat of this process: the node is gone."""
    hardware: Hardware = Hardware()
    cpu: Cpu = Cpu()
    memory: Memory = Memory()
    disk: Disk = Disk()
    thermal: Thermal = Thermal()
    power: Power = Power()
    gpus: list[Gpu] = []
    engines: list[Engine] = []
    capacity: Capacity | None = None
    """None: nothing is learned here."""
    events_after: Count = 0
    """`events` are those that follow the one of this number."""
    events: Annotated[list[EngineEvent], Meta(max_length=EVENTS_A_BEAT)] = []
    """Which the coordinator does not know yet, oldest first."""
    swaps: Annotated[list[SwapState], Meta(max_length=SWAPS_MOST)] = []


class HeartbeatReply(Struct, frozen=True, kw_only=True):
    """Coordinator to agent. `node_status` as in /fleet/status."""

    status: str
    node_status: str
    state: str = ""
    reason: str = ""
    """Why the node is not online, where it is not."""
    coordinator_id: str = ""
    """Whose reply this is: an address may have gone to another coordinator meanwhile."""
    events_taken: Count = 0
    """The number of the last event of this epoch that is known: the next beat goes on after it."""
    swaps: Annotated[list[SwapOrder], Meta(max_length=SWAPS_MOST)] = []


GATEWAY_FAULT_HEADER = "X-Fleet-Gateway-Fault"
"""On an answer that the gateway gave itself: `draining`, `unreachable` (the engine), `broken` (it had the call), `busy`
(it may have no more calls now) or `refused`."""


def engine_path(engine: str, path: str) -> str:
    """Where the gateway offers `path` (from its slash) of one of its engines."""
    return f"/engines/{engine}{path}"
