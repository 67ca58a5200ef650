"""What a call was predicted to take at each place, for a terminal."""

from typing import Any

from rich.table import Table

PARTS = ("wait", "load", "evict", "prefill", "decode", "harm", "owner", "total")


def seconds(places: list[dict[str, Any]], chosen: dict[str, Any] | None) -> Table:
    """One line a place, those that were not predicted left out."""
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("SECONDS", overflow="fold")
    for part in PARTS:
        table.add_column(part.upper(), justify="right", no_wrap=True)
    for place in places:
        told = place["predicted_seconds"]
        if told:
            here = place is chosen
            cells = [_short(told[part]) if part in told else "" for part in PARTS]
            table.add_row("*" if here else " ", place["node_id"], *cells, style="green" if here else "")
    return table


def _short(seconds: float) -> str:
    """Two digits that tell something, or whole seconds."""
    if seconds < 0.0005:
        return "0"
    return f"{seconds:.2g}" if seconds < 10 else f"{seconds:.0f}"
