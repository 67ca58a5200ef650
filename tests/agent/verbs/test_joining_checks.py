"""What doctor says of a node at a closed coordinator, which tells strangers nothing."""

import pytest

from agent.verbs.joining_checks import joined

OURS, OTHER = "a" * 32, "b" * 32


@pytest.mark.parametrize(
    ("joined_to", "check_id", "severity", "command"),
    [
        ("", "node_not_joined", "warning", "herd approve n1"),
        (OTHER, "joined_another", "warning", "herd-node leave --node-id n1"),
        (OURS, "node_joined", "info", ""),
    ],
    ids=["none", "another", "this one"],
)
def test_how_it_stands(joined_to: str, check_id: str, severity: str, command: str) -> None:
    (found,) = joined(joined_to, OURS, "n1", "http://w:11435")
    assert (found.check_id, found.severity, found.command) == (check_id, severity, command)
