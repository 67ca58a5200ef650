"""What `herd doctor` makes of the coordinator of this machine, from plain values."""

import pytest

from coordinator.verbs.doctor_checks import Health, Stranger, facing, running, strangers

URL = "http://127.0.0.1:11435"
HEALTH = Health("1", "a" * 32)


def test_nobody_runs_there() -> None:
    (found,) = running(None, URL, "1", taken=False)
    assert (found.check_id, found.severity, found.command) == ("coordinator_absent", "warning", "herd")
    (found,) = running(None, URL, "1", "herd --port 5", taken=False)
    assert found.command == "herd --port 5"
    assert list(running(None, URL, "1", taken=True)) == [], "the port is the finding then"


def test_it_runs() -> None:
    (found,) = running(HEALTH, URL, "1", taken=True)
    assert (found.check_id, found.severity) == ("coordinator_runs", "info")


def test_one_that_was_not_restarted_after_an_upgrade() -> None:
    _, found = running(HEALTH, URL, "2", taken=True)
    assert (found.check_id, found.severity) == ("coordinator_old", "warning")
    assert "version 1, installed is 2" in found.title
    assert found.command == "herd"
    _, found = running(HEALTH, URL, "2", restart="systemctl restart herd", taken=True)
    assert found.command == "systemctl restart herd"


def test_a_node_that_is_with_another() -> None:
    (found,) = strangers([Stranger("laptop", "it is with coordinator bbbb")], "http://10.0.0.2:11435")
    assert (found.check_id, found.severity, found.node_id) == ("node_elsewhere", "warning", "laptop")
    assert found.command == "herd-node --router-url http://10.0.0.2:11435"
    assert found.description == "it is with coordinator bbbb."


def test_a_firewall_that_keeps_nodes_away_has_its_command() -> None:
    opening = "sudo ufw allow 11435/tcp"
    lost, with_another = strangers(
        [Stranger("a"), Stranger("b", "", "bbbb")], "http://10.0.0.2:11435", opening
    )
    assert lost.command == opening
    assert with_another.command == "herd-node --router-url http://10.0.0.2:11435"


@pytest.mark.parametrize(
    ("host", "own", "command"),
    [
        ("", ("192.168.1.5", "8.8.8.8"), "herd --host 192.168.1.5 --port 11435"),
        ("8.8.8.8", ("192.168.1.5", "8.8.8.8"), "herd --host 192.168.1.5 --port 11435"),
        ("2606:4700::1", ("2606:4700::1",), "herd --host 127.0.0.1 --port 11435"),
        ("", ("192.168.1.5", "2606:4700::1", "fe80::1"), ""),
        ("192.168.1.5", ("192.168.1.5", "8.8.8.8"), ""),
        ("127.0.0.1", (), ""),
    ],
    ids=["all", "named", "named-v6", "home", "private", "loopback"],
)
def test_a_coordinator_that_faces_the_internet(host: str, own: tuple[str, ...], command: str) -> None:
    found = list(facing(host, own, 11435))
    assert [(each.check_id, each.command) for each in found] == [("coordinator_public", command)] * bool(
        command
    )
