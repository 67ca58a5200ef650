"""Halves of surrogate pairs in JSON text: what is left of an emoji where text was cut by its length."""

import re
from itertools import islice

MOST = 10_000
"""Escapes looked at, so that no body keeps the loop busy; one with more of them is left as it is."""
REPLACEMENT = rb"\ufffd"

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_LOW = re.compile(rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}")


def without_half_pairs(body: bytes) -> bytes:
    """The body with every half replaced by U+FFFD; whole pairs and escaped backslashes stay."""
    parts: list[bytes] = []
    kept, pair_end = 0, 0
    for found in islice(_SURROGATE.finditer(body), MOST):
        if found.start() < pair_end or _is_escaped(body, found.start()):
            continue
        if not _LOW.fullmatch(found[0]) and _LOW.match(body, found.end()):
            pair_end = found.end() + len(found[0])
            continue
        parts += [body[kept : found.start()], REPLACEMENT]
        kept = found.end()
    return b"".join([*parts, body[kept:]])


def _is_escaped(body: bytes, at: int) -> bool:
    """Whether the backslash there belongs to a backslash before it."""
    before = at
    while before and body[before - 1] == ord("\\"):
        before -= 1
    return (at - before) % 2 == 1
