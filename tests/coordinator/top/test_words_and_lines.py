"""Numbers as words, commands, the lines around the table, panels, plain tables, events out of bytes."""

import msgspec
import pytest

from coordinator.top.details import model_lines, node_lines, request_lines
from coordinator.top.glyphs import ASCII, UNICODE, fitting
from coordinator.top.header import alerts_of, figures_line, title_line, unsafe_nodes
from coordinator.top.plain import plain_lines
from coordinator.top.sse import EventReader, NotEvents
from coordinator.top.status import Asked, status_line, tabs_line
from coordinator.top.typed import Command, command
from coordinator.top.views import VIEWS
from coordinator.top.words import age, count, gib, lasting, rate
from tests.fakes.pictures import NOW, a_picture

ASKED = Asked(
    filter="",
    shown=3,
    count=3,
    paused=False,
    read_only=False,
    trouble="",
    silent_s=0.0,
    told="",
    view="nodes",
)


def text(pieces: list[tuple[str, str]]) -> str:
    """Without styles."""
    return "".join(each for each, _ in pieces)


def test_numbers_as_words() -> None:
    assert [age(each) for each in (-1, 4, 192, 7500, 273_600)] == ["0s", "4s", "3m12s", "2h05m", "3d4h"]
    assert [gib(each * 2**30) for each in (0, 9.5, 9.99, 24)] == ["0.0", "9.5", "10", "24"]
    assert [count(each) for each in (0, 999, 1200, 32_000, 999_800, 1_500_000)] == [
        *("0", "999", "1.2k", "32k"),
        *("1.0M", "1.5M"),
    ]
    assert [rate(each) for each in (None, 0, 8.54, 120.4)] == ["-", "0", "8.5", "120"]
    assert [lasting(each) for each in (None, 0.09, 1.24, 75)] == ["-", "90ms", "1.2s", "75s"]


@pytest.mark.parametrize(
    ("environment", "symbols"),
    [
        ({"LANG": "de_DE.UTF-8"}, True),
        ({"LANG": "C", "LC_ALL": "C.UTF-8"}, True),
        ({"LC_ALL": "", "LC_CTYPE": "en_US.UTF-8", "LANG": "C"}, True),
        ({"LC_ALL": "C", "LANG": "de_DE.UTF-8"}, False),
        ({"LC_CTYPE": "POSIX", "LANG": "de_DE.UTF-8"}, False),
        ({}, False),
        ({"LANG": "de_DE.UTF-8", "TERM": "linux"}, False),
        ({"LANG": "de_DE.UTF-8", "TERM": "dumb"}, False),
    ],
)
def test_symbols_only_where_locale_and_terminal_know_them(environment: dict[str, str], symbols: bool) -> None:
    assert fitting("utf-8", {"TERM": "xterm"} | environment, "linux") == (UNICODE if symbols else ASCII)
    assert fitting("ISO8859-1", {"TERM": "xterm"} | environment, "linux") == ASCII


def test_windows_has_no_locale_to_ask() -> None:
    assert (fitting("utf-8", {}, "win32"), fitting("cp1252", {}, "win32")) == (UNICODE, ASCII)


def test_the_header() -> None:
    picture = a_picture()
    told = text(title_line(picture["fleet"], "http://127.0.0.1:11435", NOW, [1.0, 2.0], 100, UNICODE))
    assert told.startswith("herd home 0.1.0 up 1m40s http://127.0.0.1:11435 ")
    assert told.endswith("▄█")
    assert len(told) == 100
    figures = text(figures_line(picture["fleet"], 0, 200))
    assert figures.startswith("nodes 3/3  models 1  run 3  held 0  tok/s ")
    assert "err 0%  alerts 0  TTFT 1.5s/1.5s" in figures
    busy = a_picture(30, calls=20)["fleet"] | {"ttft_p50_s": 0.459, "ttft_p95_s": 0.459}
    assert "alerts 1" in text(figures_line(busy, 1, 80)), "whether all is well stands there in any case"
    assert all(len(text(figures_line(picture["fleet"], 0, width))) <= width for width in range(5, 120))


def test_nodes_with_an_unsafe_engine_are_named_beside_the_address() -> None:
    picture = a_picture()
    assert unsafe_nodes(picture) == []
    for node_id in ("laptop-01", "laptop-03"):
        picture["nodes"][node_id]["unsafe"] = ["ollama faces the network at 192.168.1.7"]
    unsafe = unsafe_nodes(picture)
    assert unsafe == ["laptop-01", "laptop-03"]
    title = title_line(picture["fleet"], "http://h:1", NOW, [], 100, UNICODE, unsafe)
    assert title[-1] == (" UNSAFE laptop-01, laptop-03: herd doctor", "bold red")
    many = title_line(picture["fleet"], "http://h:1", NOW, [], 100, UNICODE, ["a\x1b[2J", "b", "c", "d"])
    assert many[-1][0] == " UNSAFE a\\x1b[2J, b and 2 more: herd doctor"
    assert len(text(title_line(picture["fleet"], "http://h:1", NOW, [1.0], 30, UNICODE, unsafe))) == 30
    told = list(plain_lines(picture, "http://h:1", NOW, 0, UNICODE))
    assert told[0].endswith(" UNSAFE laptop-01, laptop-03: herd doctor")


def test_alerts_are_nodes_that_are_away_and_engines_that_are_down() -> None:
    assert alerts_of(a_picture()) == 0
    assert alerts_of(a_picture(lost="laptop-01", broken=2)) == 2
    assert alerts_of(a_picture(cordoned="laptop-01")) == 0


def test_the_line_of_views() -> None:
    picture = a_picture()
    assert text(tabs_line(picture, "models", ASKED, 80)).startswith(" 1 nodes 3 [2 models 3] 3 requests 3 ")
    filtered = msgspec.structs.replace(ASKED, filter="x", shown=1, paused=True, read_only=True)
    assert text(tabs_line(picture, "nodes", filtered, 120)).endswith("/x (1 of 3)  PAUSED  read only")
    assert len(text(tabs_line(picture, "nodes", filtered, 20))) == 20


def test_the_line_below_tells_first_what_is_wrong() -> None:
    told = msgspec.structs.replace(ASKED, told="done")
    assert text(status_line(told, 80)) == "done"
    wrong = msgspec.structs.replace(told, trouble="no coordinator answers: " + "x" * 200, silent_s=63)
    line = text(status_line(wrong, 80))
    assert line.startswith("! no coordinator answers")
    assert line.endswith("...; this is 1m03s old; trying again")
    assert len(line) <= 80
    refused = msgspec.structs.replace(
        wrong, trouble="no coordinator answers: Connection refused", silent_s=3599
    )
    whole = "! no coordinator answers: Connection refused; this is 59m59s old; trying again"
    assert text(status_line(refused, 80)) == whole
    read_only = msgspec.structs.replace(ASKED, read_only=True)
    assert "cordon" in text(status_line(ASKED, 80))
    assert "cordon" not in text(status_line(read_only, 80))


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("nodes", Command(view="nodes")),
        (" REQ ", Command(view="requests")),
        ("q", Command(leave=True)),
        ("help", Command(keys=True)),
        ("sort run", Command(sort="RUN")),
        ("sort vram g", Command(sort="VRAM GiB")),
        ("every 2s", Command(every_s=2.0)),
        ("every 1h", Command(every_s=10.0)),
        ("", Command()),
        ("sort vrma", Command(wrong="no column 'vrma'; did you mean VRAM or VER or RAM?")),
        ("nods", Command(wrong="no command 'nods'; did you mean nodes or models?")),
    ],
)
def test_commands(typed: str, expected: Command) -> None:
    assert command(typed, VIEWS[0]) == expected


@pytest.mark.parametrize("typed", ["sort", "sort zz", "every", "every soon"])
def test_what_is_not_understood_is_told(typed: str) -> None:
    wrong = command(typed, VIEWS[0]).wrong
    assert 0 < len(wrong) <= 80


def test_the_panel_of_a_node() -> None:
    told = "\n".join(node_lines(a_picture(lost="laptop-01"), "workstation-02", NOW, ASCII))
    assert "GPU 0     ###############..... " in told
    assert "ollama (ollama ?): up" in told
    assert "llama3.2:3b: 0.0 GiB, context 8.2k" in told
    assert "10s ago retry: llama3.2:latest: connection reset" in told
    picture = a_picture()
    picture["nodes"]["laptop-01"]["unsafe"] = ["ollama faces the network at 192.168.1.7"]
    told = "\n".join(node_lines(picture, "laptop-01", NOW, ASCII))
    assert "\nunsafe    ollama faces the network at 192.168.1.7\n" in told
    lost = "\n".join(node_lines(a_picture(lost="laptop-01"), "laptop-01", NOW, ASCII))
    assert lost.startswith("state     lost: no heartbeat for")
    assert next(node_lines(a_picture(), "nobody", NOW, ASCII)) == "nobody is not known any more"


def test_the_panels_of_a_model_and_a_request() -> None:
    told = "\n".join(model_lines(a_picture(), "llama3.2:3b", NOW))
    assert "3 have it in memory, 3 on disk" in told
    assert "laptop-01/ollama" in told
    assert next(model_lines(a_picture(), "x", NOW)) == "no node has x any more"
    told = "\n".join(request_lines(a_picture(), "0001-call", NOW))
    assert "phase     decode at" in told
    assert "700 in, 100 out, 3.6 tok/s" in told
    assert list(request_lines(a_picture(), "gone", NOW))[1] == "phase     ended"


def test_plain_tables() -> None:
    lines = list(plain_lines(a_picture(), "http://h:1", NOW, 0, UNICODE))
    assert lines[0].startswith("herd home")
    assert sum(each.startswith("NAME ") for each in lines) == 2
    assert any(each.startswith("workstation-02") for each in lines)
    only = list(plain_lines(a_picture(calls=0), "http://h:1", NOW, 80, ASCII, "requests"))
    assert only[-1] == "requests: no call waits or runs"
    assert all(len(each) <= 100 for each in only)


def test_events_come_whole_out_of_pieces() -> None:
    reader = EventReader()
    whole = b': still here\n\nid: a.1\nevent: change\ndata: {"x": 1}\n\nid: a.2\nevent: change\ndata: {}\n\n'
    found = [event for at in range(len(whole)) for event in reader.feed(whole[at : at + 1])]
    assert [(each.kind, each.last_id, each.data) for each in found] == [
        ("change", "a.1", {"x": 1}),
        ("change", "a.2", {}),
    ]
    with pytest.raises(NotEvents):
        reader.feed(b"event: change\ndata: {nonsense\n\n")
