"""`herd top` by textual's pilot, on a real stream: what stands on the screen, what keys do."""

import contextlib
from typing import Any

import pytest

from coordinator.top.following import Follower
from coordinator.top.glyphs import UNICODE
from coordinator.top.screen import Top
from tests.fakes.pictures import NOW, a_picture
from tests.fakes.piloted import Screen, a_screen
from tests.fakes.streamed import Streamed
from tests.fakes.waiting import eventually


async def test_the_nodes_in_eighty_columns() -> None:
    async with a_screen() as screen:
        await screen.sees("[1 nodes 3] 2 models 3  3 requests 3", "workstation-02", "● ready")
        lines = screen.lines()
        assert len(lines) == 24
        assert max(map(len, lines)) <= 80
        assert lines[3].split() == ["NAME▲", "STATE", "GPU", "VRAM", "CPU", "RAM", "RUN", "TOK/S"]
        assert lines[4].startswith("> laptop-01")


async def test_wider_shows_more_and_a_resize_is_followed() -> None:
    async with a_screen(size=(160, 48)) as screen:
        await screen.sees("CARD", "RTX 3090", "TTFT", "12/24")
        await screen.pilot.resize_terminal(80, 24)
        await screen.sees_no("RTX 3090")
        await screen.pilot.resize_terminal(40, 10)
        await screen.sees("NAME", "STATE")
        assert max(map(len, screen.lines())) <= 40
        await screen.pilot.resize_terminal(12, 3)
        await screen.sees("> laptop-", "enter de")
        await screen.sees_no("[1 nodes")
        assert (len(screen.lines()), max(map(len, screen.lines()))) == (3, 12)
        await screen.pilot.resize_terminal(80, 24)
        await screen.sees("[1 nodes 3]", "nodes 3/3", "q quit")


async def test_what_changes_is_seen() -> None:
    async with a_screen() as screen:
        screen.fleet.tell(a_picture(lost="laptop-01", cordoned="workstation-02"))
        await screen.sees("✖ lost", "◌ cordoned", "nodes 2/3", "4 events 6")


async def test_views_by_keys_and_by_words() -> None:
    async with a_screen() as screen:
        await screen.press("2")
        await screen.sees("[2 models 3]", "llama3.2:3b", "SLOTS")
        await screen.press("tab")
        await screen.sees("[3 requests 3]", "▶ decode")
        await screen.press("colon", *"ev", "enter")
        await screen.sees("[4 events 4]", "connection reset")
        await screen.press("colon", *"pods", "enter")
        await screen.sees("no command 'pods'")


async def test_the_cursor_and_the_order() -> None:
    async with a_screen(a_picture(30)) as screen:
        await screen.press("G")
        await screen.sees("> workstation-30")
        await screen.press("g", "j", "j", "k")
        await screen.sees("> laptop-03")
        await screen.press("R")
        await screen.sees("RAM▲")
        await screen.press("S")
        await screen.sees("RAM▼")
        await screen.press("colon", *"sort name", "enter")
        await screen.sees("NAME▲")


async def test_a_filter_works_while_it_is_typed_and_escape_ends_it() -> None:
    async with a_screen() as screen:
        await screen.press("slash", *"works")
        await screen.sees("/works (1 of 3)")
        await screen.sees_no("laptop-01")
        await screen.press("enter")
        await screen.sees("u cordon", "/works (1 of 3)")
        await screen.press("escape")
        await screen.sees("laptop-01")


async def test_a_pause_stands_still() -> None:
    async with a_screen() as screen:
        await screen.press("p")
        await screen.sees("PAUSED")
        screen.fleet.tell(a_picture(lost="laptop-01"))
        await eventually(lambda: "lost" in str(screen.app._follower.picture))
        assert "✖ lost" not in "\n".join(screen.lines())
        await screen.press("p")
        await screen.sees("✖ lost")


async def test_panels_and_the_way_back() -> None:
    async with a_screen() as screen:
        await screen.press("question_mark")
        await screen.sees("cordon, or uncordon (asks first)")
        await screen.press("escape", "G", "enter")
        await screen.sees("Node workstation-02", "ENGINES", "12 of 24 GiB", "retry: llama3.2:latest")
        await screen.press("q", "2", "j", "d")
        await screen.sees("Model llama3.2:3b", "IN MEMORY AT")
        await screen.press("escape")
        await screen.sees("[2 models 3]")


async def test_a_request_is_explained() -> None:
    async with a_screen() as screen:
        await screen.press("3", "e")
        await screen.sees("Request 0001-call", "phase     decode", "no explanation")
        await screen.press("escape")
        screen.fleet.explanation = an_explanation()
        await screen.press("enter")
        await screen.sees("THERMAL", "CONTEXT", "* laptop-01", "no room", "workstation-02")


def an_explanation() -> dict[str, Any]:
    """As /fleet/explain tells it, of a running call."""
    signals = ("thermal", "memory_fit", "queue_depth", "wait_time")
    points = dict.fromkeys((*signals, "role_affinity", "availability_trend", "context_fit", "total"), 1.5)
    place = {
        "node_id": "laptop-01",
        "engine": "ollama",
        "model": "m",
        "eligible": True,
        "has_room": True,
        "troubled": False,
        "refusal": "",
        "scores_breakdown": points,
        "predicted_seconds": None,
    }
    return {
        **{"status": "running", "status_code": None, "node_id": "laptop-01", "chosen": "laptop-01"},
        **{"asked_model": "m", "request_id": "0001-call", "timestamp": NOW, "latency_ms": 30.0, "retries": 0},
        **{"policy": "weighted", "why": "most points", "context": "", "attempts": [], "outcome": "placed"},
        **{"omitted": 0, "omitted_refusals": {}},
        "candidates": [place, place | {"node_id": "workstation-02", "has_room": False}],
    }


async def test_the_log_of_a_node() -> None:
    async with a_screen() as screen:
        screen.fleet.log = [{"ts": "2027-01-15T08:00:00Z", "level": "WARNING", "msg": "it \x1b[2J burns"}]
        await screen.press("l")
        await screen.sees("Log of laptop-01", "WARNING it \\x1b[2J burns")
        await screen.press("escape", "d")
        await screen.sees("Node laptop-01", "LOG", "WARNING it")


async def test_the_last_words_of_a_nodes_engines() -> None:
    crash = {
        "at": NOW,
        "engine": "vllm",
        "kind": "crashed",
        "code": -9,
        "rung": "as it was",
        "then": "again in 2 s",
    }
    async with a_screen() as screen:
        screen.fleet.node_events = [crash | {"lines": ["CUDA \x1b[2J error"]}]
        await screen.press("d")
        await screen.sees("LAST WORDS", "vllm: crashed, signal 9 (as it was)", "CUDA \\x1b[2J error")


async def test_orders_are_asked_about_first() -> None:
    async with a_screen(a_picture(cordoned="workstation-02")) as screen:
        await screen.press("u")
        await screen.sees("Cordon laptop-01", "[y] yes")
        await screen.press("n")
        await screen.sees_no("[y] yes")
        assert screen.fleet.orders == []
        await screen.press("u", "y")
        await screen.sees("laptop-01 cordoned")
        await screen.press("G", "u", "y")
        await screen.sees("workstation-02 uncordoned")
        await screen.press("r", "y")
        await screen.sees("workstation-02 drains")
        await screen.press("3", "ctrl+k", "y")
        await screen.sees("0001-call ended")
        nodes = "/fleet/nodes"
        assert screen.fleet.orders == [
            f"{nodes}/laptop-01/cordon",
            f"{nodes}/workstation-02/uncordon",
            f"{nodes}/workstation-02/drain",
            "/fleet/requests/0001-call/cancel",
        ]


async def test_marked_rows_get_an_order_together() -> None:
    async with a_screen() as screen:
        await screen.press("space", "space")
        await screen.sees(" +laptop-01")
        screen.fleet.tell(a_picture(4))
        await screen.sees("workstation-04", " +laptop-01")
        await screen.press("r", "y")
        await screen.sees("laptop-01 drains", "laptop-03 drains")
        assert len(screen.fleet.orders) == 2


async def test_read_only_orders_nothing() -> None:
    async with a_screen(read_only=True) as screen:
        await screen.press("u")
        await screen.sees("read only: no orders from here")
        await screen.press("3", "ctrl+k")
        assert screen.fleet.orders == []


async def test_ascii_is_ascii() -> None:
    async with a_screen(a_picture(4, lost="laptop-01"), ascii_only=True, size=(160, 48)) as screen:
        await screen.sees("x lost")
        assert "\n".join(screen.lines()).isascii()


async def test_no_colour_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with a_screen() as screen:
        assert screen.app.no_color
        drawn = screen.app.export_screenshot()
        assert "#98a84b" not in drawn  # green
        assert "herd&#160;home" in drawn


async def test_a_fleet_of_nobody_says_how_to_begin() -> None:
    async with a_screen(a_picture(0, calls=0)) as screen:
        await screen.sees("no node has joined yet: run herd-node on a machine")
        await screen.press("d", "u", "r", "l", "e", "space", "G", "3", "ctrl+k")
        await screen.sees("no call waits or runs")


async def test_a_restart_of_the_coordinator_is_told_and_survived() -> None:
    first = Streamed(a_picture())
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(first.serving())
        follower = Follower(first.url)
        app = Top(follower, UNICODE, every_s=0.5)
        async with app.run_test(size=(80, 24)) as pilot:
            screen = Screen(app, pilot, first)
            await screen.sees("laptop-01")
            await stack.aclose()
            await screen.sees("! ", "trying again", "laptop-01")
            second = Streamed(a_picture(4), "run2")
            async with second.serving(int(first.url.rpartition(":")[2])):
                await screen.sees("workstation-04", "? keys")
                assert follower.restarts == 1


async def test_a_turn_while_the_screen_is_taken_down_draws_nothing() -> None:
    async with a_screen() as screen:
        await screen.app.screen.remove_children()
        screen.app.look()
