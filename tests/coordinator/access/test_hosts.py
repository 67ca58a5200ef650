"""Names by which the coordinator may be asked."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.access.hosts import LOOK_AGAIN_S, REMEMBERED, TRUSTED_S, Hosts, Standing, bare


class Machine:
    """Its addresses and its clock."""

    def __init__(self) -> None:
        self.own = ["192.168.1.5", "fe80::1", "2001:db8::5"]
        self.now = 100.0
        self.looks = 0
        self.hosts = Hosts("Den.fritz.box", ("Herd.example.com", "203.0.113.9"), self.read, lambda: self.now)

    def read(self) -> list[str]:
        self.looks += 1
        return self.own


@pytest.mark.parametrize(
    ("host", "standing"),
    [
        ("localhost:11435", "own"),
        ("LOCALHOST.", "own"),
        ("app.localhost:11435", "own"),
        ("127.0.0.1:11435", "own"),
        ("127.8.9.1", "own"),
        ("[::1]:11435", "own"),
        ("0.0.0.0:11435", "own"),
        ("", "own"),
        ("den.fritz.box", "own"),
        ("den", "own"),
        ("Den.local:11435", "own"),
        ("den.lan", "own"),
        ("den.home", "own"),
        ("den.home.arpa", "own"),
        ("den.internal", "own"),
        ("den.localdomain", "own"),
        ("host.containers.internal", "own"),
        ("192.168.1.5:11435", "own"),
        ("[fe80::1%25eth0]:11435", "own"),
        ("[2001:DB8:0::5]", "own"),
        ("herd.EXAMPLE.com:80", "own"),
        ("203.0.113.9", "own"),
        ("host.docker.internal:11435", "own"),
        ("other.local", "known"),
        ("evil.example", "foreign"),
        ("localhost.evil.example", "foreign"),
        ("den.evil.example", "foreign"),
        ("evil-localhost", "foreign"),
        ("192.168.1.6", "foreign"),
        ("2130706433", "foreign"),
        ("0x7f.1", "foreign"),
        ("0177.0.0.1", "foreign"),
        ("127.1", "foreign"),
        ("127.0.0.1.nip.io", "foreign"),
        ("[::ffff:10.0.0.1]", "foreign"),
        ("local", "foreign"),
        ("den.fritz.box.evil.example", "foreign"),
    ],
    ids=lambda value: value or "none",
)
def test_names(host: str, standing: Standing) -> None:
    assert Machine().hosts.standing(host) == standing


def test_it_knows_its_own_addresses() -> None:
    hosts = Machine().hosts
    for address in ("192.168.1.5", "::ffff:192.168.1.5", "fe80::1%3", "2001:db8::5", "127.0.0.1", "::1"):
        assert hosts.has(address), address
    for address in ("192.168.1.6", "fe80::2%3", "8.8.8.8", "", "not an address"):
        assert not hosts.has(address), address


def test_an_address_that_comes_is_known_soon_and_one_that_goes_is_not_for_ever() -> None:
    machine = Machine()
    assert machine.hosts.standing("10.0.0.2") == "foreign"
    machine.own = ["10.0.0.2"]
    machine.now += LOOK_AGAIN_S
    assert machine.hosts.standing("10.0.0.2") == "own"
    machine.now += 60
    assert machine.hosts.standing("192.168.1.5") == "foreign"


def test_an_address_that_came_is_known_when_it_is_first_asked_for_and_forgotten_when_it_went() -> None:
    machine = Machine()
    assert machine.hosts.standing("192.168.1.5") == "own"
    machine.own = ["10.0.0.2"]
    assert machine.hosts.standing("10.0.0.2") == "foreign"
    machine.now += LOOK_AGAIN_S
    assert machine.hosts.standing("10.0.0.3") == "foreign", "looked up, with all that came"
    assert machine.hosts.standing("10.0.0.2") == "own"
    machine.own = ["10.0.0.4"]
    machine.now += LOOK_AGAIN_S
    assert machine.hosts.standing("10.0.0.4") == "own", "at once, where a look is due"
    machine.own = []
    machine.now += TRUSTED_S - 1
    assert machine.hosts.standing("10.0.0.4") == "own"
    machine.now += 1
    assert machine.hosts.standing("10.0.0.4") == "foreign"


def test_the_same_name_again_costs_a_look_a_second_at_most_and_known_ones_none() -> None:
    machine = Machine()
    for name in ("evil.example", "10.9.9.9"):
        for _ in range(50):
            assert machine.hosts.standing(name) == "foreign"
    assert machine.looks == 1
    machine.now += LOOK_AGAIN_S
    for _ in range(50):
        assert machine.hosts.standing("192.168.1.5") == machine.hosts.standing("den") == "own"
        assert machine.hosts.standing("other.local") == "known"
    assert machine.looks == 1
    assert machine.hosts.standing("evil.example") == "foreign"
    assert machine.looks == 2


def test_a_machine_may_write_its_name_with_a_dot_at_its_end() -> None:
    hosts = Hosts("Den.fritz.box.", ("herd.example.",), list)
    assert hosts.standing("den.fritz.box") == hosts.standing("herd.example") == hosts.standing("den") == "own"


@pytest.mark.parametrize(
    ("host", "name"),
    [("::1", "::1"), ("den:", "den"), ("den:x", "den:x"), ("den.:1", "den"), (" den ", "den")],
)
def test_a_port_is_digits_behind_a_name(host: str, name: str) -> None:
    assert bare(host) == name


def test_a_flood_of_names_costs_no_memory_and_no_looks() -> None:
    machine = Machine()
    for number in range(5 * REMEMBERED):
        assert machine.hosts.standing(f"10.1.{number // 256}.{number % 256}") == "foreign"
        assert machine.hosts.standing(f"x{number}.example") == "foreign"
    assert machine.looks <= 2
    assert len(machine.hosts._judged) <= REMEMBERED


@given(st.text(max_size=40))
def test_whatever_a_host_is_it_is_judged(host: str) -> None:
    assert Machine().hosts.standing(host) in ("own", "known", "foreign")


@given(st.ip_addresses(), st.integers(0, 65_535))
def test_addresses_are_read_as_they_are_written(address: ipaddress.IPv4Address, port: int) -> None:
    text = f"[{address}]" if ":" in str(address) else str(address)
    assert bare(f"{text}:{port}") == bare(text) == str(address).partition("%")[0]
