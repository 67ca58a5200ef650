"""What a browser's cookie is worth, and for whom: plain values in, a name or a status out."""

from itertools import product
from typing import Any

import pytest

from coordinator.access.cookies import forgotten, kept, token_in
from coordinator.access.decision import decide
from coordinator.access.facts import facts_of
from coordinator.access.routes import ROUTES, Route
from shared.http1.heads import RequestHead
from tests.coordinator.access.asking import (
    CLOSED,
    HOST,
    KEYS,
    LAN,
    OPEN,
    SCOPES,
    SESSIONS,
    facts,
    outcome,
    row,
)

OWN = f"http://{HOST}"
STATUS, STOP, CHAT = row("GET", "/fleet/status"), row("POST", "/fleet/stop"), row("POST", "/api/chat")
ORDERS = [each for each in ROUTES if each.method != "GET" and not each.form]
ASKED = [each for each in ROUTES if not each.form and not each.public and "join" not in each.scopes]
FORMS = [each for each in ROUTES if each.form]
FORM = "application/x-www-form-urlencoded"
TOKEN = "T" * 43
PLACES = {
    "infer": ("POST", "/api/chat"),
    "read": ("GET", "/fleet/status"),
    "operate": ("POST", "/fleet/stop"),
    "admin": ("POST", "/dashboard/api/delete"),
}
OTHERS = ("http://localhost:3000", "http://evil.example", "null", "", "https://localhost:11435@evil.example")
"""Of pages: the first is of another program on this machine, to which browsers send the same cookies."""


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("route", ASKED, ids=name_of)
def test_a_session_may_do_what_its_key_may_and_no_more(route: Route, scope: Any) -> None:
    expected: int | str = scope if scope in route.scopes else 401 if "node" in route.scopes else 403
    for peer, proxied in product((LAN, "8.8.8.8"), (False, True)):
        assert outcome(facts(peer, proxied=proxied, session=scope, origin=OWN), route) == expected
    assert outcome(facts(proxied=True, session=scope, origin=OWN), route) == expected


@pytest.mark.parametrize("route", ORDERS, ids=name_of)
def test_an_order_by_a_session_says_which_page_it_comes_from(route: Route) -> None:
    """Cookies go along with whatever a page of the same machine asks; a key goes with what its holder asks."""
    for mode, (scope, each) in product((CLOSED, OPEN), SESSIONS.items()):
        for origin in (None, *OTHERS):
            asked = facts(LAN, session=scope, origin=origin)
            if origin is None and each.scopes.isdisjoint(route.scopes):
                continue  # refused for want of the scope
            if "join" in route.scopes and origin is None:
                continue  # proofs of its own
            assert outcome(asked, route, mode) == 403, (origin, scope)


def test_what_a_form_can_send_is_no_order_of_a_session() -> None:
    for kind, route in product(("", "text/plain", FORM, "multipart/form-data"), (STOP, CHAT)):
        scope = min(route.scopes)
        assert outcome(facts(LAN, session=scope, origin=OWN, content_type=kind), route) == 415
        assert outcome(facts(LAN, session=scope, origin=OWN), route) == scope


def test_a_session_makes_nobody_the_owner_and_takes_nothing_from_the_owner() -> None:
    for scope in SCOPES:
        asked = facts(LAN, session=scope, origin=OWN)
        found = decide(asked, row(*PLACES[scope]), CLOSED, "own", KEYS.get, find_session=SESSIONS.get)
        assert found == SESSIONS[scope]
        assert (found.kind, found.by_session) == ("key", True)
        assert outcome(facts(session=scope), STATUS) == "owner"


def test_a_key_goes_before_a_cookie() -> None:
    assert outcome(facts(LAN, session="read", key="sk-herd-infer"), STATUS) == 403
    assert outcome(facts(LAN, session="read", key="sk-herd-gone"), STATUS) == 401
    assert outcome(facts(LAN, session="read", key="sk-x"), STATUS) == 401
    assert outcome(facts(LAN, session="infer", key="sk-herd-read"), STATUS) == "read"


def test_a_session_that_is_none_is_a_stranger() -> None:
    assert outcome(facts(LAN, session="gone"), STATUS) == 401
    assert outcome(facts(LAN, session="gone"), STATUS, OPEN) == "stranger"
    assert outcome(facts(LAN, session="gone"), CHAT, OPEN) == "stranger"


def test_who_logs_in_to_an_open_fleet_is_its_key() -> None:
    delete = row("POST", "/dashboard/api/delete")
    assert outcome(facts(LAN, origin=OWN), delete, OPEN) == 403
    assert outcome(facts(LAN, session="admin", origin=OWN), delete, OPEN) == "admin"


def test_pages_of_others_get_nothing_by_a_cookie_even_allowed_ones() -> None:
    for origin, route in product(OTHERS, (STATUS, STOP)):
        assert outcome(facts(LAN, session="read", origin=origin), route) == 403
    chat = facts(LAN, session="infer", origin="https://chat.example", site="cross-site")
    assert outcome(chat, CHAT, allowed_page=True) == 401
    for site in ("cross-site", "same-site"):
        assert outcome(facts(LAN, session="read", site=site), STATUS) == 403


@pytest.mark.parametrize("host", ["own", "known"])
@pytest.mark.parametrize("route", FORMS, ids=name_of)
def test_a_form_comes_from_our_own_page_and_from_no_other(route: Route, host: Any) -> None:
    for mode, peer in product((CLOSED, OPEN), (LAN, "127.0.0.1", "8.8.8.8")):
        assert outcome(facts(peer, origin=OWN, content_type=FORM), route, mode, host) == "stranger"
        for origin, allowed in product((None, *OTHERS), (False, True)):
            asked = facts(peer, origin=origin, content_type=FORM)
            assert outcome(asked, route, mode, host, allowed_page=allowed) == 403, origin
        for allowed in (False, True):
            asked = facts(peer, origin=OWN, site="cross-site")
            assert outcome(asked, route, mode, host, allowed_page=allowed) == 403
    assert outcome(facts(LAN, origin=OWN), route, CLOSED, "foreign") == 421
    assert outcome(facts(LAN, node="node-1"), route) == 403


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("", ""),
        (f"herd-session={TOKEN}", TOKEN),
        (f"a=b; herd-session={TOKEN}; c=d", TOKEN),
        (f"a=b;herd-session={TOKEN}", TOKEN),
        (f"herd-session={'P' * 43}; __Host-herd-session={TOKEN}", TOKEN),
        (f"herd-session={TOKEN}; herd-session={'U' * 43}", TOKEN),
        (f"herd-session=short; herd-session={TOKEN}", TOKEN),
        (f"xherd-session={TOKEN}", ""),
        (f"Herd-Session={TOKEN}", ""),
        (f"herd-session={TOKEN}x", ""),
        ("herd-session=", ""),
        (f"herd-session={'é' * 43}", ""),
        (";;;===", ""),
    ],
    ids=[
        "none",
        "alone",
        "between",
        "tight",
        "secure first",
        "first",
        "shape",
        "prefix",
        "case",
        "long",
        "empty",
        "bytes",
        "odd",
    ],
)
def test_cookies_are_read_to_the_letter(header: str, token: str) -> None:
    assert token_in(header.encode()) == token
    head = RequestHead(b"GET", b"/fleet/status", [(b"Host", b"x"), (b"Cookie", header.encode())])
    assert facts_of(head, LAN).session == token


def test_a_cookie_is_for_this_origin_and_for_no_script() -> None:
    for secure in (False, True):
        name, *marks = kept(TOKEN, 60, secure=secure).split("; ")
        assert name == ("__Host-herd-session=" if secure else "herd-session=") + TOKEN
        assert set(marks) == {"Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=60"} | (
            {"Secure"} if secure else set()
        )
    assert all(
        "Max-Age=0" in each and token_in(each.partition(";")[0].encode()) == "" for each in forgotten()
    )
    assert forgotten() == [
        "herd-session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0",
        "__Host-herd-session=; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=0",
    ]
