"""What the checks look at: the fleet at one moment and its calls of the last day, as values."""

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from coordinator.core.node import Standing
from shared.wire import Heartbeat

DAY_S = 86_400.0
HOUR_S = 3_600.0


class Loads(Struct, frozen=True):
    """How often a model came into a node's memory, as far as beats showed it: in 24 hours, and in the last one."""

    model: str
    count: int
    recent: int


class NodeSeen(Struct, frozen=True, kw_only=True):
    """A node, by its last beat."""

    beat: Heartbeat
    standing: Standing
    address: str
    """Base URL of its gateway."""
    cordoned: bool = False
    drained: bool = False
    """Cordoned, with a deadline for what still runs."""
    loads: tuple[Loads, ...] = ()
    """The most frequent first."""


def loads_of(events: Iterable[tuple[float, str]], now: float) -> tuple[Loads, ...]:
    """From the times at which models were loaded; the same clock as `now`."""
    day = [(at, model) for at, model in events if now - at < DAY_S]
    recent = Counter(model for at, model in day if now - at < HOUR_S)
    return tuple(
        Loads(model, count, recent[model])
        for model, count in Counter(model for _, model in day).most_common()
    )


class StatusCount(Struct, frozen=True):
    """Rows of request_traces of one node and status: of the whole window, and of its last hour."""

    node_id: str
    """Empty: no node was asked."""
    status: str
    """As in the table, and `refused`: the call itself was at fault, as an engine or the coordinator found."""
    count: int
    recent: int


class ErrorCount(Struct, frozen=True):
    """How often calls ended, or attempts failed, with these words."""

    node_id: str
    text: str
    count: int


class Overflow(Struct, frozen=True):
    """Completed calls, without embeddings, whose prompt was estimated to be longer than the context that was loaded."""

    node_id: str
    model: str
    count: int
    recent: int


class CallFigures(Struct, frozen=True, kw_only=True):
    """The last 24 hours of request_traces."""

    counts: tuple[StatusCount, ...] = ()
    avg_ttft_ms: float | None = None
    errors: tuple[ErrorCount, ...] = ()
    """The most frequent ones."""
    overflows: tuple[Overflow, ...] = ()

    def total(self, *statuses: str) -> int:
        """Rows with one of these statuses."""
        return sum(each.count for each in self.counts if each.status in statuses)

    def recent(self, *statuses: str) -> int:
        """Of those, the last hour's."""
        return sum(each.recent for each in self.counts if each.status in statuses)

    @property
    def ended(self) -> int:
        """Calls, whatever came of them; a retried attempt is none."""
        return sum(each.count for each in self.counts if each.status != "retried")

    def by_node(self, *statuses: str) -> Counter[str]:
        """Rows at each node with one of these statuses; with none given, all of them."""
        found: Counter[str] = Counter()
        for each in self.counts:
            if each.node_id and (not statuses or each.status in statuses):
                found[each.node_id] += each.count
        return found


class Storage(Struct, frozen=True, kw_only=True):
    """How the traces get into their file."""

    path: str = ""
    dropped: int = 0
    """Since the start."""
    queued: int = 0
    error: str = ""
    """Of the last try; empty: all is well."""


class Snapshot(Struct, frozen=True, kw_only=True):
    """All of it. Times in seconds of Unix time."""

    now: float
    version: str
    """The coordinator's."""
    address: str
    """Its base URL, as another machine would write it."""
    open: bool = False
    """Whether everybody near may use it."""
    keys_unusable: str = ""
    """Why no caller's key counts; empty: they do."""
    keys_command: str = ""
    """What mends that; empty: no one line does."""
    pending: tuple[tuple[str, str], ...] = ()
    """Machines that ask to join: name, and the digits that they show."""
    nodes: tuple[NodeSeen, ...] = ()
    running: int = 0
    held: int = 0
    held_limit: int = 1
    retries_limit: int = 0
    """Further nodes that one call may try."""
    storage: Storage = Storage()
    calls: CallFigures | None = None
    """None: the file cannot be read, for `calls_error`."""
    calls_error: str = ""

    @property
    def present(self) -> list[NodeSeen]:
        """Nodes that are not offline."""
        return [node for node in self.nodes if node.standing.status != "offline"]
