"""The command line of `herd explain`, and how it looks in 80 columns."""

import io
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from coordinator.cli import main
from coordinator.core.replay import Move, Replayed, Share
from coordinator.explain.answers import told
from coordinator.verbs.explain_view import MOVES_SHOWN, call_lines, replay_lines
from tests.fakes.decisions import a_decision, a_place, a_refusal

LONG = "workstation-of-the-second-floor"
ROW: dict[str, Any] = {
    "request_id": "c1",
    "status": "completed",
    "status_code": 200,
    "node_id": "n1",
    "retries": 0,
}
"""Of a call that was made."""


def drawn(lines: Any, width: int = 80) -> str:
    """As in a file: no colour."""
    console = Console(file=io.StringIO(), width=width, highlight=False)
    for line in lines:
        console.print(line)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines())


def asked(**changed: Any) -> dict[str, Any]:
    """An answer to a question."""
    decision = a_decision(
        a_place(LONG, thermal=50, memory_fit=20, queue_depth=-12.4567, session_affinity=8, prefix_affinity=4),
        a_place("laptop", room=False, thermal=10, wait_time=-25),
        a_place("mini", troubled=True, thermal=30, availability_trend=10),
        a_refusal("nas", "needs 18.2 GiB, nas has 7.7 GiB in all, [bold]which is not enough for this one[/]"),
        chosen=LONG,
    )
    question = {"asked_model": "llama3.3:70b", "operation": "chat", "estimated_tokens": 9}
    return told(decision) | question | changed


def test_a_question_in_80_columns() -> None:
    text = drawn(call_lines(asked(context="num_ctx 4096 is dropped: 8192 are loaded")))
    print(text)  # noqa: T201 - to be looked at
    lines = text.splitlines()
    assert lines[0] == f"llama3.3:70b, chat, about 9 tokens: would go to {LONG}"
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines if line.startswith("*")] == ["*"]
    (chosen,) = [line for line in lines if line.startswith("*")]
    assert chosen.split()[2:] == ["50", "20", "-12.5", "0", "0", "0", "0", "8", "4", "69.5"]
    assert lines[3].split()[-4:] == ["CONTEXT", "SESSION", "PREFIX", "TOTAL"]
    assert "\nno room        laptop\nfailed lately  mini\nnas            needs 18.2 GiB" in text
    assert "[bold]which is not" in text
    assert "num_ctx 4096 is dropped" in text


def test_no_name_is_cut_and_no_heading_unexplained() -> None:
    narrow, wide = (drawn(call_lines(asked()), width) for width in (80, 120))
    assert f"* {LONG} " in wide
    in_table = narrow.split("\n\n")[1].splitlines()
    assert "".join(line[2:14].strip() for line in in_table[1:4]) == LONG
    words = " ".join(wide.split("\npoints ")[1].split())
    assert words.startswith("THERMAL: model in memory; MEMORY: ")
    headings = next(line for line in wide.splitlines() if "NODE" in line).split()
    assert [each.partition(":")[0] for each in words.split("; ")] == headings[1:-1]
    assert "points" not in drawn(call_lines(told(a_decision(outcome="refused", reason="no")) | asked_of()))


def asked_of() -> dict[str, Any]:
    return {"asked_model": "m", "operation": "chat", "estimated_tokens": 0}


def test_what_is_nothing_is_not_told_and_no_name_twice() -> None:
    decision = a_decision(
        a_refusal("pi", "pi is cordoned"), a_refusal(LONG, f"{LONG} drains"), outcome="waits"
    )
    lines = drawn(call_lines(told(decision) | asked_of())).splitlines()
    assert lines[0] == "m, chat: would wait (policy weighted)"
    assert lines[2:5] == [
        "pi                        is cordoned",
        f"{LONG[:24]}  drains",
        LONG[24:],
    ]
    row: dict[str, Any] = {"asked_model": "m", "timestamp": None, "attempts": [], "latency_ms": 26.4}
    assert drawn(call_lines(told(decision) | ROW | row)).startswith("m: completed 200 on n1, 26 ms")


def test_a_large_fleet_counts_what_it_leaves_out() -> None:
    text = drawn(call_lines(asked(omitted=993, omitted_refusals={"NODE is cordoned": 900})))
    assert "993 further places; 900 x NODE is cordoned" in " ".join(text.split())


def test_models_of_one_decision_have_a_table_each_and_engines_of_one_node_their_names() -> None:
    decision = a_decision(
        a_place("n1", room=False, thermal=50),
        a_place("n1", engine="llamacpp", room=False, thermal=10),
        a_place("n1", model="small:latest", thermal=30),
    )
    text = drawn(call_lines(asked() | told(decision)))
    assert "for llama3.2:latest" in text
    assert "for small:latest" in text
    assert "  n1/llamacpp " in text
    assert text.count("*") == 1


def test_a_call_of_which_little_is_known() -> None:
    row: dict[str, Any] = {
        "request_id": "c1",
        "status": "rejected",
        "status_code": 503,
        "node_id": None,
        "retries": 0,
        "timestamp": 0.0,
        "latency_ms": 1234.0,
        "attempts": [],
    }
    decision = a_decision(outcome="refused", reason="queue full")
    text = drawn(call_lines(told(decision) | row | {"asked_model": "m"}))
    assert text.splitlines()[0] == "m: rejected 503, 1.2 s (policy weighted)"
    assert text.splitlines()[1] == "request c1, 1970-01-01 00:00:00 UTC"
    assert "why       refused: queue full" in text


def test_rows_that_another_program_wrote_and_names_that_would_steer_the_terminal() -> None:
    row: dict[str, Any] = {
        "request_id": "c1",
        "status": "failed",
        "status_code": None,
        "node_id": None,
        "retries": 0,
        "timestamp": 1e300,
        "latency_ms": None,
        "attempts": [],
    }
    decision = a_decision(a_refusal("n\x1b[2J", "\x07 it\nis down"), outcome="waits")
    text = drawn(call_lines(told(decision) | row | {"asked_model": "m"}))
    assert text.splitlines()[:2] == ["m: failed (policy weighted)", "request c1"]
    assert "n\\x1b[2J" in text
    assert "\\x07 it\\nis down" in text
    assert "\x1b" not in text
    row["timestamp"] = None
    assert drawn(call_lines(told(decision) | row | {"asked_model": "m"})).splitlines()[1] == "request c1"


def test_a_replay_tells_shares_and_the_largest_moves() -> None:
    moves = tuple(Move("n1", f"m{at}", 1) for at in range(MOVES_SHOWN + 5))
    replayed = Replayed(
        looked_at=100,
        moved=25,
        skipped={"a weight was 0 or not stored": 3},
        moves=moves,
        nodes={"n1": Share(100, 75), "m0": Share(0, 1)},
    )
    text = drawn(replay_lines(replayed, {"thermal": 20.0}))
    print(text)  # noqa: T201 - to be looked at
    assert text.startswith("25 of 100 decisions (25.0 %) would have gone elsewhere, with thermal=20")
    assert "3: a weight was 0 or not stored" in text
    assert ["n1", "100", "75", "-25"] in [line.split() for line in text.splitlines()]
    assert ["others", "5"] in [line.split() for line in text.splitlines()]
    nothing = Replayed(looked_at=0, moved=0, skipped={}, moves=(), nodes={})
    assert drawn(replay_lines(nothing, {})).startswith("0 of 0 decisions (0.0 %)")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say one of"),
        (["id", "--replay"], "say one of"),
        (["--prompt", "hello"], "say one of"),
        (["id", "--prompt", "hello"], "--prompt belongs to --model"),
        (["id", "--weights", "thermal=1"], "belong to --replay"),
        (["--replay", "--weights", "termal=1"], "no signal is called 'termal'; near: thermal"),
        (["--replay", "--weights", "thermal=-1"], "wants a number from 0 on"),
        (["--replay", "--weights", "thermal=nan"], "wants a number from 0 on"),
        (["--replay", "--weights", "thermal"], "wants a number from 0 on"),
        (["--replay", "--since", "yesterday"], "as in 30m, 24h or 7d"),
        (["--replay", "--last", "0"], "0 is not in the range"),
        (["--body", "/does/not/exist"], "/does/not/exist: No such file"),
        (["--body", "-"], "- is not the JSON of a call"),
        (["id", "--url", "ftp://x"], "is no address"),
    ],
)
def test_wrong_usage_is_told_before_anybody_is_asked(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(main, ["explain", *arguments], input="[1]")
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
