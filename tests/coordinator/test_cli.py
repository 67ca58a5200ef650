"""What `herd` says about itself when it starts."""

import pytest

from coordinator.reachable import reachable
from shared.interfaces import Address, own_addresses

LAN = Address("eth0", 2, "192.168.1.20", 24)
BRIDGE = Address("docker0", 5, "172.17.0.1", 16)
NO_LEASE = Address("eth1", 1, "169.254.9.9", 16)
LAN6 = Address("eth0", 2, "fd00::20", 64)
NEAR6 = Address("eth0", 2, "fe80::20", 64)

EVERY, EVERY6 = "http://0.0.0.0:11435", "http://[::]:11435"


@pytest.mark.parametrize(
    ("listening", "mine", "written"),
    [
        (EVERY, {LAN, BRIDGE, NO_LEASE, LAN6, NEAR6}, "http://192.168.1.20:11435"),
        (EVERY, {BRIDGE, LAN6}, "http://172.17.0.1:11435"),
        (EVERY, {NO_LEASE, NEAR6, LAN6}, "http://[fd00::20]:11435"),
        (EVERY, {NO_LEASE, NEAR6}, "http://workstation:11435"),
        (EVERY, frozenset(), "http://workstation:11435"),
        (EVERY6, {LAN, LAN6}, "http://[fd00::20]:11435"),
        (EVERY6, {LAN, NEAR6}, "http://workstation:11435"),
        ("http://10.0.0.1:80", {LAN}, "http://10.0.0.1:80"),
        ("http://[fd00::1]:80", {LAN}, "http://[fd00::1]:80"),
    ],
)
def test_an_address_that_other_networks_can_use(listening: str, mine: set[Address], written: str) -> None:
    assert reachable(listening, mine, "workstation") == written


def test_it_is_one_of_this_machines() -> None:
    mine = own_addresses()
    known = {each.ip for each in mine} | {"workstation"}
    assert any(ip in reachable(EVERY, mine, "workstation") for ip in known)
