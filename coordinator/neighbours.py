"""What mDNS tells a coordinator of its network: other coordinators, and nodes that are not with it.

It only reports. A node joins by its heartbeat, never by an advert, which anybody may send.
"""

import logging
from collections.abc import Callable, Collection
from typing import Any

from shared.adverts import NODES, Found
from shared.mdns import Mdns
from shared.names import NodeId

MOST_TOLD = 64
"""Coordinators that the log names: anybody on the network can make up more."""

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
        """Names of coordinators."""

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
        theirs = found.fields.get("id")
        return (
            found.kind != NODES and bool(theirs) and (theirs != self._coordinator_id or self._is_copy(found))
        )

    def _is_copy(self, found: Found) -> bool:
        """Our id from somewhere else: its data directory, or its whole disk, was copied."""
        own = {each.ip for each in self.mdns.here}
        theirs = {address.partition("%")[0] for address in found.addresses}
        return found.fields.get("id") == self._coordinator_id and bool(theirs) and not theirs & own

    def _is_stranger(self, found: Found) -> bool:
        return found.kind == NODES and NodeId(found.fields.get("id", "")) not in self._nodes()

    def _changed(self) -> None:
        for found in list(self.mdns.found.values()):
            if self._is_other(found) and found.name not in self._told and len(self._told) < MOST_TOLD:
                self._told.add(found.name)
                self._warn(found)

    def _warn(self, found: Found) -> None:
        where = ", ".join(found.addresses) or "an unknown address"
        if self._is_copy(found):
            log.warning(
                "the coordinator at %s has this one's id, as if its data were a copy: nodes cannot tell the two apart;"
                " delete the file coordinator-id there, or here, and start it again",
                where,
            )
            return
        log.warning(
            "another coordinator is on this network: %s at %s; a node is with one of them only,"
            " and --router-url tells it which",
            found.fields["id"],
            where,
        )


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
        "coordinator": theirs,
        "reason": reason,
    }
