"""The view of requests: one row for each open call. Pure."""

from collections.abc import Mapping
from typing import Any

from coordinator.top.glyphs import Glyphs, style_of, symbol
from coordinator.top.table import Cell, Column, Row
from coordinator.top.words import NONE, age, count, rate
from shared.printable import printable

PRIORITIES = {"interactive": "inter", "background": "backgr"}
"""Shorter words for a narrow column."""

COLUMNS = (
    Column("ID", 6, least=9, most=38),
    Column("AGE", 1, right=True),
    Column("MODEL", 0, least=12, most=40),
    Column("NODE", 3, least=8, most=24),
    Column("PRIO", 9),
    Column("KEY/TAG", 8, least=8, most=28),
    Column("OP", 10),
    Column("PHASE", 2),
    Column("IN", 5, right=True),
    Column("OUT", 4, right=True),
    Column("TOK/S", 4, right=True),
    Column("RETRIES", 7, right=True),
)


def request_rows(picture: Mapping[str, Any], now: float, glyphs: Glyphs) -> list[Row]:
    """`now` in seconds of Unix time, by the coordinator's clock."""
    return [Row(key, _cells(key, call, now, glyphs)) for key, call in picture["requests"].items()]


def short_id(request_id: str) -> str:
    """The end of an id made here tells most: its beginning is the time."""
    return request_id if len(request_id) <= 12 else f"..{request_id[-7:]}"


def _cells(key: str, call: Mapping[str, Any], now: float, glyphs: Glyphs) -> dict[str, Cell]:
    lasting, phase, retries = now - call["arrived_at"], call["phase"], call["retries"]
    who = ",".join(filter(None, (call["client"], *call["tags"])))
    return {
        "ID": Cell(printable(short_id(key))),
        "AGE": Cell(age(lasting), order=lasting),
        "MODEL": Cell(printable(call["model"]), "bold"),
        "NODE": Cell(printable(call["node_id"]) or NONE),
        "PRIO": Cell(PRIORITIES.get(call["priority"], call["priority"])),
        "KEY/TAG": Cell(printable(who) or NONE),
        "OP": Cell(call["operation"]),
        "PHASE": Cell(f"{symbol(phase, glyphs)} {phase}", style_of(phase), phase),
        "IN": Cell(count(call["tokens_in"]), order=call["tokens_in"]),
        "OUT": Cell(count(call["tokens_out"]), order=call["tokens_out"]),
        "TOK/S": Cell(rate(call["tokens_per_s"]), order=call["tokens_per_s"]),
        "RETRIES": Cell(str(retries), "bold yellow" if retries else "", retries),
    }
