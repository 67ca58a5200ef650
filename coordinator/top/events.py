"""The view of events: what happened lately, newest first. Pure."""

from collections.abc import Mapping
from typing import Any

from coordinator.top.glyphs import Glyphs, style_of, symbol
from coordinator.top.table import Cell, Column, Row
from coordinator.top.words import NONE, age
from shared.printable import printable

COLUMNS = (
    Column("AGE", 0, right=True),
    Column("KIND", 1),
    Column("NODE", 2, least=8, most=28),
    Column("WHAT", 3, least=20, most=400),
)


def event_rows(picture: Mapping[str, Any], now: float, glyphs: Glyphs) -> list[Row]:
    """`now` in seconds of Unix time, by the coordinator's clock."""
    return [Row(str(each["seq"]), _cells(each, now, glyphs)) for each in reversed(picture["events"])]


def _cells(event: Mapping[str, Any], now: float, glyphs: Glyphs) -> dict[str, Cell]:
    kind, lasting = event["kind"], now - event["at"]
    return {
        "AGE": Cell(age(lasting), order=lasting),
        "KIND": Cell(f"{symbol(kind, glyphs)} {kind}", style_of(kind), kind),
        "NODE": Cell(printable(event["node_id"]) or NONE),
        "WHAT": Cell(printable(event["text"])),
    }
