"""The four views by name: their columns, how rows are made, how they are ordered at first. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from coordinator.top import events, models, nodes, requests
from coordinator.top.glyphs import Glyphs
from coordinator.top.table import Column, Row


class View(NamedTuple):
    """`keys`: what a person may type after `:`."""

    name: str
    columns: tuple[Column, ...]
    rows: Callable[[Mapping[str, Any], float, Glyphs], list[Row]]
    order: str
    backwards: bool
    keys: tuple[str, ...]
    empty: str


VIEWS = (
    View(
        *("nodes", nodes.COLUMNS, nodes.node_rows, "NAME", False, ("nodes", "node", "no")),
        empty="no node has joined yet: run herd-node on a machine",
    ),
    View(
        *("models", models.COLUMNS, models.model_rows, "RUN", True, ("models", "model", "mo")),
        empty="no node has a model yet",
    ),
    View(
        *("requests", requests.COLUMNS, requests.request_rows, "AGE", True, ("requests", "req", "re", "ps")),
        empty="no call waits or runs",
    ),
    View(
        *("events", events.COLUMNS, events.event_rows, "AGE", False, ("events", "ev")),
        empty="nothing happened yet",
    ),
)


def named(typed: str) -> View | None:
    """The view that a person means by a word."""
    return next((view for view in VIEWS if typed in view.keys), None)
