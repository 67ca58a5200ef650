"""Sizes and times in a person's words, as Ollama writes them. Pure."""

import math
from datetime import datetime

KB, MB, GB, TB = 1e3, 1e6, 1e9, 1e12
MINUTE, HOUR, DAY, WEEK, MONTH, YEAR = 60, 3_600, 86_400, 604_800, 2_592_000, 31_536_000
FOR_EVER_S = 20 * YEAR
"""What goes later stays, as Ollama's command line has it."""


def size(count: float) -> str:
    """Bytes in powers of 1000: `4.7 GB`, `12 GB`, `900 B`."""
    for unit, name in ((TB, "TB"), (GB, "GB"), (MB, "MB"), (KB, "KB")):
        if count >= unit:
            value = count / unit
            return f"{value:.0f} {name}" if value >= 10 or value == int(value) else f"{value:.1f} {name}"
    return f"{count:.0f} B"


def span(seconds: float) -> str:
    """How long, in one unit and words: `About a minute`, `3 hours`, `2 weeks`."""
    if seconds < 1:
        return "Less than a second"
    if seconds < MINUTE:
        return _counted(seconds, 1, "second")
    if seconds < 2 * MINUTE:
        return "About a minute"
    if seconds < HOUR:
        return _counted(seconds, MINUTE, "minute")
    if seconds < 2 * HOUR:
        return "About an hour"
    for limit, unit, name in (
        (2 * DAY, HOUR, "hour"),
        (2 * WEEK, DAY, "day"),
        (2 * MONTH, WEEK, "week"),
        (2 * YEAR, MONTH, "month"),
    ):
        if seconds < limit:
            return _counted(seconds, unit, name)
    return _counted(seconds, YEAR, "year")


def short(seconds: float | None) -> str:
    """As kubectl writes ages: `4s`, `3m12s`, `5h10m`, `12d`; `-` for none."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    whole = max(0, int(seconds))
    if whole < 2 * MINUTE:
        return f"{whole}s"
    if whole < 3 * HOUR:
        return f"{whole // MINUTE}m{whole % MINUTE}s"
    if whole < 2 * DAY:
        return f"{whole // HOUR}h{whole % HOUR // MINUTE}m"
    return f"{whole // DAY}d"


def ago(moment: str, now: float) -> str:
    """A time in ISO 8601, long past: `3 weeks ago`; `Never` for what is none, or Go's zero time."""
    seconds = _seconds(moment)
    if seconds is None or seconds <= 0:
        return "Never"
    return f"{span(now - seconds)} ago" if seconds <= now else f"{span(seconds - now)} from now"


def until(moment: str, now: float) -> str:
    """A time to come: `4 minutes from now`, `Forever`; `Stopping...` for one that is past."""
    seconds = _seconds(moment)
    if seconds is None or seconds <= now:
        return "Stopping..."
    return "Forever" if seconds - now > FOR_EVER_S else f"{span(seconds - now)} from now"


def processor(size_bytes: float, vram_bytes: float) -> str:
    """Where a loaded model lives: `100% GPU`, `48%/52% CPU/GPU`."""
    if not vram_bytes:
        return "100% CPU" if size_bytes else "Unknown"
    if vram_bytes >= size_bytes:
        return "100% GPU"
    outside = round(100 * (size_bytes - vram_bytes) / size_bytes)
    return f"{outside}%/{100 - outside}% CPU/GPU"


def _counted(seconds: float, unit: float, name: str) -> str:
    count = int(seconds // unit)
    return f"{count} {name}{'' if count == 1 else 's'}"


def _seconds(moment: str) -> float | None:
    """Unix time."""
    try:
        return datetime.fromisoformat(_microseconds(moment)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _microseconds(moment: str) -> str:
    """Go writes nanoseconds, which Python reads from 3.11 on in some lengths only."""
    head, point, rest = moment.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return f"{head}.{rest[:digits][:6].ljust(6, '0')}{rest[digits:]}" if point else moment
