"""`herd ps`: what is loaded, and where."""

import time
from typing import Any

import click

from coordinator.verbs.columns import Table, number
from coordinator.verbs.human import processor, size, until
from coordinator.verbs.telling import Telling, View, reads

HEADINGS = ("NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL", "NODE", "TOK/S", "IN-FLIGHT")
WIDE = ("PARAMETERS", "QUANT")
ID_LENGTH = 12
"""Of a digest, as Ollama shows it."""


@click.command()
@reads
def ps(*, telling: Telling) -> None:
    """Models in memory, a line for each node that has one loaded.

    \b
    herd ps
    herd ps -w                   again whenever it changes
    herd ps -o json              as /api/ps tells it

    Ollama's columns come first. TOK/S is what one call alone was seen to get there.
    """
    from coordinator.verbs.connection import ask

    telling.show(lambda url: ask("GET", "/api/ps", url=url), View(ps_table, ps_names))


def ps_table(running: dict[str, Any], wide: bool, now: float | None = None) -> Table:
    """Of an answer of /api/ps. `now`: Unix time, the present where it is left out."""
    now = time.time() if now is None else now
    return Table(HEADINGS + WIDE * wide, [_row(each, now, wide) for each in running["models"]])


def ps_names(running: dict[str, Any]) -> list[str]:
    """Each once."""
    return list(dict.fromkeys(each["name"] for each in running["models"]))


def _row(model: dict[str, Any], now: float, wide: bool) -> tuple[str, ...]:
    details = model["details"]
    return (
        model["name"],
        short_id(model["digest"]),
        size(model["size"]),
        processor(model["size"], model["size_vram"]),
        str(model["context_length"] or ""),
        until(model["expires_at"], now),
        model["fleet_node"],
        number(model["fleet_tokens_per_s"], 1),
        str(model["fleet_in_flight"]),
    ) + (details["parameter_size"], details["quantization_level"]) * wide


def short_id(digest: str) -> str:
    """The beginning of a digest."""
    return digest.removeprefix("sha256:")[:ID_LENGTH]
