"""What mDNS tells a coordinator of its network: other coordinators, and nodes that are not with it.

It only reports. A node joins by its heartbeat, never by an advert, which anybody may send.
"""

import logging
from collections.abc import Callable, Collection
from typing import Any

from shared.adverts import NODES, Found
from shared.mdns import Mdns
from shared.names import NodeId

log = logging.getLogger("herd.neighbours")


class Neighbours:
    """Reads what is heard. `nodes` gives the ids of those that are with this coordinator."""

    def __init__(
        self, coordinator_id: str, service_type: str, nodes: Callable[[], Collection[NodeId]]
    ) -> None:
        self.mdns = Mdns([service_type, NODES], self._changed)
        self._coordinator_id = coordinator_id
        self._nodes = nodes
        self._told: set[str] = set()

    def status(self) -> dict[str, Any]:
        """For /fleet/status."""
        heard = sorted(self.mdns.found.values(), key=lambda each: each.name)
        return {
            "coordinator_id": self._coordinator_id,
            "advertised": self.mdns.advertised,
            "problem": self.mdns.problem,
            "other_coordinators": [_coordinator(each) for each in heard if self._is_other(each)],
            "other_nodes": [_node(each, self._coordinator_id) for each in heard if self._is_stranger(each)],
        }

    def _is_other(self, found: Found) -> bool:
        return found.kind != NODES and found.fields.get("id") not in (None, self._coordinator_id)

    def _is_stranger(self, found: Found) -> bool:
        return found.kind == NODES and NodeId(found.fields.get("id", "")) not in self._nodes()

    def _changed(self) -> None:
        others = {each.fields["id"]: each for each in list(self.mdns.found.values()) if self._is_other(each)}
        for key in others.keys() - self._told:
            log.warning(
                "another coordinator is on this network: %s at %s; a node is with one of them only,"
                " and --router-url tells it which",
                key,
                ", ".join(others[key].addresses) or "an unknown address",
            )
        self._told |= others.keys()


def _coordinator(found: Found) -> dict[str, Any]:
    return {
        "coordinator_id": found.fields.get("id", ""),
        "name": found.name,
        "addresses": list(found.addresses),
        "port": found.port,
        "version": found.fields.get("version", ""),
    }


def _node(found: Found, coordinator_id: str) -> dict[str, Any]:
    """A node that sends no heartbeats here, and why, as far as it tells."""
    theirs = found.fields.get("coordinator", "")
    if not theirs:
        reason = "it has not found a coordinator that it reaches"
    elif theirs == coordinator_id:
        reason = "it says that it is with this coordinator, but no heartbeat has come yet"
    else:
        reason = f"it is with coordinator {theirs}"
    return {
        "node_id": found.fields.get("id", ""),
        "addresses": list(found.addresses),
        "gateway_port": found.port,
        "reason": reason,
    }
