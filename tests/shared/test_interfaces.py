import psutil
import pytest

from shared.interfaces import Address, in_use, own_addresses, reach_order

LAN = Address("eth0", 2, "192.168.1.5", 24)
LAN_V6 = Address("eth0", 2, "fe80::1", 64)
VPN = Address("tun0", 5, "10.8.0.2", 16)
CONTAINER = Address("veth1", 9, "fe80::9", 64)


def test_ends_of_containers_cables_are_left_out_where_there_is_a_network() -> None:
    assert in_use([CONTAINER, VPN, LAN_V6, LAN]) == [LAN, LAN_V6, VPN]


def test_a_cable_between_two_machines_may_have_nothing_but_link_local_addresses() -> None:
    assert in_use([CONTAINER]) == [CONTAINER]


@pytest.mark.parametrize(
    ("theirs", "ordered"),
    [
        (["10.9.0.7", "192.168.1.7"], ["192.168.1.7", "10.9.0.7"]),
        (["fd00::7", "192.168.9.7"], ["192.168.9.7", "fd00::7"]),
        (["fe80::7%2", "fd00::7", "10.8.3.3"], ["10.8.3.3", "fd00::7", "fe80::7%2"]),
        (["169.254.3.3", "203.0.113.4"], ["203.0.113.4", "169.254.3.3"]),
        (["192.168.1.7", "192.168.1.7"], ["192.168.1.7"]),
        (["10.8.0.2", "fe80::7%2", "192.168.1.7"], ["192.168.1.7", "fe80::7%2", "10.8.0.2"]),
        ([], []),
    ],
)
def test_the_network_that_both_are_in_comes_first(theirs: list[str], ordered: list[str]) -> None:
    assert reach_order(theirs, [LAN, LAN_V6, VPN]) == ordered


def test_the_addresses_of_this_machine_are_what_the_system_says() -> None:
    told = {
        entry.address.partition("%")[0] for entries in psutil.net_if_addrs().values() for entry in entries
    }
    here = own_addresses()
    assert {address.ip for address in here} <= told
    assert not [address for address in here if address.value.is_loopback]
    assert all(0 < address.prefix <= address.value.max_prefixlen for address in here)
