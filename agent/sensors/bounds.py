"""Readings inside the bounds of the wire: one absurd number of a driver must not cost the whole beat."""

LARGEST = 2**53
COLDEST_C, HOTTEST_C = -100.0, 250.0
STRONGEST_W = 100_000.0


def count(value: float) -> int | None:
    """A whole number of bytes or things; None: not possible."""
    return int(value) if 0 <= value <= LARGEST else None


def percent(value: float) -> float | None:
    """Of 100; drivers overshoot a little."""
    return min(100.0, float(value)) if 0 <= value <= 200 else None


def celsius(value: float | None) -> float | None:
    """A temperature that a running machine can have."""
    return float(value) if value is not None and COLDEST_C <= value <= HOTTEST_C else None


def watts(value: float) -> float | None:
    """A power that one device can draw."""
    return float(value) if 0 <= value <= STRONGEST_W else None


def text(value: str | None, longest: int = 128) -> str:
    """Without what cannot be printed, and not without end."""
    return "".join(letter for letter in value or "" if letter.isprintable()).strip()[:longest]
