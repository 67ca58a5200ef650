"""What a call was predicted to take at each place, for a terminal."""

from typing import Any

from rich.table import Table

PARTS = ("wait", "load", "evict", "prefill", "decode", "harm", "owner", "total")
LEARNED = {
    "prompt_tokens_per_s": "PROMPT TOK/S",
    "answer_tokens_per_s": "ANSWER TOK/S",
    "answers_measured": "MEASURED",
    "crowding": "CROWDING",
    "load_s": "LOAD S",
    "expected_answer_tokens": "ANSWER",
}
"""What the seconds were made from."""
MEANING = (
    "tokens a second of a prompt and an answer, alone; by how many answers that was measured (0: claimed); by how much"
    " each call beside it slows one; a load; tokens expected of the answer"
)


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


def learned(places: list[dict[str, Any]], chosen: dict[str, Any] | None) -> Table:
    """What that was made from, one line a place."""
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("LEARNED", overflow="fold")
    for heading in LEARNED.values():
        table.add_column(heading, justify="right")
    for place in places:
        if told := place.get("learned"):
            here = place is chosen
            cells = [_number(told[name]) if name in told else "" for name in LEARNED]
            table.add_row("*" if here else " ", place["node_id"], *cells, style="green" if here else "")
    return table


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _short(seconds: float) -> str:
    """Two digits that tell something, or whole seconds."""
    if seconds < 0.0005:
        return "0"
    return f"{seconds:.2g}" if seconds < 10 else f"{seconds:.0f}"
