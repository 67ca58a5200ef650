"""What servers answer at /v1/models, as far as it is read."""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from agent.engines.engine import count_or_none
from shared.names import is_model_name
from shared.wire import Model, Replica


class Entry(Struct):
    """One model. `max_model_len` in tokens."""

    id: str = ""
    max_model_len: int | None = None
    root: str | None = None
    parent: str | None = None
    owned_by: str | None = None


class Listed(Struct):
    """OpenAI's shape."""

    data: list[Entry] | None = None


def named(entries: Iterable[Entry]) -> list[Entry]:
    """Those whose name can go into a beat."""
    return [entry for entry in entries if is_model_name(entry.id)]


def model(name: str, context: int | None, abilities: frozenset[str]) -> Model:
    """A model with one context, its own and the loaded one. `context` in tokens, None or absurd: unknown."""
    return Model(name=name, max_context=count_or_none(context) or None, abilities=abilities)


def replica(of: Model, slots: int, busy: int = 0) -> Replica:
    """Its one loaded instance."""
    return Replica(
        model=of.name, context_length=of.max_context, slots_total=slots, slots_busy=min(busy, slots)
    )


def as_list(names: Iterable[str]) -> bytes:
    """OpenAI's answer with these models."""
    return msgspec.json.encode(
        {"object": "list", "data": [{"id": name, "object": "model"} for name in names]}
    )
