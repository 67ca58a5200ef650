"""How deeply a body's JSON is nested, found out before it is decoded: decoders here and in engines recurse. Pure.

A body with few brackets costs two looks. Of others nothing is kept but brackets and quotes, a slice at a time: no
body, whatever it is made of, keeps other threads waiting for longer than a slice takes.
"""

from itertools import accumulate

from shared.errors import CallerFault

SLICE = 64 * 2**10
_KEPT = b'[]{}"'
_OTHERS = bytes(byte for byte in range(256) if byte not in _KEPT)
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
"""Read as signed bytes: in is 1, out is -1."""


def check_depth(body: bytes, most: int) -> None:
    """Raises CallerFault where more than `most` brackets are open at once."""
    if may_be_deep(body, most) and depth(body, most) > most:
        raise CallerFault(
            f"the request body is nested too deeply: more than {most} levels (FLEET_JSON_DEPTH)"
        )


def may_be_deep(body: bytes, most: int) -> bool:
    """Whether it has brackets enough."""
    return len(body.split(b"{", most + 1)) + len(body.split(b"[", most + 1)) - 2 > most


def depth(body: bytes, most: int) -> int:
    """The deepest level, or the first that is found above `most`. Of what is no JSON, some number."""
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = body.translate(None, _OTHERS)
    deepest = level = inside = 0
    for start in range(0, len(marks), SLICE):
        parts = marks[start : start + SLICE].split(b'"')
        steps = b"".join(parts[inside::2]).translate(_STEPS)
        inside ^= (len(parts) - 1) & 1
        levels = list(accumulate(memoryview(steps).cast("b"), initial=level))
        level, deepest = levels[-1], max(deepest, *levels)
        if deepest > most:
            break
    return deepest
