"""Callers' keys as JSON and as rows. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from coordinator.access.keys import Key
from coordinator.verbs.columns import Table
from shared.durations import told as duration

HEADINGS = ("NAME", "ID", "SCOPES", "MODELS", "CALLS/MIN", "TOKENS/MIN", "AT ONCE", "PRIORITY")
TIMES = ("CREATED", "EXPIRES", "LAST USED")


def keys_told(keys: Iterable[Key], used: Mapping[str, float], now: float) -> dict[str, Any]:
    """`keys`: all that is known of each but its hash. Times in seconds of Unix time, `now` too; null: none."""
    return {"now": now, "keys": [_told(key, used.get(key.id), now) for key in keys]}


def _told(key: Key, last_used: float | None, now: float) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "models": None if key.models is None else list(key.models),
        "requests_per_minute": key.requests_per_minute,
        "tokens_per_minute": key.tokens_per_minute,
        "parallel": key.parallel,
        "priority": key.priority,
        "created": key.created,
        "expires": key.expires,
        "expired": key.has_expired(now),
        "last_used": last_used,
    }


def keys_table(told: dict[str, Any]) -> Table:
    """A row a key."""
    return Table(HEADINGS + TIMES, [_row(each, told["now"]) for each in told["keys"]])


def _row(key: dict[str, Any], now: float) -> tuple[str, ...]:
    limits = (key["requests_per_minute"], key["tokens_per_minute"], key["parallel"])
    return (
        key["name"],
        key["id"],
        ",".join(key["scopes"]),
        "all" if key["models"] is None else ",".join(key["models"]),
        *("" if limit is None else str(limit) for limit in limits),
        key["priority"] or "",
        _ago(key["created"], now),
        _expiry(key, now),
        "never" if key["last_used"] is None else _ago(key["last_used"], now),
    )


def _expiry(key: dict[str, Any], now: float) -> str:
    if key["expires"] is None:
        return "never"
    return "expired" if key["expired"] else f"in {_roughly(key['expires'] - now + 1)}"


def _ago(then: float, now: float) -> str:
    return f"{_roughly(now - then)} ago"


def _roughly(seconds: float) -> str:
    """The largest unit that there is one of."""
    for unit_s in (86_400, 3_600, 60):
        if seconds >= unit_s:
            return duration(seconds // unit_s * unit_s)
    return duration(seconds)
