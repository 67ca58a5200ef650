"""Where the cursor stands in a list that changes under it. Pure."""

from collections.abc import Sequence


def kept(keys: Sequence[str], before: Sequence[str], key: str) -> str:
    """`key` where it is still there, else what has taken its place; empty: nothing is there."""
    if not keys:
        return ""
    if key in keys:
        return key
    at = before.index(key) if key in before else 0
    return keys[min(at, len(keys) - 1)]


def moved(keys: Sequence[str], key: str, by: int) -> str:
    """So many rows on, at the most to either end."""
    if not keys:
        return ""
    at = keys.index(key) if key in keys else 0
    return keys[min(len(keys) - 1, max(0, at + by))]


def scrolled(top: int, at: int, height: int, count: int) -> int:
    """The first row shown, so that row `at` is seen and no room is left empty that rows could fill."""
    top = min(max(top, at - height + 1), at)
    return max(0, min(top, count - height))
