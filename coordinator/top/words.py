"""Numbers as a person reads them in a narrow column. Pure."""

GIB = 2**30
MINUTE, HOUR, DAY = 60, 3_600, 86_400
NONE = "-"
"""What is not told."""


def age(seconds: float) -> str:
    """4s, 3m12s, 2h05m, 3d4h."""
    left = max(0, int(seconds))
    if left < MINUTE:
        return f"{left}s"
    if left < HOUR:
        return f"{left // MINUTE}m{left % MINUTE:02d}s"
    if left < DAY:
        return f"{left // HOUR}h{left % HOUR // MINUTE:02d}m"
    return f"{left // DAY}d{left % DAY // HOUR}h"


def gib(count: float) -> str:
    """9.5, 24, 128: GiB in at most four letters."""
    value = count / GIB
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def count(number: float) -> str:
    """950, 1.2k, 32k, 1.5M: at most four letters up to a thousand million."""
    if number < 1_000:
        return f"{number:.0f}"
    for unit, size in (("k", 1e3), ("M", 1e6)):
        if number < size * 999.5:
            value = number / size
            return f"{value:.1f}{unit}" if value < 9.95 else f"{value:.0f}{unit}"
    return f"{number / 1e9:.1f}G"


def rate(per_second: float | None) -> str:
    """0, 8.5, 120."""
    if per_second is None:
        return NONE
    return f"{per_second:.1f}" if 0 < per_second < 9.95 else f"{per_second:.0f}"


def lasting(seconds: float | None) -> str:
    """90ms, 1.2s, 75s."""
    if seconds is None:
        return NONE
    if seconds < 0.995:
        return f"{seconds * 1000:.0f}ms"
    return f"{seconds:.1f}s" if seconds < 9.95 else f"{seconds:.0f}s"
