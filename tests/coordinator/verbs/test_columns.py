"""Tables as text, and YAML."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.verbs.block_yaml import block_yaml
from coordinator.verbs.columns import Table, number


def test_columns_stand_under_their_headings() -> None:
    table = Table(("NAME", "N"), [("a-long-name", "1"), ("b", "")])
    assert table.lines() == ["NAME          N", "a-long-name   1", "b             -"]
    assert table.lines(headings=False) == ["a-long-name   1", "b             -"]
    assert Table(("NAME", "N"), []).lines() == ["NAME   N"]
    assert Table(("NAME", "N"), []).lines(headings=False) == []


def test_wide_letters_take_two_columns() -> None:
    table = Table(("NAME", "N"), [("東京😀", "1"), ("ab", "2"), ("é", "3")])
    assert table.lines() == ["NAME     N", "東京😀   1", "ab       2", "é        3"]


def test_names_of_other_machines_do_not_steer_the_terminal() -> None:
    assert Table(("NAME",), [("a\x1b[2Jb\nc",)]).lines()[1] == "a\\x1b[2Jb\\nc"


def test_numbers() -> None:
    assert (number(None), number(3.14159, 1), number(7)) == ("", "3.1", "7")


def test_yaml_in_blocks() -> None:
    told = {"models": [{"name": "m:latest", "size": 3, "tags": [], "more": {"a": None}}, "x"], "empty": {}}
    assert block_yaml(told).splitlines() == [
        *(
            "models:",
            "  - name: m:latest",
            "    size: 3",
            "    tags: []",
            "    more:",
            "      a: null",
            "  - x",
        ),
        "empty: {}",
    ]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", "plain"),
        ("yes", '"yes"'),
        ("1.0", '"1.0"'),
        ("a: b", '"a: b"'),
        ("", '""'),
        ("# no", '"# no"'),
        ("bell\x07\x7f", '"bell\\u0007\\U0000007f"'),
    ],
)
def test_what_yaml_might_take_for_more_is_quoted(text: str, written: str) -> None:
    assert block_yaml(text) == written


@given(st.text())
def test_any_text_is_one_printable_line(text: str) -> None:
    assert block_yaml(text).isprintable()
