"""Which part of the machine's use is its owner's, and which the fleet's own. Pure.

The agent and what it started work for the fleet alone. An engine that was only found works for both: what it takes
while it carries a call of the fleet is the fleet's, else the owner's. Times are whole milliseconds, so that what is
taken away is taken away exactly.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from shared.wire import Gpu, Memory, Replica

JUST_STARTED_S = 2.0
"""Two clocks may disagree so far about when a process started."""

Process = tuple[int, float]
"""Its number, and when it started in seconds since the epoch: numbers are given out again."""


class Snapshot(Struct, frozen=True):
    """Counters of processor time, in ms, at one moment."""

    at: float
    """Seconds since the epoch."""
    total_ms: int
    """That all processors had together."""
    busy_ms: int
    """Of that, not idle."""
    own: Mapping[Process, int]
    """The agent and all below it: ms by process, with those of its children that have ended."""
    engine: Mapping[Process, int] | None
    """Likewise engines that were found and all below them; None: they cannot be read."""


def spent_ms(before: Mapping[Process, int], after: Mapping[Process, int], since: float) -> int | None:
    """What these processes took between two moments; None: it cannot be said.

    A process that ended is in its parent's figure, so that the sum does not fall. Where it does, a part was lost; and
    what an older process took that is seen only now, nobody knows.
    """
    for process in after.keys() - before.keys():
        if process[1] < since - JUST_STARTED_S:
            return None
    spent = sum(after.values()) - sum(before.values())
    return spent if spent >= 0 else None


def processor_pct(before: Snapshot, after: Snapshot, *, carried: bool) -> float | None:
    """The owner's share of the processors; None: unknown.

    `carried`: a found engine had a call of the fleet meanwhile.
    """
    total = after.total_ms - before.total_ms
    fleets = spent_ms(before.own, after.own, before.at)
    if total <= 0 or fleets is None:
        return None
    if carried:
        if before.engine is None or after.engine is None:
            return None
        engines = spent_ms(before.engine, after.engine, before.at)
        if engines is None:
            return None
        fleets += engines
    return max(0, min(total, after.busy_ms - before.busy_ms - fleets)) * 100 / total


def graphics_pct(gpus: Sequence[Gpu]) -> float:
    """Use of all cards, each by its VRAM; 0 where none tells."""
    told = [(gpu.utilization_pct, gpu.vram_total_bytes) for gpu in gpus if gpu.utilization_pct is not None]
    weight = sum(size for _, size in told)
    if not told or not weight:
        return sum(use for use, _ in told) / len(told) if told else 0.0
    return sum(use * size for use, size in told) / weight


def memory_pct(memory: Memory, replicas: Sequence[Replica], *, discrete: bool) -> float:
    """Host memory in use, less that of loaded models; `discrete`: their part in VRAM is none of the host's."""
    if not memory.total_bytes:
        return 0.0
    models = sum(each.size_bytes - ((each.vram_bytes or 0) if discrete else 0) for each in replicas)
    used = memory.total_bytes - memory.available_bytes - max(0, models)
    return max(0.0, min(100.0, used * 100 / memory.total_bytes))
