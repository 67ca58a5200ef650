"""/dashboard/api/settings: where each agent is, and which of them is on the coordinator's machine."""

import msgspec
import pytest

from coordinator.config import Settings
from coordinator.dashboard.settings import shown
from tests.fakes.seen import a_node

OWN = ("192.168.1.5", "2001:db8::5", "fe80::5")


@pytest.mark.parametrize(
    ("address", "ip", "here"),
    [
        ("http://127.0.0.1:11436", "127.0.0.1", True),
        ("http://127.0.0.2:11436", "127.0.0.2", True),
        ("http://[::1]:11436", "::1", True),
        ("http://localhost:11436", "localhost", True),
        ("http://192.168.1.5:11436", "192.168.1.5", True),
        ("http://[2001:db8::5]:11436", "2001:db8::5", True),
        ("http://[fe80::5%eth0]:11436", "fe80::5%eth0", True),
        ("http://Workstation:11436", "workstation", True),
        ("http://192.168.1.6:11436", "192.168.1.6", False),
        ("http://[fe80::6%eth0]:11436", "fe80::6%eth0", False),
        ("http://laptop:11436", "laptop", False),
    ],
)
def test_an_agent_on_the_coordinators_machine_is_known_by_its_address(
    address: str, ip: str, here: bool
) -> None:
    node = msgspec.structs.replace(a_node(), address=address)
    (told,) = shown(Settings(), "Workstation", 11435, [node], OWN)["nodes"]
    assert (told["ip"], told["is_router"]) == (ip, here)
