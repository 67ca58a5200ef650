"""What of a request's head matters, read to the letter."""

import pytest

from coordinator.access.facts import Facts, facts_of, is_loopback, is_near, shown_key
from shared.http1.heads import RequestHead

OURS, OTHER = "sk-herd-a", "sk-other"
PASSED_ON = (
    *("Forwarded", "Forwarded-For", "Via", "X-Forwarded", "X-Forwarded-For", "X-Forwarded-Host"),
    *("X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Ssl"),
    *("X-Forwarded-Scheme", "X-Forwarded-Protocol", "X-Forwarded-Prefix", "X-Forwarded-Uri"),
    *("X-Forwarded-By", "X-Forwarded-User", "X-Forwarded-Client-Cert", "X-Original-Forwarded-For"),
    *("X-Original-Host", "X-Original-Url", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip"),
    *("X-Envoy-External-Address", "X-Azure-ClientIP", "X-Appengine-User-Ip", "X-Arr-Log-Id"),
    *("CF-Connecting-IP", "CF-Connecting-IPv6", "CF-Ray", "CDN-Loop", "True-Client-IP"),
    *("Fastly-Client-IP", "Fly-Client-IP", "Tailscale-User-Login"),
)


def facts(*headers: tuple[str, str], peer: str = "127.0.0.1") -> Facts:
    said = [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in headers]
    return facts_of(RequestHead(b"POST", b"/api/chat", said), peer)


@pytest.mark.parametrize("name", PASSED_ON)
def test_whatever_a_proxy_adds_tells_that_there_is_one(name: str) -> None:
    for spelt in (name, name.lower(), name.upper()):
        assert facts(("Host", "x"), (spelt, "")).proxied


def test_what_clients_send_by_themselves_does_not() -> None:
    usual = (
        "Accept User-Agent Connection Content-Length Referer X-Stainless-Os X-Request-Id Traceparent Origin"
    )
    assert not facts(("Host", "x"), *((name, "x") for name in usual.split())).proxied


def test_what_is_not_said_is_not_there() -> None:
    assert facts() == Facts("127.0.0.1")


def test_what_is_said_is_told() -> None:
    told = facts(
        ("Host", "Den:11435"),
        ("Origin", "http://den:11435"),
        ("Sec-Fetch-Site", "same-origin"),
        ("Content-Type", " Application/JSON ; charset=utf-8"),
        peer="fe80::1%3",
    )
    assert told == Facts(
        "fe80::1%3", "Den:11435", "http://den:11435", "same-origin", content_type="application/json"
    )
    odd = facts(
        ("Host", "\udcff"), ("Origin", "\udcff"), ("Sec-Fetch-Site", "\udcff"), ("Content-Type", "\udcff")
    )
    assert (odd.host, odd.origin, odd.site, odd.content_type) == ("\ufffd",) * 4


@pytest.mark.parametrize(
    ("mode", "dest", "navigates"),
    [
        ("navigate", "document", True),
        ("navigate", "iframe", False),
        ("cors", "document", False),
        ("navigate", "", False),
        ("", "document", False),
    ],
)
def test_a_page_is_opened_where_the_browser_says_both(mode: str, dest: str, navigates: bool) -> None:
    told = [(name, said) for name, said in (("Sec-Fetch-Mode", mode), ("Sec-Fetch-Dest", dest)) if said]
    assert facts(*told).navigates is navigates


@pytest.mark.parametrize(
    ("authorization", "header", "key"),
    [
        (None, None, ""),
        (f"Bearer {OURS}", None, OURS),
        (f"bEARER   {OURS} ", None, OURS),
        (f"Basic {OURS}", None, ""),
        (f"Bearer{OURS}", None, ""),
        (OURS, None, ""),
        (None, OURS, OURS),
        (None, f" {OURS} ", OURS),
        (f"Bearer {OTHER}", OURS, OURS),
        (f"Bearer {OURS}", OTHER, OURS),
        (f"Bearer {OURS}", f"{OURS}2", OURS),
        (f"Bearer {OTHER}", "sk-third", OTHER),
        ("Bearer ", OTHER, OTHER),
        ("Basic x", OTHER, OTHER),
        ("Bearer \udcff", None, "\ufffd"),
        (None, "\udcff", "\ufffd"),
    ],
)
def test_the_key_that_counts_is_one_of_ours_before_any_other(
    authorization: str | None, header: str | None, key: str
) -> None:
    told = [(name, said) for name, said in (("Authorization", authorization), ("X-Api-Key", header)) if said]
    assert facts(*told).key == key
    fields = {name.lower().encode(): said.encode("utf-8", "surrogateescape") for name, said in told}
    assert shown_key(fields) == key


@pytest.mark.parametrize("name", ["Authorization", "X-Api-Key"])
def test_two_keys_in_one_header_are_none_that_there_is(name: str) -> None:
    word = "Bearer " if name == "Authorization" else ""
    assert facts((name, word + OURS), (name, word + OTHER)).key == f"{OURS}, {word}{OTHER}"


@pytest.mark.parametrize(
    ("peer", "loopback", "near"),
    [
        ("127.0.0.1", True, True),
        ("127.255.1.2", True, True),
        ("::1", True, True),
        ("::ffff:127.0.0.1", True, True),
        ("10.0.0.1", False, True),
        ("172.16.0.1", False, True),
        ("172.31.255.255", False, True),
        ("192.168.1.7", False, True),
        ("::ffff:192.168.1.7", False, True),
        ("100.64.0.3", False, True),
        ("169.254.7.7", False, True),
        ("fe80::1%eth0", False, True),
        ("fd00::7", False, True),
        ("fc00::7", False, True),
        ("192.0.2.7", False, True),
        ("198.18.0.7", False, True),
        ("8.8.8.8", False, False),
        ("::ffff:8.8.8.8", False, False),
        ("172.32.0.1", False, False),
        ("2a00:1450::1", False, False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False, False),
        ("2002:c0a8:107::1", False, False),
        ("64:ff9b::c0a8:107", False, False),
        ("64:ff9b:1::7", False, False),
        ("::192.168.1.7", False, False),
        ("::127.0.0.1", False, False),
        ("224.0.0.1", False, False),
        ("ff02::1", False, False),
        ("255.255.255.255", False, False),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("localhost", False, False),
        ("", False, False),
        ("%lo", False, False),
    ],
)
def test_whom_a_connection_is_with(peer: str, loopback: bool, near: bool) -> None:
    assert (is_loopback(peer), is_near(peer)) == (loopback, near)
