"""A growing conversation keeps its name, another one has another, and nothing of either can be read in it."""

from typing import Any

import msgspec
import pytest
from msgspec import Raw

from coordinator.dialects.body import ABSENT
from coordinator.dialects.conversation import (
    FIRST_BYTES,
    HEAD_BYTES,
    Names,
    Opening,
    names_of,
    opening_of_chat,
    opening_of_prompt,
    session_named,
)

SYSTEM = {"role": "system", "content": "You are brief."}
LONG = {"role": "system", "content": "You are long-winded. " * 500}


class Message(msgspec.Struct):
    role: Raw = ABSENT
    content: Raw = ABSENT


def said(*messages: dict[str, Any]) -> list[Message]:
    return msgspec.json.decode(msgspec.json.encode(messages), type=list[Message])


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def answer(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def chat(
    *messages: dict[str, Any], tools: list[Raw] | None = None, model: str = "m", client: str = "c"
) -> Names:
    return names_of(opening_of_chat(said(*messages), tools), model, client)


def test_a_growing_conversation_keeps_its_name() -> None:
    turns = [SYSTEM, user("hello"), answer("hi"), user("how are you?"), answer("fine"), user("good")]
    names = [chat(*turns[:length]) for length in (2, 4, 6)]
    assert names[0].session
    assert len({each.session for each in names}) == 1
    assert [each.continues for each in names] == [False, True, True]


@pytest.mark.parametrize(
    "other",
    [
        chat(SYSTEM, user("goodbye")),
        chat(user("hello")),
        chat(SYSTEM, user("hello"), model="n"),
        chat(SYSTEM, user("hello"), client="d"),
        chat({"role": "system", "content": "You are loud."}, user("hello")),
        chat(SYSTEM, user("hello"), tools=[Raw(b"{}")]),
    ],
    ids=["words", "no system prompt", "model", "client", "system prompt", "tools"],
)
def test_another_conversation_has_another(other: Names) -> None:
    assert other.session
    assert other.session != chat(SYSTEM, user("hello")).session


def test_a_long_beginning_is_shared_whoever_asks_and_whatever_follows() -> None:
    one = chat(LONG, user("hello"), client="a")
    two = chat(LONG, user("what?"), client="b")
    assert one.prefix
    assert one.prefix == two.prefix
    assert one.session != two.session
    assert chat(LONG, user("hello"), model="n").prefix != one.prefix
    assert chat(SYSTEM, user("hello" * 10_000)).prefix == "", "that is not shared"


def test_tools_make_a_beginning_long_too() -> None:
    tool = Raw(b'{"type":"function","function":{"name":"%s"}}' % (b"x" * HEAD_BYTES))
    assert chat(user("hello"), tools=[tool]).prefix
    assert chat(SYSTEM, user("hello"), tools=[tool]).prefix == chat(user("hello"), tools=[tool]).prefix


def test_a_developer_is_a_system() -> None:
    brief = {"role": "developer", "content": "You are brief."}
    assert chat(brief, user("hello")).session == chat(SYSTEM, user("hello")).session
    assert not chat(brief, user("hello")).continues


def test_only_the_beginning_of_what_is_said_is_looked_at() -> None:
    start = "word " * FIRST_BYTES
    assert chat(user(start + "a")).session == chat(user(start + "b")).session


def test_a_prompt_that_grows_at_its_end_keeps_its_name() -> None:
    start = "def f():\n" * FIRST_BYTES
    names = [names_of(opening_of_prompt(start + end, "be brief"), "m", "c") for end in ("", "    return 1")]
    assert names[0] == names[1]
    assert names[0].session
    assert not names[0].continues
    assert names_of(opening_of_prompt("other", "be brief"), "m", "c").session != names[0].session


@pytest.mark.parametrize("empty", [chat(), chat(SYSTEM), names_of(opening_of_prompt(None), "m", "c")])
def test_where_nothing_is_said_there_is_no_conversation(empty: Names) -> None:
    assert empty == Names()


def test_the_callers_own_word_is_the_conversation() -> None:
    def named(header: str | None, *tags: str, model: str = "m", client: str = "c") -> Names:
        return names_of(opening_of_chat(said(user("x")), None), model, client, session_named(header, tags))

    assert named("42").continues
    assert named("42") == named("42", client="d") == named(None, "x", "session:42")
    assert named("42") != named("43")
    assert named("42") != named("42", model="n")
    assert session_named("  ", ["session:"]) == ""


def test_openais_cache_key_names_the_beginning() -> None:
    def keyed(key: bytes, text: str = "x") -> Names:
        return names_of(Opening(first=Raw(text.encode())), "m", "c", shared=Raw(key))

    assert keyed(b'"k"').prefix == keyed(b'"k"', "y").prefix != keyed(b'"l"').prefix
    assert keyed(b'"k"').session != keyed(b'"k"', "y").session
    assert [keyed(key).prefix for key in (b"", b"null", b'""')] == ["", "", ""]


def test_nothing_can_be_read_in_a_name() -> None:
    names = chat(LONG, user("secret"))
    assert len(names.session) == len(names.prefix) == 32
    assert int(names.session, 16) >= 0
