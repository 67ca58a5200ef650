"""What a request to the dashboard asks for, and the plain JSON it gets."""

import math
from typing import NamedTuple

import msgspec
from aiohttp import web

from shared.errors import CallerFault

LATEST_S = 1e11
"""Seconds of Unix time; beyond it somebody sent milliseconds."""
TRUE, FALSE = ("1", "true", "yes"), ("", "0", "false", "no")


class Window(NamedTuple):
    """From `since` up to, not including, `until`; seconds of Unix time."""

    since: float
    until: float


def number(request: web.Request, name: str, default: int, most: int) -> int:
    """A parameter from 1 to `most`. Raises CallerFault."""
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and 1 <= int(text) <= most):
        raise CallerFault(f"{name} is a whole number from 1 to {most}")
    return int(text)


def flag(request: web.Request, name: str) -> bool:
    """A parameter that is true or false. Raises CallerFault."""
    text = request.query.get(name, "").lower()
    if text not in (*TRUE, *FALSE):
        raise CallerFault(f"{name} is true or false")
    return text in TRUE


def window(request: web.Request, length_s: float, now: float) -> Window:
    """`start_ts` and `end_ts`; what is missing (or 0) ends now, or begins `length_s` before the end.

    Raises CallerFault.
    """
    start, end = moment(request, "start_ts"), moment(request, "end_ts")
    # Whatever ended in this very moment belongs to it.
    until = end or math.nextafter(now, math.inf)
    since = start or until - length_s
    if since > until:
        raise CallerFault("start_ts is after end_ts")
    return Window(since, until)


def moment(request: web.Request, name: str) -> float:
    """A parameter in seconds of Unix time, 0 where it is missing. Raises CallerFault."""
    text = request.query.get(name, "0")
    try:
        value = float(text) if text.isascii() else math.nan
    except ValueError:
        value = math.nan
    if not 0 <= value <= LATEST_S:
        raise CallerFault(f"{name} is a time in seconds of Unix time")
    return value


def answer(value: object) -> web.Response:
    """It as JSON, which no browser is to take for anything else."""
    return web.Response(
        body=msgspec.json.encode(value),
        content_type="application/json",
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"},
    )
