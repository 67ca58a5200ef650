"""Calls as rows. Pure: answers of /fleet/requests and /dashboard/api/traces in, tables out."""

from typing import Any

from coordinator.verbs.columns import Table, number
from coordinator.verbs.human import short

OPEN = ("ID", "AGE", "MODEL", "NODE", "PRIORITY", "CLIENT", "PHASE", "IN", "OUT", "TOK/S", "RETRIES")
OPEN_WIDE = ("ENGINE", "API", "OPERATION", "FIRST BYTE", "TAGS")
ENDED = ("ID", "MODEL", "NODE", "STATUS", "CODE", "SECONDS", "FIRST", "IN", "OUT", "TOK/S", "RETRIES")
ENDED_WIDE = ("ASKED FOR", "API", "SCORE", "TAGS", "ERROR")


def open_table(told: dict[str, Any], wide: bool) -> Table:
    """Of those that wait or run. IN: estimated tokens of the prompt. OUT, TOK/S: of what was streamed so far."""
    return Table(OPEN + OPEN_WIDE * wide, [_open(each, wide) for each in told["requests"]])


def ended_table(told: dict[str, Any], wide: bool) -> Table:
    """Of those that ended. IN and OUT as the engine counted them; FIRST: seconds to the first token of a stream."""
    return Table(ENDED + ENDED_WIDE * wide, [_ended(each, wide) for each in told["requests"]])


def request_ids(told: dict[str, Any]) -> list[str]:
    """Every call's."""
    return [each["request_id"] for each in told["requests"]]


def _open(call: dict[str, Any], wide: bool) -> tuple[str, ...]:
    return (
        call["request_id"],
        short(call["age_s"]),
        call["model"],
        call["node_id"] or "",
        call["priority"],
        call["client"],
        call["phase"],
        f"~{call['estimated_tokens']}",
        number(call["tokens_out"]),
        number(call["tokens_per_s"], 1),
        str(call["retries"]),
    ) + (
        call["engine"] or "",
        call["dialect"],
        call["operation"],
        number(call["first_byte_s"], 1),
        ",".join(call["tags"]),
    ) * wide


def _ended(call: dict[str, Any], wide: bool) -> tuple[str, ...]:
    return (
        call["request_id"],
        call["model"] or "",
        call["node_id"] or "",
        call["status"] or "",
        number(call["status_code"]),
        number(_seconds(call["latency_ms"]), 1),
        number(_seconds(call["time_to_first_token_ms"]), 2),
        number(call["prompt_tokens"]),
        number(call["completion_tokens"]),
        number(tokens_per_s(call), 1),
        number(call["retry_count"]),
    ) + (
        call["original_model"] or "",
        call["original_format"] or "",
        number(call["score"], 1),
        ",".join(map(str, call["tags"] or ())),
        call["error_message"] or "",
    ) * wide


def tokens_per_s(call: dict[str, Any]) -> float | None:
    """While its answer was written, or of the whole call where nobody saw when that began."""
    made, whole_ms, first_ms = (
        call["completion_tokens"],
        call["latency_ms"],
        call["time_to_first_token_ms"] or 0,
    )
    if not made or not whole_ms or whole_ms <= first_ms:
        return None
    rate: float = made * 1000 / (whole_ms - first_ms)
    return rate


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
