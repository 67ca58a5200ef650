"""What doctor says of mDNS and of other coordinators, from plain values."""

import pytest

from shared.adverts import COORDINATORS, Found
from shared.doctor import network_checks
from shared.doctor.network_checks import opening
from shared.doctor.seen import InterfaceSeen, NetworkSeen
from shared.finding import Finding


def mdns(firewall: str = "", problem: str = "", *interfaces: InterfaceSeen) -> list[Finding]:
    seen = NetworkSeen(interfaces=interfaces, firewall=firewall, problem=problem)
    return list(network_checks.mdns(seen, remedy="herd-node --router-url x"))


@pytest.mark.parametrize(
    ("seen", "check_id", "severity"),
    [
        ({"problem": "Operation not permitted"}, "mdns_unsent", "warning"),
        ({}, "mdns_blocked", "warning"),
        ({"own_heard": True}, "mdns_quiet", "info"),
        ({"own_heard": True, "others": ("10.0.0.9",)}, "mdns_heard", "info"),
        ({"others": ("10.0.0.9",)}, "mdns_heard", "info"),
    ],
)
def test_each_interface_is_told_of(seen: dict[str, object], check_id: str, severity: str) -> None:
    (found,) = mdns("", "", InterfaceSeen(interface="eth0", ip="10.0.0.2", **seen))  # type: ignore[arg-type]
    assert (found.check_id, found.severity) == (check_id, severity)
    assert "eth0 (10.0.0.2)" in found.title
    if check_id != "mdns_heard":
        assert found.command == "herd-node --router-url x"


def test_a_firewall_that_is_known_is_opened_by_its_own_command() -> None:
    silent = InterfaceSeen(interface="eth0", ip="10.0.0.2")
    assert mdns("ufw", "", silent)[0].command == "sudo ufw allow 5353/udp"
    assert mdns("firewalld", "", silent)[0].command.startswith(
        "sudo firewall-cmd --permanent --add-port=5353/udp"
    )
    assert opening("", 5353, "udp") == ""


def test_no_interface_and_a_problem_of_the_library() -> None:
    assert [each.check_id for each in mdns("", "it does not work now")] == ["mdns_off_here", "mdns_problem"]


def found(mark: str, address: str) -> Found:
    return Found(COORDINATORS, f"{mark}.{COORDINATORS}", (address,), 11435, {"id": mark})


def test_one_coordinator_is_as_it_should_be() -> None:
    one = found("a" * 32, "10.0.0.2")
    assert list(network_checks.coordinators([])) == []
    assert list(network_checks.coordinators([one])) == []
    assert list(network_checks.coordinators([one], "a" * 32)) == []


def test_a_second_one_is_named_with_its_address() -> None:
    both = [found("a" * 32, "10.0.0.2"), found("b" * 32, "10.0.0.3")]
    (told,) = network_checks.coordinators(both, "a" * 32)
    assert (told.check_id, told.severity) == ("second_coordinator", "warning")
    assert told.title == "2 coordinators are on this network"
    assert "bbbbbbbb at 10.0.0.3" in told.description
    assert "aaaaaaaa" not in told.description
    assert told.command == "herd-node --router-url http://10.0.0.3:11435"
    assert list(network_checks.coordinators(both[1:], "a" * 32)) == [told], "where ours is not heard, too"
    (told,) = network_checks.coordinators(both)
    assert told.title == "2 coordinators are on this network"
    assert told.command == "herd-node --router-url http://10.0.0.2:11435"
