"""Watch: the whole fleet as one picture, made when somebody looks. Reads the Desk, changes nothing."""

import time
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.core.node import Node
from coordinator.journal import CallRecord, Trace
from coordinator.watching import models
from coordinator.watching.calls import call_rows, ended_call, running_spells
from coordinator.watching.difference import Picture
from coordinator.watching.figures import LastMinute, firsts_by_node, rates, sums
from coordinator.watching.happenings import Happenings, Marks
from coordinator.watching.nodes import NodeRows, by_node, never_was_up, there
from shared import __version__
from shared.names import CallId, ModelName
from shared.wire import Heartbeat

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
        *,
        open_mode: bool = False,
    ) -> None:
        """`records`: of the calls that wait or run; `name`: of the fleet; `open_mode`: no keys are asked for."""
        self._open = open_mode
        self.pending: Callable[[], list[dict[str, Any]]] = list
        """Machines that ask to join."""
        self._desk = desk
        self._limits = limits
        self._records = records
        self._name = name
        self._clock = clock
        self._wall_clock = wall_clock
        self._started_at = wall_clock()
        self._minute = LastMinute()
        self._happenings = Happenings()
        self._node_rows = NodeRows(limits)
        self._model_rows = models.ModelRows()
        self._looked: dict[str, tuple[Heartbeat, Marks]] = {}

    def record(self, trace: Trace) -> None:
        """An attempt failed, or a call ended. Microseconds."""
        self._happenings.ended(trace)
        if trace.status != "retried":
            self._minute.add(ended_call(trace, self._clock()))

    def look(self) -> None:
        """What has changed since the last look is an event from now on."""
        now, before = self._clock(), self._looked
        self._looked = {
            node_id: self._mark(node, now, before.get(node_id))
            for node_id, node in self._desk.fleet.nodes.items()
        }
        self._happenings.seen({key: mark for key, (_, mark) in self._looked.items()}, self._wall_clock())

    def _mark(
        self, node: Node, now: float, before: tuple[Heartbeat, Marks] | None
    ) -> tuple[Heartbeat, Marks]:
        """The same as before where nothing is different: most of a thousand nodes."""
        standing, beat = node.standing(now, self._limits), node.heartbeat
        if before is not None and before[0] is beat and before[1].state == standing.state:
            return before
        present = there(beat.engines)
        engines = tuple((each.name, each.up, each.reason) for each in present)
        never_up = frozenset(each.name for each in present if never_was_up(each))
        return beat, Marks(standing.status, standing.state, standing.reason, engines, never_up)

    def picture(self) -> Picture:
        """The fleet now."""
        now, wall = self._clock(), self._wall_clock()
        ended, records, nodes = self._minute.since(now), self._records(), self._desk.fleet.nodes
        tokens_per_s = rates(ended, running_spells(records.values(), now), now)
        of_node, firsts = by_node(tokens_per_s), firsts_by_node(ended)
        rows = self._node_rows.rows((node for _, node in sorted(nodes.items())), now, of_node, firsts)
        of_models = self._model_rows.rows(nodes.values(), self._desk.holding.counts(), tokens_per_s)
        calls = self._desk.open_calls()
        figures = sums(ended, self._minute.window_s(now))
        return {
            "fleet": self._fleet(rows, of_models)
            | figures
            | {"tokens_per_s": round(sum(of_node.values()), 1)},
            "nodes": dict(islice(rows.items(), NODES_TOLD)),
            "models": models.told(of_models),
            "requests": call_rows(calls, records, self._desk.loads, now, wall - now),
            "events": self._happenings.kept(),
            "timestamp": round(wall, 2),
        }

    def _fleet(self, rows: dict[str, Any], of_models: Mapping[ModelName, Any]) -> dict[str, Any]:
        watts = [row["power_watts"] for row in rows.values() if row["power_watts"] is not None]
        return {
            "name": self._name,
            "version": __version__,
            "open": self._open,
            "pending": [{"node_id": each["node_id"], "code": each["code"]} for each in self.pending()],
            "started_at": round(self._started_at),
            "nodes_total": len(self._desk.fleet.nodes),
            "nodes_online": sum(row["status"] == "online" for row in rows.values()),
            "models_loaded": sum(row["nodes_loaded"] > 0 for row in of_models.values()),
            "requests_active": sum(node.in_flight.total() for node in self._desk.fleet.nodes.values()),
            "requests_held": len(self._desk.holding),
            "power_watts": round(sum(watts), 1) if watts else None,
        }
