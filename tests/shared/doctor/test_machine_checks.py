"""What doctor says of this machine, from plain values."""

import pytest

from shared.doctor import machine_checks
from shared.doctor.machine_checks import DISK_FULL, DISK_LOW, SKEW_S
from shared.doctor.seen import Answer, Listener, PortSeen, RoomSeen
from shared.finding import Finding

TOTAL = 1 << 40


def the(findings: object) -> Finding:
    (found,) = list(findings)  # type: ignore[call-overload]
    assert isinstance(found, Finding)
    return found


def a_port(**values: object) -> PortSeen:
    known = {"program": "herd", "port": 11435, "flag": "port", "setting": "FLEET_PORT", "taken": True}
    return PortSeen(**(known | values))  # type: ignore[arg-type]


def test_a_setting_that_is_wrong_is_broken_and_one_that_is_unknown_a_warning() -> None:
    wrong, unknown = machine_checks.settings("port='x' (from file y): Expected `int`", ["unknown setting X"])
    assert (wrong.check_id, wrong.severity) == ("settings_wrong", "critical")
    assert "from file y" in wrong.description
    assert (unknown.check_id, unknown.severity) == ("setting_unknown", "warning")
    assert list(machine_checks.settings("", [])) == []


def test_a_port_that_is_taken_is_told_with_who_has_it() -> None:
    listeners = (Listener("0.0.0.0", 512, "nginx"), Listener("::", 512, "nginx"))
    found = the(machine_checks.port(a_port(listeners=listeners)))
    assert (found.check_id, found.severity) == ("port_taken", "critical")
    assert found.description.startswith("nginx (pid 512) listens on it")
    assert found.command == "herd --port 11535"
    given = {"port": 11435, "host": "127.0.0.1", "policy": None}
    assert the(machine_checks.port(a_port(), given)).command == "herd --port 11535 --host 127.0.0.1"
    assert "another user" in the(machine_checks.port(a_port(listeners=(Listener("::"),)))).description
    assert the(machine_checks.port(a_port(port=65_500))).command == "herd --port 65400"


@pytest.mark.parametrize("values", [{"taken": False}, {"ours": True}, {"port": 0}])
def test_a_port_that_is_free_or_ours_is_no_finding(values: dict[str, object]) -> None:
    assert list(machine_checks.port(a_port(**values))) == []


def a_room(**values: int) -> RoomSeen:
    known = {"disk_total": TOTAL, "disk_free": TOTAL, "memory_total": TOTAL, "memory_available": TOTAL}
    return RoomSeen(path="/d", **(known | values))


@pytest.mark.parametrize(
    ("free", "for_models", "severity"),
    [
        (DISK_LOW, True, None),
        (DISK_LOW - 1, True, "warning"),
        (DISK_LOW - 1, False, None),
        (DISK_FULL, False, None),
        (DISK_FULL - 1, False, "critical"),
        (DISK_FULL - 1, True, "critical"),
    ],
)
def test_room_on_the_disk(free: int, for_models: bool, severity: str | None) -> None:
    found = list(machine_checks.room(a_room(disk_free=free), for_models=for_models))
    assert [(each.check_id, each.severity) for each in found] == (
        [("disk_nearly_full", severity)] if severity else []
    )


def test_a_disk_that_tells_nothing_is_no_finding() -> None:
    assert list(machine_checks.room(a_room(disk_total=0, disk_free=0), for_models=True)) == []


def test_memory() -> None:
    found = the(machine_checks.room(a_room(memory_available=TOTAL // 21), for_models=True))
    assert (found.check_id, found.severity) == ("memory_low", "warning")
    assert list(machine_checks.room(a_room(memory_available=TOTAL // 19), for_models=True)) == []


@pytest.mark.parametrize(
    ("ahead_s", "words"), [(90.4, "90 s ahead of"), (-3600.0, "3600 s behind"), (SKEW_S, ""), (None, "")]
)
def test_clocks(ahead_s: float | None, words: str) -> None:
    found = list(machine_checks.clock("node-1", Answer(url="x", ahead_s=ahead_s), "linux"))
    assert bool(found) == bool(words)
    if words:
        assert words in found[0].title
        assert (found[0].severity, found[0].command) == ("warning", "sudo timedatectl set-ntp true")
