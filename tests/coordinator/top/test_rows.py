"""Rows of the four views, from plain pictures."""

from typing import Any

import pytest

from coordinator.top.events import event_rows
from coordinator.top.glyphs import ASCII, UNICODE
from coordinator.top.models import model_rows
from coordinator.top.nodes import node_rows
from coordinator.top.requests import request_rows, short_id
from coordinator.top.table import Row
from coordinator.top.views import VIEWS, named
from tests.fakes.pictures import NOW, a_picture


def by_key(rows: list[Row]) -> dict[str, dict[str, str]]:
    """Texts by key and title."""
    return {row.key: {title: cell.text for title, cell in row.cells.items()} for row in rows}


def test_a_node_with_a_card() -> None:
    row = by_key(node_rows(a_picture(), NOW, UNICODE))["workstation-02"]
    assert row["STATE"] in ("● ready", "▶ busy")
    assert (row["AGE"], row["ENGINE"], row["CARD"]) == ("2h01m", "ollama", "RTX 3090")
    assert (row["GPU"], row["VRAM"], row["VRAM GiB"]) == ("███░  74%", "██░░  50%", "12/24")
    assert (row["CPU"], row["RAM"], row["RAM GiB"]) == ("█░░░  26%", "▍░░░   9%", "6.0/64")
    assert (row["TEMP"], row["PWR"], row["MODELS"]) == ("52C", "102W", "1/3")
    assert (row["TTFT"], row["VER"]) == ("1.5s", "0.1.0")


def test_what_a_node_does_not_tell_is_a_dash() -> None:
    row = by_key(node_rows(a_picture(), NOW, UNICODE))["laptop-01"]
    assert (row["GPU"], row["VRAM"], row["VRAM GiB"], row["PWR"], row["TTFT"]) == ("-",) * 5


def test_states_have_a_symbol_and_a_word() -> None:
    picture = a_picture(4, cordoned="laptop-01", lost="laptop-03", calls=0)
    rows = by_key(node_rows(picture, NOW, UNICODE))
    assert rows["laptop-01"]["STATE"] == "◌ cordoned"
    assert rows["laptop-03"]["STATE"] == "✖ lost"
    assert rows["workstation-02"]["STATE"] == "● ready"
    assert by_key(node_rows(picture, NOW, ASCII))["laptop-03"]["STATE"] == "x lost"


def test_an_engine_that_is_down_is_marked() -> None:
    rows = node_rows(a_picture(broken=2), NOW, UNICODE)
    cell = next(row for row in rows if row.key == "workstation-02").cells["ENGINE"]
    assert (cell.text, cell.style) == ("!ollama", "bold red")
    assert by_key(rows)["workstation-02"]["STATE"] == "✖ no engine"


def test_models() -> None:
    row = by_key(model_rows(a_picture(), NOW, UNICODE))["qwen3:8b"]
    assert (row["NODES"], row["SIZE GiB"], row["CTX"], row["UNTIL"]) == ("0/2", "2.0", "-", "-")
    row = by_key(model_rows(a_picture(), NOW, UNICODE))["llama3.2:3b"]
    assert (row["NODES"], row["CTX"], row["SLOTS"]) == ("3/3", "8.2k", "12")


@pytest.mark.parametrize(
    ("expires", "told"),
    [
        ("2027-01-15T08:06:40.723456789Z", "5m00s"),
        ("2327-01-15T08:06:40Z", "for ever"),
        ("soon", "-"),
        ("", "-"),
    ],
)
def test_until_when_a_model_stays(expires: str, told: str) -> None:
    picture = a_picture()
    picture["models"]["llama3.2:3b"]["expires_at"] = expires
    assert by_key(model_rows(picture, NOW, UNICODE))["llama3.2:3b"]["UNTIL"] == told


def test_requests() -> None:
    rows = by_key(request_rows(a_picture(), NOW, UNICODE))
    first, last = rows["0001-call"], rows["0003-call"]
    assert (first["AGE"], first["MODEL"], first["PRIO"], first["KEY/TAG"]) == (
        *("29s", "qwen3:8b", "inter"),
        "ann,app:notes",
    )
    assert (first["PHASE"], first["IN"], first["OUT"], first["TOK/S"]) == ("▶ decode", "700", "100", "3.6")
    assert last["PHASE"] in ("↑ loading", "» prefill")
    assert last["TOK/S"] == "-"


def test_the_end_of_a_long_id_is_shown() -> None:
    assert short_id("0190c7e2-0000-7000-8000-0123456789ab") == "..56789ab"
    assert short_id("mine") == "mine"


def test_events_are_newest_first() -> None:
    rows = event_rows(a_picture(lost="laptop-01"), NOW, UNICODE)
    texts = by_key(rows)
    assert [row.cells["KIND"].text for row in rows][:2] == ["✖ leave", "↻ retry"]
    assert texts[rows[1].key]["WHAT"] == "llama3.2:latest: connection reset"


def test_every_cell_has_its_column() -> None:
    picture = a_picture(5, lost="laptop-01")
    for view in VIEWS:
        titles = {column.title for column in view.columns}
        assert view.order in titles
        for row in view.rows(picture, NOW, UNICODE):
            assert set(row.cells) == titles


def test_what_other_machines_say_does_not_steer_the_terminal() -> None:
    picture = a_picture()
    evil = "a\x1b[2Jb\nc"
    picture["nodes"][evil] = picture["nodes"]["laptop-01"] | {"state": evil, "agent_version": evil}
    picture["models"][evil] = picture["models"]["qwen3:8b"] | {"digest": evil, "quantization": evil}
    picture["requests"][evil] = picture["requests"]["0001-call"] | {"client": evil, "model": evil}
    picture["events"].append(picture["events"][0] | {"text": evil, "node_id": evil})
    for view in VIEWS:
        for row in view.rows(picture, NOW, UNICODE):
            assert all(cell.text.isprintable() for cell in row.cells.values()), view.name


def test_ascii_is_ascii() -> None:
    picture: dict[str, Any] = a_picture(5, cordoned="laptop-01", lost="laptop-03")
    for view in VIEWS:
        for row in view.rows(picture, NOW, ASCII):
            assert all(cell.text.isascii() for cell in row.cells.values())


def test_views_are_found_by_what_people_type() -> None:
    assert [view.name for word in ("no", "req", "ev", "models") if (view := named(word))] == [
        *("nodes", "requests", "events"),
        "models",
    ]
    assert named("pods") is None
