"""Context protection in the words of Ollama's API: `options.num_ctx` and `truncate`."""

import re
from typing import Any

import msgspec
from msgspec import Raw

from coordinator.core.protection import Protection
from coordinator.dialects.body import ABSENT, decode_fields, given
from shared.errors import CallerFault

_PLAIN = re.compile(r"[A-Za-z0-9_.]{1,64}")


def said_in(body: bytes, protection: Protection) -> dict[str, object]:
    """The top-level fields to set in a call of Ollama's. What its caller says of `truncate` stands."""
    fields = decode_fields(body)
    values: dict[str, object] = {}
    if protection.num_ctx is not None:
        options = fields.get("options", ABSENT)
        inner: dict[str, object] = dict(decode_fields(bytes(options))) if given(options) else {}
        values["options"] = inner | {"num_ctx": protection.num_ctx}
    if protection.whole_prompt and not given(fields.get("truncate", ABSENT)):
        values["truncate"] = False
    return values


def added_to(request: dict[str, Any], protection: Protection) -> dict[str, Any]:
    """The same for a call that was translated for Ollama's API."""
    made = dict(request)
    if protection.num_ctx is not None:
        made["options"] = made.get("options", {}) | {"num_ctx": protection.num_ctx}
    if protection.whole_prompt:
        made.setdefault("truncate", False)
    return made


def field_of(error: CallerFault) -> str:
    """Which field of the call cannot be translated, for a header: a name of the caller's own is not repeated."""
    name = error.summary.partition(":")[0]
    return name if _PLAIN.fullmatch(name) else "a field"


class _Options(msgspec.Struct):
    num_ctx: Raw = ABSENT


def num_ctx_of(options: Raw) -> int | None:
    """What `options` say of it. Raises msgspec.ValidationError where that is no whole number.

    Options that are no object are for others to judge.
    """
    if not bytes(options).lstrip().startswith(b"{"):
        return None
    said = msgspec.json.decode(options, type=_Options).num_ctx
    return msgspec.json.decode(said, type=int) if given(said) else None
