"""One call, where it was placed, and what the Desk decides about it. Values, nothing else."""

from typing import Literal, NamedTuple, Protocol

from msgspec import Struct

from coordinator.core.explanation import Explanation
from coordinator.core.protection import UNTOUCHED, Protection
from shared.errors import FleetError
from shared.names import CallId, ModelName, NodeId

Operation = Literal["chat", "generate", "embed"]
Priority = Literal["interactive", "batch", "background"]


class Origin(NamedTuple):
    """Where a call came from. Kept for its trace; decides nothing."""

    route: str = ""
    client_ip: str = ""
    tags: tuple[str, ...] = ()
    key: str = ""
    """The name of the caller's key; empty: it showed none of ours."""


class Call(Struct, frozen=True, kw_only=True, gc=False):
    """What placing needs to know of a call. The body stays with the dialect."""

    id: CallId
    model: ModelName
    asked_name: str
    """The model as the caller spelled it."""
    operation: Operation
    dialect: str
    stream: bool = True
    """Whether the caller is sent the answer piece by piece."""
    fallbacks: tuple[ModelName, ...] = ()
    """Other models that the caller allows, in order."""
    abilities: frozenset[str] = frozenset()
    """What the model must be able to do."""
    num_ctx: int | None = None
    """Context asked for, in tokens."""
    estimated_tokens: int = 0
    """Prompt length, from its characters."""
    prompt_chars: int = 0
    """Characters of its texts, at the least."""
    prompt_bytes: int = 0
    """Bytes of its body, as they came: of text, tools and whatever else becomes prompt."""
    may_cut: bool = False
    """Its caller lets the engine cut the prompt where it is too long."""
    least_tokens: int = 0
    """That the prompt cannot have fewer of; 0: unknown."""
    priority: Priority = "interactive"
    client: str = ""
    """Who asks, for a fair share: a key's name, else an address."""
    session: str = ""
    """The conversation it belongs to; empty: unknown."""
    continues: bool = False
    """Whether it goes on from earlier turns, or the caller named the conversation."""
    prefix: str = ""
    """Names the long beginning (system prompt, tools) that it shares with others; empty: none."""
    may_substitute: bool | None = None
    """Whether a loaded model of the same kind may answer in its place; None: as the fleet is set."""
    allows: frozenset[str] = frozenset()
    """Restrictions that it accepts of an engine, as engines tell them (`cost`, `batch`); `restricted`: any."""
    asks_thinking: bool = False
    """Whether it asks the model to think; no ability that it must have, but no substitute may lack it."""
    origin: Origin = Origin()

    @property
    def models(self) -> tuple[ModelName, ...]:
        """The models that may serve it, in order of preference."""
        return (self.model, *self.fallbacks)


class Tokens(Struct, frozen=True):
    """As the engine counted them; None where it did not say."""

    prompt: int | None = None
    completion: int | None = None


NOT_COUNTED = Tokens()


class Place(NamedTuple):
    """Where a call can run: a model on an engine of a node. Concurrency is counted here."""

    node_id: NodeId
    engine: str
    model: ModelName


class Target(Struct, frozen=True):
    """An engine, as it is reached."""

    node_id: NodeId
    engine: str
    gateway: str
    """Base URL of the node's gateway."""
    secret: str
    """What the gateway wants to be shown."""


class Placement(Struct, frozen=True, kw_only=True, gc=False):
    """A call has a place. `scores` holds the points of the seven signals, those beside them where there are any
    (`session_affinity`, `prefix_affinity`, `quality_bonus`), and the `total` of all.
    """

    place: Place
    target: Target
    engine_kind: str
    engine_model: str
    """The model as that engine spells it."""
    dialects: frozenset[str]
    context_length: int | None
    """Tokens the loaded replica offers the call; None: not loaded, or unknown."""
    scores: dict[str, float]
    retries: int
    """Attempts that failed before this one."""
    fallback: bool
    """Whether the model is not the one asked for."""
    protection: Protection = UNTOUCHED
    """What the engine is told of the context."""
    decision: "Considered | None" = None
    """What was weighed, for whoever asks why; worked out only then."""


class Considered(Protocol):
    """What a decision was made from."""

    def explanation(self) -> Explanation:
        """In full. Costs time: not for the path of a call."""
        ...


class Placed(Struct, frozen=True, gc=False):
    """The call may go to its place now."""

    call_id: CallId
    placement: Placement


class Held(Struct, frozen=True):
    """The call waits, at the longest until `until` (the Desk's clock)."""

    call_id: CallId
    until: float


class Refused(Struct, frozen=True):
    """The call ends without an answer from any node."""

    call_id: CallId
    error: FleetError


class Freed(Struct, frozen=True):
    """The attempt of a placed call was hopeless, and no other follows: it ends with this error."""

    call_id: CallId
    error: FleetError


class Moved(Struct, frozen=True):
    """The attempt of a placed call was hopeless: it is over, and another decision for the call follows."""

    call_id: CallId
    error: FleetError
    """Of the attempt that is over."""


Decision = Placed | Held | Refused | Freed | Moved
Decisions = list[Decision]
