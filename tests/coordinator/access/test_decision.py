"""Who is admitted where: plain values in, a name or a status out."""

from itertools import product
from typing import Any

import pytest
from msgspec.structs import replace

from coordinator.access.decision import decide
from coordinator.access.hosts import Standing
from coordinator.access.routes import ROUTES, UNKNOWN, UNSERVED, Route
from coordinator.server import PREFLIGHT
from shared.errors import FleetError, NoAccess
from tests.coordinator.access.asking import CLOSED, HOST, JSON, KEYS, LAN, OPEN, SCOPES, facts, outcome, row

CHAT = row("POST", "/api/chat")
STATUS = row("GET", "/fleet/status")
STOP = row("POST", "/fleet/stop")
DELETE = row("DELETE", "/api/delete")
BEAT = row("POST", "/heartbeat")
HEALTH = row("GET", "/health")
PAGE = row("GET", "/dashboard")
FOR_ALL = ("/health", "/join")
"""Whoever asks to join has proofs of its own."""
ASKED = [each for each in ROUTES if not each.form]
"""Forms are another matter: test_session_decisions.py."""


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("route", ASKED, ids=name_of)
def test_a_stranger_gets_health_and_nothing_else(route: Route) -> None:
    expected: int | str = "stranger" if route.path in FOR_ALL else 401
    for asked in (
        facts(LAN),
        facts(proxied=True),
        facts(LAN, key="sk-x"),
        facts("8.8.8.8", origin="http://localhost:11435"),
        facts("not an address"),
    ):
        assert outcome(asked, route) == expected, asked


@pytest.mark.parametrize("route", ASKED, ids=name_of)
def test_the_owner_may_do_everything_but_beat(route: Route) -> None:
    special: dict[str, int | str] = dict.fromkeys(FOR_ALL, "stranger")
    special |= {"/heartbeat": 401, "/join/renew": 401}
    expected = special.get(route.path, "owner")
    assert outcome(facts(), route) == outcome(facts("::1", key="ollama"), route) == expected


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("route", ASKED, ids=name_of)
def test_a_key_may_do_what_its_scope_says_from_wherever(route: Route, scope: Any) -> None:
    expected: int | str = scope if scope in route.scopes else 401 if "node" in route.scopes else 403
    if route.path in FOR_ALL:
        expected = "stranger"
    for peer in ("127.0.0.1", LAN, "8.8.8.8"):
        assert outcome(facts(peer, key=f"sk-herd-{scope}"), route) == expected


@pytest.mark.parametrize("route", ASKED, ids=name_of)
def test_open_mode_lets_neighbours_do_what_harms_nobody_for_long(route: Route) -> None:
    expected: int | str = 403 if route.scopes == {"admin"} else "stranger"
    assert (
        outcome(facts(LAN), route, OPEN) == outcome(facts("fd00::7", key="ollama"), route, OPEN) == expected
    )
    far: int | str = "stranger" if route.path in FOR_ALL else 401
    assert outcome(facts("8.8.8.8"), route, OPEN) == outcome(facts("2a00:1450::1"), route, OPEN) == far
    assert outcome(facts(LAN, proxied=True), route, OPEN) == far


@pytest.mark.parametrize("route", ASKED, ids=name_of)
def test_a_nodes_certificate_is_for_its_beats(route: Route) -> None:
    expected: int | str = "node-1" if route.path in (*FOR_ALL, "/heartbeat", "/join/renew") else 403
    assert outcome(facts(LAN, node="node-1"), route, host="foreign") == expected


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
@pytest.mark.parametrize("peer", ["127.0.0.1", LAN])
def test_a_foreign_name_is_refused_everywhere(route: Route, peer: str) -> None:
    for mode in (CLOSED, OPEN):
        for key in ("", "sk-herd-admin"):
            assert outcome(facts(peer, host="evil.example", key=key), route, mode, "foreign") == 421


@pytest.mark.parametrize(
    "page",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://localhost:11436"},
        {"origin": "http://localhost"},
        {"origin": "http://localhost:11435@evil.example"},
        {"origin": "http://localhost:11435, http://evil.example"},
        {"origin": "http://[broken"},
        {"origin": "file://localhost:11435"},
        {"site": "cross-site"},
        {"site": "same-site"},
        {"site": "same-origin, cross-site"},
    ],
    ids=lambda page: "-".join(page.values()) or "empty",
)
def test_pages_of_others_are_refused_whoever_reads_them(page: dict[str, str]) -> None:
    readers = product((CLOSED, OPEN), ("127.0.0.1", LAN), ("", "sk-herd-admin"))
    for mode, peer, key in readers:
        for route in [each for each in ROUTES if not each.public]:
            assert outcome(facts(peer, key=key, **page), route, mode) == 403


def test_the_own_page_works() -> None:
    own = {"origin": f"http://{HOST}", "site": "same-origin"}
    assert outcome(facts(**own), STOP) == "owner"
    assert outcome(facts(origin=f"HTTP://{HOST.upper()}"), STOP) == "owner"
    assert outcome(facts(site="none", navigates=True), PAGE) == "owner"


def test_what_a_browser_opens_or_reads_by_itself_need_not_be_json() -> None:
    assert outcome(facts(site="none"), STATUS) == outcome(facts(site="same-origin"), STATUS) == "owner"
    assert outcome(facts(origin=f"http://{HOST}", content_type=""), STATUS) == "owner"
    asking = facts(origin="https://chat.example", site="cross-site", content_type="")
    assert outcome(asking, PREFLIGHT, allowed_page=True) == "stranger"


def test_the_own_page_is_known_by_tls_and_in_any_letters_and_health_is_for_every_page() -> None:
    assert outcome(facts(origin=f"https://{HOST}"), STOP) == "owner"
    assert outcome(facts(origin=f"http://{HOST}", host=HOST.upper()), STOP) == "owner"
    assert outcome(facts(origin="http://evil.example", site="cross-site"), HEALTH) == "stranger"


def test_a_session_reads_without_a_word_of_its_page() -> None:
    assert outcome(facts(LAN, session="read"), STATUS) == "read"


def test_an_origin_without_a_name_is_no_page_of_a_coordinator_without_one() -> None:
    assert outcome(facts(host="", origin="http://"), STOP) == 403


def test_each_is_what_it_is_called() -> None:
    ways = (
        (facts(), CLOSED, "owner"),
        (facts(LAN), OPEN, "stranger"),
        (facts(key="sk-herd-infer"), CLOSED, "key"),
    )
    for asked, mode, kind in ways:
        assert decide(asked, CHAT, mode, "own", KEYS.get).kind == kind
    assert decide(facts(LAN), HEALTH, CLOSED, "own", KEYS.get).kind == "stranger"


def test_refusals_name_what_was_wrong() -> None:
    for told, words in (
        (
            {"host": "evil.example:80"},
            "not called evil.example:80; if it is: FLEET_HOSTNAMES=evil.example:80",
        ),
        ({"origin": "http://evil.example"}, "FLEET_ORIGINS=http://evil.example"),
        ({"origin": "x" * 100}, "x" * 100),
        ({"origin": "x" * 101}, "another name"),
        ({"proxied": True}, "what a proxy passes on needs a key with the scope infer"),
        ({}, "a caller from another machine needs a key with the scope infer"),
    ):
        standing: Standing = "foreign" if "host" in told else "own"
        with pytest.raises(FleetError) as refused:
            decide(facts(LAN, **told), CHAT, CLOSED, standing, KEYS.get)
        assert words in str(refused.value)


def test_a_link_may_lead_to_a_page_and_to_nothing_else() -> None:
    linked = facts(site="cross-site", navigates=True)
    assert outcome(linked, PAGE) == "owner"
    assert outcome(linked, STATUS) == outcome(facts(site="cross-site"), PAGE) == 403


def test_an_allowed_page_needs_a_key_even_on_the_owners_machine() -> None:
    page = facts(origin="https://chat.example", site="cross-site")
    assert outcome(page, CHAT, allowed_page=True) == 401
    assert outcome(replace(page, key="sk-herd-infer"), CHAT, allowed_page=True) == "infer"
    assert outcome(replace(page, peer=LAN), CHAT, OPEN, allowed_page=True) == "stranger"


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_what_a_form_can_send_is_no_order(kind: str) -> None:
    assert outcome(facts(content_type=kind), STOP) == 415
    assert outcome(facts(content_type=kind), CHAT) == "owner"
    assert outcome(facts(content_type=kind, origin=f"http://{HOST}"), CHAT) == 415
    assert outcome(facts(LAN, content_type=kind), STOP) == 401
    assert outcome(facts(content_type=JSON), STOP) == "owner"


def test_a_key_of_ours_is_judged_on_loopback_too() -> None:
    assert outcome(facts(key="sk-herd-gone"), CHAT) == 401
    assert outcome(facts(LAN, key="sk-herd-gone"), CHAT, OPEN) == 401
    assert outcome(facts(key="sk-herd-infer"), DELETE) == 403
    assert outcome(facts(key="sk-herd-gone"), HEALTH) == "stranger"


def test_a_name_that_may_be_another_machines_makes_nobody_the_owner() -> None:
    assert outcome(facts(host="other.local"), CHAT, host="known") == 401
    assert outcome(facts(host="other.local", key="sk-herd-infer"), CHAT, host="known") == "infer"


def test_beats_without_certificate_are_taken_in_open_mode_from_near_only() -> None:
    assert outcome(facts(LAN), BEAT, OPEN) == "stranger"
    assert outcome(facts(), BEAT, OPEN) == "owner"
    assert outcome(facts("8.8.8.8"), BEAT, OPEN) == 401
    assert outcome(facts(LAN), BEAT, CLOSED) == outcome(facts(), BEAT, CLOSED) == 401


def test_what_is_not_there_is_told_to_those_only_who_may_do_something() -> None:
    assert outcome(facts(LAN), UNKNOWN) == outcome(facts(LAN), UNSERVED) == 401
    assert outcome(facts(LAN), UNKNOWN, OPEN) == "stranger"
    assert outcome(facts(LAN), UNSERVED, OPEN) == outcome(facts(key="sk-herd-read"), UNSERVED) == 403
    assert outcome(facts(), UNKNOWN) == outcome(facts(), UNSERVED) == "owner"


@pytest.mark.parametrize(
    "secret", ["sk-herd-secret-part", "\x1b[31m", "x" * 5_000], ids=["key", "escape", "long"]
)
def test_refusals_repeat_no_key_and_nothing_that_steers(secret: str) -> None:
    for told in ({"key": secret}, {"origin": secret}, {"host": secret}):
        with pytest.raises(FleetError) as caught:
            decide(facts(LAN, **told), CHAT, CLOSED, "own" if "host" not in told else "foreign", KEYS.get)
        assert len(str(caught.value)) < 1_000
        if "key" in told or secret != "sk-herd-secret-part":
            assert secret not in str(caught.value)


HERE = "ask by http://127.0.0.1"


@pytest.mark.parametrize(
    ("told", "hint"),
    [
        ({"host": "192.168.1.7:11435"}, f"{HERE}:11435, which needs none there"),
        ({"host": "[fd00::7]:8080"}, f"{HERE}:8080, "),
        ({"host": "den"}, f"{HERE}, "),
        ({"host": "[fd00::7]"}, f"{HERE}, "),
        ({"host": ""}, f"{HERE}, "),
        ({"proxied": True}, ""),
        ({"origin": f"http://{HOST}"}, ""),
        ({"peer": "192.168.1.8"}, ""),
    ],
    ids=["IPv4", "IPv6", "name", "no port", "none", "proxied", "page", "another machine"],
)
def test_who_asks_its_own_machine_by_the_network_is_told_of_loopback(told: dict[str, Any], hint: str) -> None:
    """It proves nothing: it is a stranger all the same."""
    with pytest.raises(NoAccess) as refused:
        decide(
            facts(**({"peer": LAN} | told)),
            CHAT,
            CLOSED,
            "own",
            KEYS.get,
            is_here=lambda address: address == LAN,
        )
    assert "herd key create --name NAME --scope infer" in str(refused.value)
    assert hint in str(refused.value)
    assert (HERE in str(refused.value)) == bool(hint)
    assert ("from another machine" in str(refused.value)) == (not hint and "proxied" not in told)


def test_refusals_name_the_command() -> None:
    with pytest.raises(NoAccess, match="herd key create --name NAME --scope infer"):
        decide(facts(LAN), CHAT, CLOSED, "own", KEYS.get)
