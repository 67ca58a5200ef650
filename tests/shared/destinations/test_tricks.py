import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.destinations.ranges import NEVER, kind_of, number, plain
from shared.destinations.rules import CHOSEN, CONFIGURED, HEARD, Gateways, check_host, networks_of
from shared.destinations.urls import BadDestination, named, read
from tests.shared.destinations.tricks import HOSTS, URLS

FAR = "192.168.1.7"
"""Where a node is, by its connection."""


@pytest.mark.parametrize("host", HOSTS, ids=ascii)
def test_no_trick_is_a_nodes_address(host: str) -> None:
    with pytest.raises(BadDestination):
        Gateways().host(host, FAR)


@pytest.mark.parametrize("url", URLS, ids=ascii)
def test_no_trick_is_a_url(url: str) -> None:
    with pytest.raises(BadDestination) as raised:
        read(url)
    assert "word" not in str(raised.value), "a password was told"


def test_the_corpus_is_large_enough() -> None:
    assert len(set(HOSTS)) >= 60
    assert len(set(URLS)) >= 30


@pytest.mark.parametrize(
    ("advertised", "source", "host"),
    [
        ("", FAR, FAR),
        ("", "::ffff:192.168.1.7", FAR),
        ("", "fd00::7", "fd00::7"),
        ("", "fe80::7%eth0", "fe80::7%eth0"),
        ("", "127.0.0.1", "127.0.0.1"),
        ("10.0.0.9", FAR, "10.0.0.9"),
        ("fd00::9", FAR, "fd00::9"),
        ("fe80::7%eth0", "fe80::7%eth0", "fe80::7%eth0"),
        ("127.0.0.2", "127.0.0.1", "127.0.0.2"),
        ("localhost", "::1", "localhost"),
        ("Laptop.example.", FAR, "laptop.example"),
    ],
)
def test_where_a_node_is(advertised: str, source: str, host: str) -> None:
    assert Gateways().host(advertised, source) == host


@pytest.mark.parametrize("source", ["8.8.8.8", "100.64.0.1", "2606:4700::1111", "169.254.169.254", "0.0.0.0"])
def test_a_connection_from_somewhere_else_is_no_nodes(source: str) -> None:
    with pytest.raises(BadDestination):
        Gateways().host("", source)


def test_a_setting_opens_networks_and_never_the_metadata_in_them() -> None:
    gateways = Gateways(networks_of(["100.64.0.0/10", "0.0.0.0/0", "::/0"]))
    assert gateways.host("", "100.64.0.1") == "100.64.0.1"
    assert gateways.host("8.8.8.8", FAR) == "8.8.8.8"
    for never in ("100.100.100.200", "169.254.169.254", "::ffff:10.0.0.1", "224.0.0.1", "0.0.0.0"):
        with pytest.raises(BadDestination):
            gateways.host(never, FAR)


def test_the_refusal_of_another_network_says_what_would_allow_it() -> None:
    with pytest.raises(
        BadDestination, match=r"100\.64\.0\.1 is not in a private network .*FLEET_ALLOWED_NETWORKS"
    ):
        Gateways().host("100.64.0.1", FAR)


def test_what_an_owner_wrote_down_may_be_anywhere_but_where_no_machine_is() -> None:
    for text in ("8.8.8.8", "127.0.0.1", "10.0.0.1", "fd00::1"):
        assert CONFIGURED.why_not(ipaddress.ip_address(text)) == ""
    assert CONFIGURED.why_not(ipaddress.ip_address("169.254.1.1"))
    assert not CHOSEN.why_not(ipaddress.ip_address("fe80::1%eth0"))
    assert HEARD.why_not(ipaddress.ip_address("127.0.0.1"))


def test_a_url_that_is_one() -> None:
    place = read("https://Registry.example:8443/v2/")
    assert (place.scheme, place.host, place.port, place.path) == ("https", "registry.example", 8443, "/v2/")
    assert read("http://[FD00::1]").base == "http://[fd00::1]:80"
    assert read("http://[fe80::1%eth0]:9").host == "fe80::1%eth0"
    assert read("http://[fd00::1]/v1").path == "/v1"
    longest = ".".join(["a" * 63] * 3 + ["a" * 61])
    assert len(named(longest)) == 253
    with pytest.raises(BadDestination):
        named(f"{longest}a")
    assert read("http://10.0.0.1", 11435).port == 11435
    assert named("xn--bro-hoa.example") == "xn--bro-hoa.example"


@given(st.ip_addresses())
def test_every_number_has_a_kind_and_what_python_calls_odd_is_never_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    kind = kind_of(address)
    if kind == "public":
        assert address.is_global or address in ipaddress.ip_network("2000::/3")
    if address.is_multicast or address.is_unspecified:
        assert kind in NEVER
    if kind == "private":
        assert address.is_private
    assert number(str(address)) == address


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for reader in (read, named, lambda each: Gateways().host(each, FAR)):
        try:
            reader(text)
        except BadDestination:
            continue
    assert isinstance(plain(text), str)


@pytest.mark.parametrize("host", ["169.254.169.254", "127.1", "fe80::a9fe:a9fe%eth0", "a b"])
def test_what_was_written_down_is_no_trick(host: str) -> None:
    with pytest.raises(BadDestination):
        check_host(host, CHOSEN)
    check_host("10.0.0.1", CHOSEN)
    check_host("fe80::1%eth0", CHOSEN)
    check_host("box.example", CHOSEN)


def test_a_beat_from_no_address_is_nobodys() -> None:
    with pytest.raises(BadDestination, match="is no address"):
        Gateways().host("", "nowhere")
