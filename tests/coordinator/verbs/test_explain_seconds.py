"""Predicted seconds in a terminal."""

import io
from typing import Any

from rich.console import Console

from coordinator.verbs.explain_seconds import learned, seconds


def test_short_and_long_times_are_told_and_who_was_not_predicted_is_left_out() -> None:
    told = {"wait": 0.0, "load": 12.34, "prefill": 0.00412, "decode": 1.26, "total": 13.6}
    places: list[dict[str, Any]] = [
        {"node_id": "n1", "predicted_seconds": told},
        {"node_id": "n2", "predicted_seconds": None},
    ]
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(seconds(places, places[0]))
    lines = console.export_text().splitlines()
    assert lines[0].split() == [
        "SECONDS",
        "WAIT",
        "LOAD",
        "EVICT",
        "PREFILL",
        "DECODE",
        "HARM",
        "OWNER",
        "TOTAL",
    ]
    assert lines[1].split() == ["*", "n1", "0", "12", "0.0041", "1.3", "14"]
    assert len(lines) == 2


def test_what_they_were_made_from_stands_below() -> None:
    told = {
        "prompt_tokens_per_s": 1412.0,
        "answer_tokens_per_s": 71.26,
        "answers_measured": 15,
        "crowding": 0.4,
        "load_s": 6.3,
        "expected_answer_tokens": 200.0,
    }
    places: list[dict[str, Any]] = [{"node_id": "n1", "learned": told}, {"node_id": "n2", "learned": None}]
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(learned(places, places[0]))
    lines = console.export_text().splitlines()
    assert lines[-1].split() == ["*", "n1", "1412", "71.3", "15", "0.4", "6.3", "200"]
    assert "LEARNED" in lines[0]
    assert len(lines) <= 3
