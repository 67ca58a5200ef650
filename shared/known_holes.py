"""Versions of Ollama, and which of them have holes that everybody can read about. Pure."""

import functools
import re

FIXED = (
    ((0, 1, 29), "CVE-2024-28224"),  # a web page reaches it by DNS rebinding
    ((0, 1, 34), "CVE-2024-37032"),  # a pulled model writes files
    ((0, 17, 1), "CVE-2026-7482"),  # /api/create tells of its memory
)
"""Versions of Ollama in which a hole was closed; ascending."""
MENDED = ".".join(map(str, FIXED[-1][0]))
"""From here on none is known."""


def numbers(version: str) -> tuple[int, ...]:
    """0.12.6-rc1 -> (0, 12, 6); empty: it is none, as that of a build of one's own (0.0.0)."""
    found = re.match(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})", version, re.ASCII)
    told = tuple(int(each) for each in found.groups()) if found else ()
    return told if any(told) else ()


@functools.lru_cache(maxsize=256)
def known_holes(version: str) -> tuple[str, ...]:
    """Their numbers, of an Ollama of this version; none where it is no version."""
    told = numbers(version)
    return tuple(hole for fixed, hole in FIXED if told and told < fixed)
