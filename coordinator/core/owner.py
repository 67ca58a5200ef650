"""What a machine's owner leaves to the fleet, as placing reads it. Bytes are those of the memory where models live."""

from datetime import UTC, datetime

from shared.wire import Capacity, Heartbeat

GIB = 2**30
LEAST_AVAILABILITY = 0.2
"""Below this a node gets no calls."""
LAST_MOMENT = 253_402_300_799
"""The year 9999 ends."""


def refusal(capacity: Capacity | None) -> str | None:
    """Why the node takes no calls now, for a person; None: it does, or nothing is learned there.

    A node that is still observing (`bootstrap`) serves.
    """
    if capacity is None:
        return None
    if capacity.mode == "paused":
        if capacity.override:
            return f"paused by its owner{_until(capacity.until)}"
        return f"paused, its owner needs it ({capacity.reason or 'learned'})"
    if capacity.mode != "bootstrap" and capacity.availability < LEAST_AVAILABILITY:
        return f"left to its owner (availability {capacity.availability:.2f})"
    return None


def cold_refusal(capacity: Capacity | None, model_bytes: int, resident_bytes: int) -> str | None:
    """Why a model of that size may not be loaded beside what is in memory already; None: it may, by the owner.

    For a model that is in memory there is nothing to ask: it serves, also where the ceiling has fallen below it.
    """
    if capacity is None or capacity.ceiling_bytes is None:
        return None
    left = max(0, capacity.ceiling_bytes - resident_bytes)
    if model_bytes <= left:
        return None
    beside = f" beside the {resident_bytes / GIB:.1f} GiB that are loaded" if resident_bytes else ""
    return f"needs {model_bytes / GIB:.1f} GiB, its owner leaves {left / GIB:.1f} GiB{beside}"


def room(capacity: Capacity | None, free_bytes: int, resident_bytes: int) -> int:
    """What one more model may take: what is free, within what the owner leaves."""
    if capacity is None or capacity.ceiling_bytes is None:
        return free_bytes
    return min(free_bytes, max(0, capacity.ceiling_bytes - resident_bytes))


def trend(capacity: Capacity | None) -> float | None:
    """-1 (the owner is coming back) to 1 (leaving); None: nothing is learned there."""
    return None if capacity is None else capacity.trend


def resident(heartbeat: Heartbeat) -> int:
    """What the models in memory there take."""
    return sum(replica.size_bytes for engine in heartbeat.engines for replica in engine.replicas)


def _until(moment: float | None) -> str:
    """A far moment is not spelt out: calendars end."""
    if moment is None or moment > LAST_MOMENT:
        return ""
    return f" until {datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"
