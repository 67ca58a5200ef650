import logging

import pytest
from msgspec.structs import replace

from coordinator.neighbours import MOST_TOLD, Neighbours
from shared.adverts import COORDINATORS, NODES, Found
from shared.interfaces import Address
from shared.names import NodeId

MINE, THEIRS = "a" * 32, "b" * 32


def neighbours(*found: Found) -> Neighbours:
    made = Neighbours(MINE, COORDINATORS, lambda: {NodeId("joined")})
    made.mdns.found = {each.name: each for each in found}
    return made


def coordinator(key: str) -> Found:
    return Found(COORDINATORS, f"{key}.{COORDINATORS}", ("10.0.0.2",), 11435, {"id": key, "version": "1"})


def node(name: str, key: str) -> Found:
    return Found(NODES, f"{name}.{NODES}", ("10.0.0.3",), 11436, {"id": name, "coordinator": key})


def test_other_coordinators_are_shown_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    around = neighbours(coordinator(THEIRS))
    with caplog.at_level(logging.WARNING):
        around._changed()
        around._changed()
    [line] = caplog.messages
    assert THEIRS in line
    [other] = around.status()["other_coordinators"]
    assert (other["coordinator_id"], other["addresses"], other["port"]) == (THEIRS, ["10.0.0.2"], 11435)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "it has not found a coordinator that it reaches"),
        (MINE, "it says that it is with this coordinator, but no heartbeat has come yet"),
        (THEIRS, f"it is with coordinator {THEIRS}"),
    ],
)
def test_nodes_that_did_not_join_are_shown_with_the_reason(key: str, reason: str) -> None:
    [stranger] = neighbours(node("stranger", key), node("joined", MINE)).status()["other_nodes"]
    assert (stranger["node_id"], stranger["gateway_port"], stranger["reason"]) == ("stranger", 11436, reason)


@pytest.mark.parametrize("fields", [{}, {"id": ""}])
def test_an_advert_without_an_id_is_nobodys(fields: dict[str, str]) -> None:
    nameless = Found(COORDINATORS, f"x.{COORDINATORS}", ("10.0.0.2",), 1, fields)
    assert neighbours(nameless).status()["other_coordinators"] == []


def test_a_copy_of_this_coordinator_is_told_from_itself(caplog: pytest.LogCaptureFixture) -> None:
    """A disk that was cloned; or two programs with one data directory, which are on one machine."""
    around = neighbours(coordinator(MINE))
    around.mdns.here = [Address("eth0", 2, "10.0.0.9", 24)]
    with caplog.at_level(logging.WARNING):
        around._changed()
    assert "has this one's id" in caplog.text
    assert len(around.status()["other_coordinators"]) == 1
    around.mdns.here = [Address("eth0", 2, "10.0.0.2", 24)]
    assert around.status()["other_coordinators"] == []


def test_nobody_fills_the_log_with_coordinators(caplog: pytest.LogCaptureFixture) -> None:
    around = neighbours(*(coordinator(f"{number:032x}") for number in range(3 * MOST_TOLD)))
    with caplog.at_level(logging.WARNING):
        around._changed()
    assert len(caplog.messages) == MOST_TOLD
    around.mdns.found = {"x": replace(coordinator(THEIRS), name=next(iter(around.mdns.found)))}
    with caplog.at_level(logging.WARNING):
        around._changed()
    assert len(caplog.messages) == MOST_TOLD
