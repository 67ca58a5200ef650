"""The view of models: one row each, over all nodes. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from coordinator.top.glyphs import Glyphs
from coordinator.top.table import Cell, Column, Row
from coordinator.top.words import NONE, age, count, gib, rate
from shared.printable import printable

DIGEST_LETTERS = 12
SOON_S = 366 * 86_400
"""A model that stays longer stays for ever."""

COLUMNS = (
    Column("NAME", 0, least=12, most=48),
    Column("DIGEST", 9),
    Column("QUANT", 7, most=10),
    Column("SIZE GiB", 8, right=True),
    Column("NODES", 1, right=True),
    Column("CTX", 3, right=True),
    Column("SLOTS", 5, right=True),
    Column("RUN", 2, right=True),
    Column("HELD", 2, right=True),
    Column("TOK/S", 4, right=True),
    Column("UNTIL", 6, right=True),
)


def model_rows(picture: Mapping[str, Any], now: float, _glyphs: Glyphs) -> list[Row]:
    """`now` in seconds of Unix time, by the coordinator's clock."""
    return [Row(name, _cells(name, model, now)) for name, model in picture["models"].items()]


def _cells(name: str, model: Mapping[str, Any], now: float) -> dict[str, Cell]:
    loaded, context, left = model["nodes_loaded"], model["context_length"], _left(model["expires_at"], now)
    digest = printable(model["digest"]).removeprefix("sha256:")[:DIGEST_LETTERS]
    return {
        "NAME": Cell(printable(name), "bold" if loaded else ""),
        "DIGEST": Cell(digest or NONE, "dim"),
        "QUANT": Cell(printable(model["quantization"]) or NONE),
        "SIZE GiB": Cell(
            gib(model["size_bytes"]) if model["size_bytes"] else NONE, order=model["size_bytes"]
        ),
        "NODES": Cell(f"{loaded}/{model['nodes_on_disk']}", "green" if loaded else "dim", loaded),
        "CTX": Cell(count(context) if context else NONE, order=context),
        "SLOTS": Cell(str(model["slots_total"] or NONE), order=model["slots_total"]),
        "RUN": Cell(str(model["running"]), "bold green" if model["running"] else "", model["running"]),
        "HELD": Cell(str(model["held"]), "bold magenta" if model["held"] else "", model["held"]),
        "TOK/S": Cell(rate(model["tokens_per_s"]), order=model["tokens_per_s"]),
        "UNTIL": Cell(_until(left, loaded=bool(loaded)), order=left),
    }


def _left(expires_at: str, now: float) -> float | None:
    """Seconds until an engine lets it go; None: it does not say. Engines write nanoseconds, which Python does not."""
    try:
        told = datetime.fromisoformat(expires_at)
    except ValueError:
        return None
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp() - now


def _until(left: float | None, *, loaded: bool) -> str:
    if left is None or not loaded:
        return NONE
    return "for ever" if left > SOON_S else age(left)
