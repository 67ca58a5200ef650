"""Watch: the whole fleet as one picture, made when somebody looks. Reads the Desk, changes nothing."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.journal import CallRecord, Trace
from coordinator.watching.calls import call_rows, ended_call, running_spells
from coordinator.watching.difference import Picture
from coordinator.watching.figures import LastMinute, firsts_by_node, rates, sums
from coordinator.watching.happenings import Happenings, Marks
from coordinator.watching.models import model_rows
from coordinator.watching.nodes import by_node, node_row
from shared import __version__
from shared.names import CallId

NODES_TOLD = 1_000
"""By name; the fleet's figures count all."""


class Watch:
    """Give it every trace, and a look now and then; ask it for a picture."""

    def __init__(
        self,
        desk: Desk,
        limits: Limits,
        records: Callable[[], Mapping[CallId, CallRecord]],
        name: str,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`records`: of the calls that wait or run; `name`: of the fleet."""
        self._desk = desk
        self._limits = limits
        self._records = records
        self._name = name
        self._clock = clock
        self._wall_clock = wall_clock
        self._started_at = wall_clock()
        self._minute = LastMinute()
        self._happenings = Happenings()

    def record(self, trace: Trace) -> None:
        """An attempt failed, or a call ended. Microseconds."""
        self._happenings.ended(trace)
        if trace.status != "retried":
            self._minute.add(ended_call(trace, self._clock()))

    def look(self) -> None:
        """What has changed since the last look is an event from now on."""
        now = self._clock()
        marks: dict[str, Marks] = {}
        for node_id, node in self._desk.fleet.nodes.items():
            standing = node.standing(now, self._limits)
            engines = tuple((each.name, each.up, each.reason) for each in node.heartbeat.engines)
            marks[node_id] = Marks(standing.status, standing.state, standing.reason, engines)
        self._happenings.seen(marks, self._wall_clock())

    def picture(self) -> Picture:
        """The fleet now."""
        now, wall = self._clock(), self._wall_clock()
        ended, records, nodes = self._minute.since(now), self._records(), self._desk.fleet.nodes
        tokens_per_s = rates(ended, running_spells(records.values(), now), now)
        of_node, firsts = by_node(tokens_per_s), firsts_by_node(ended)
        rows: dict[str, Any] = {
            node_id: node_row(node, self._limits, now, of_node.get(node_id, 0.0), firsts.get(node_id))
            for node_id, node in sorted(nodes.items())[:NODES_TOLD]
        }
        models = model_rows(nodes.values(), self._desk.holding.counts(), tokens_per_s)
        calls = self._desk.open_calls()
        figures = sums(ended, self._minute.window_s(now))
        return {
            "fleet": self._fleet(rows, models) | figures | {"tokens_per_s": round(sum(of_node.values()), 1)},
            "nodes": rows,
            "models": models,
            "requests": call_rows(calls, records, self._desk.loads, now, wall - now),
            "events": self._happenings.kept(),
            "timestamp": round(wall, 2),
        }

    def _fleet(self, rows: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
        watts = [row["power_watts"] for row in rows.values() if row["power_watts"] is not None]
        return {
            "name": self._name,
            "version": __version__,
            "started_at": round(self._started_at),
            "nodes_total": len(self._desk.fleet.nodes),
            "nodes_online": sum(row["status"] == "online" for row in rows.values()),
            "models_loaded": sum(row["nodes_loaded"] > 0 for row in models.values()),
            "requests_active": sum(node.in_flight.total() for node in self._desk.fleet.nodes.values()),
            "requests_held": len(self._desk.holding),
            "power_watts": round(sum(watts), 1) if watts else None,
        }
