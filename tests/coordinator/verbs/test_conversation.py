"""A chat: what typed lines mean, what is asked after what was said."""

import pytest

from coordinator.verbs.conversation import Conversation, Typed, figures


def test_what_was_said_is_asked_with() -> None:
    chat = Conversation("m", "Be brief.", think=False)
    assert chat.asks("one") == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "one"}],
        "stream": True,
        "think": False,
    }
    chat.answered("1")
    said = [each["content"] for each in chat.asks("two")["messages"]]
    assert said == ["Be brief.", "one", "1", "two"]


def test_a_question_without_an_answer_is_taken_back() -> None:
    chat = Conversation("m")
    chat.asks("lost")
    chat.answered("")
    assert [each["content"] for each in chat.asks("again")["messages"]] == ["again"]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("hello", "say"),
        ("", "nothing"),
        ("/bye", "bye"),
        ("/?", "tell"),
        ("/nonsense", "tell"),
        ("/show", "tell"),
    ],
)
def test_lines(line: str, kind: str) -> None:
    assert Conversation("m").typed(line).kind == kind


def test_lines_between_quotes_are_one_message() -> None:
    chat = Conversation("m")
    assert chat.typed('"""one') == Typed("more")
    assert chat.typed("/bye") == Typed("more")
    assert chat.typed('two"""') == Typed("say", "one\n/bye\ntwo")
    assert chat.typed('"""all in one"""') == Typed("say", "all in one")
    chat.typed('"""begun')
    chat.broken_off()
    assert chat.typed("/bye") == Typed("bye")


def test_commands_change_the_chat() -> None:
    chat = Conversation("m")
    chat.asks("one")
    chat.answered("1")
    assert chat.typed("/clear").kind == "tell"
    assert chat.typed('/set system "You are a cook."').text == "the system message is set"
    assert [each["content"] for each in chat.asks("two")["messages"]] == ["You are a cook.", "two"]


def test_figures_of_an_answer() -> None:
    lines = figures({"eval_count": 10, "eval_duration": 2_000_000_000, "total_duration": 3e9}, "laptop")
    assert [line.split(":")[0] for line in lines] == ["node", "total duration", "eval count", "eval rate"]
    assert lines[-1].endswith("5.00 tokens/s")
