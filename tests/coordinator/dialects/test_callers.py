"""Who calls and in which class: the header, the keys' file, and what is refused."""

import hashlib
from typing import Any, cast

import pytest

from coordinator.access.principal import Principal
from coordinator.core.call import Priority
from coordinator.dialects.callers import STRANGERS, BadLine, Callers, owners_of
from coordinator.requests import CallerRequest, Identities
from shared.errors import CallerFault
from shared.http1.exchange import Exchange
from shared.http1.heads import RequestHead
from shared.http1.inflow import Inflow

SECRET = "sk-night-shift"
HASH = hashlib.sha256(SECRET.encode()).hexdigest()
CALLERS = Callers(owners_of(f"# keys\n{HASH} batch night.shift  # since May\n\n"))


class Line:
    """Nobody's connection."""

    peer = "127.0.0.1"


def request(**headers: str) -> CallerRequest:
    said = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    line = cast(Any, Line())
    exchange = Exchange(line, RequestHead(b"POST", b"/", said), Inflow(line, 0), expecting=False)
    return CallerRequest(exchange, Identities(), 0)


@pytest.mark.parametrize("word", ["Batch", " batch ", "BATCH"])
def test_the_header_says_the_class_in_any_case(word: str) -> None:
    assert CALLERS.of(request(X_Fleet_Priority=word))[1] == "batch"
    assert CALLERS.of(request())[1] == "interactive"


@pytest.mark.parametrize("word", ["urgent", "", "\u0131nteractive", "batch,interactive"])
def test_another_word_is_refused(word: str) -> None:
    with pytest.raises(CallerFault, match="X-Fleet-Priority is interactive, batch or background, not"):
        CALLERS.of(request(X_Fleet_Priority=word))


@pytest.mark.parametrize(
    ("asked", "given"),
    [("interactive", "batch"), ("batch", "batch"), ("background", "background")],
)
def test_a_key_sets_the_highest_class_that_the_header_may_ask_for(asked: str, given: Priority) -> None:
    headers = {"Authorization": f"Bearer {SECRET}", "X_Fleet_Priority": asked}
    assert CALLERS.of(request(**headers)) == ("night.shift", given)


def test_a_key_is_found_in_either_header_and_gives_the_client_its_name() -> None:
    assert CALLERS.of(request(Authorization=f"bearer {SECRET}")) == ("night.shift", "batch")
    assert CALLERS.of(request(x_api_key=SECRET)) == ("night.shift", "batch")
    client, priority = CALLERS.of(request(Authorization="Bearer another"))
    assert client != "night.shift"
    assert priority == "interactive"


@pytest.mark.parametrize(
    ("priority", "shown", "expected"),
    [
        ("background", SECRET, ("guest", "background")),
        ("interactive", SECRET, ("guest", "interactive")),
        (None, SECRET, ("guest", "batch")),
        (None, "sk-herd-another", ("guest", "interactive")),
    ],
    ids=["below the file's", "above the file's", "the file's", "nobody's"],
)
def test_a_key_of_ours_stands_before_the_file(
    priority: Priority | None, shown: str, expected: tuple[str, Priority]
) -> None:
    asked = request(Authorization=f"Bearer {shown}")
    asked.principal = Principal("key", "guest", frozenset({"infer"}), None, "abcdefgh", priority)
    assert CALLERS.of(asked) == expected


def test_no_other_key_beside_it_lifts_what_the_file_says_of_ours() -> None:
    ours = "sk-herd-guest"
    callers = Callers(owners_of(f"{hashlib.sha256(ours.encode()).hexdigest()} background\n"))
    asked = request(Authorization="Bearer made-up", X_Api_Key=ours, X_Fleet_Priority="interactive")
    asked.principal = Principal("key", "guest", frozenset({"infer"}), None, "abcdefgh")
    assert callers.of(asked) == ("guest", "background")


def test_unknown_keys_of_one_address_are_clients_of_their_own_up_to_a_bound() -> None:
    callers = Callers({})
    alone = callers.of(request())[0]
    names = [callers.of(request(Authorization=f"Bearer made-up-{number}"))[0] for number in range(40)]
    assert alone not in names[:STRANGERS]
    assert len(set(names[:STRANGERS])) == STRANGERS
    assert set(names[STRANGERS:]) == {alone}, "who makes up keys gains no further shares"
    again = callers.of(request(x_api_key="made-up-3"))[0]
    assert again == names[3]
    assert not any("made-up" in name for name in names)


def test_a_key_without_a_name_is_told_by_the_beginning_of_its_hash() -> None:
    assert owners_of(f"{HASH} background")[HASH].name == f"key-{HASH[:8]}"


@pytest.mark.parametrize(
    "line", [SECRET, f"{HASH}", f"{HASH} urgent", f"{SECRET} batch", f"{HASH} batch a b"]
)
def test_a_bad_line_is_told_by_its_number_and_never_repeated(line: str) -> None:
    with pytest.raises(BadLine) as refused:
        owners_of(f"# first\n{line}\n")
    assert str(refused.value).startswith("line 2: ")
    assert SECRET not in str(refused.value)
