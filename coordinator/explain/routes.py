"""/fleet/explain and /fleet/decisions: the decisions of the past, and of a call that nobody makes."""

from collections.abc import Callable
from functools import partial

from aiohttp import web
from msgspec.structs import replace

from coordinator.core.call import Call
from coordinator.core.explanation import Explanation, Kept
from coordinator.dashboard.asked import answer, moment, number
from coordinator.dashboard.reads import Reads
from coordinator.dialects.bodies import Bodies
from coordinator.dialects.body import decode_fields
from coordinator.dialects.dialect import Dialect
from coordinator.explain.answers import last_call, listed, told, told_of
from coordinator.explain.asked import dialect_of, operation_of
from coordinator.explain.recent import Recent
from coordinator.explain.stored import LAST_ID, Stored
from coordinator.journal import CallRecord, Trace
from coordinator.requests import caller_of
from coordinator.trace_tables import Row, trace_row
from shared.errors import CallerFault, RouteNotFound, Unavailable
from shared.names import CallId, acceptable_call_id

MOST_DECISIONS = 1_000
"""Of one answer; each has some kB."""


class Explain:
    """Reads, places nothing."""

    def __init__(
        self,
        dialects: list[Dialect],
        bodies: Bodies,
        explain: Callable[[Call], Explanation],
        open_record: Callable[[CallId], CallRecord | None],
        waits: Callable[[CallId], bool],
        recent: Recent,
        stored: Stored,
        reads: Reads,
        clock: Callable[[], float],
    ) -> None:
        """`explain`: what would become of a call now; `open_record`: of a call that `waits` or runs.
        `dialects`: the first is taken where a body fits several.
        """
        self._dialects = {dialect.name: dialect for dialect in dialects}
        self._bodies = bodies
        self._explain = explain
        self._open_record = open_record
        self._waits = waits
        self._recent = recent
        self._stored = stored
        self._read = reads
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        """Its addresses."""
        return [
            web.post("/fleet/explain", self.ask),
            web.get("/fleet/explain/{request_id}", self.of_call),
            web.get("/fleet/decisions", self.decisions),
        ]

    async def ask(self, request: web.Request) -> web.Response:
        """POST /fleet/explain?dialect=&operation= of a call's body: what would become of it now."""
        body = await self._bodies.read(request)
        fields = decode_fields(body)
        operation = operation_of(fields, request.query.get("operation", ""))
        name = dialect_of(fields, list(self._dialects), request.query.get("dialect", ""))
        call, _ = self._dialects[name].read_call(caller_of(request), body, operation)
        return answer(
            told(self._explain(call))
            | {
                "model": call.model,
                "asked_model": call.asked_name,
                "operation": operation,
                "dialect": name,
                "estimated_tokens": call.estimated_tokens,
                "num_ctx": call.num_ctx,
            }
        )

    async def of_call(self, request: web.Request) -> web.Response:
        """GET /fleet/explain/{request_id}: of a call that waits, runs or ended."""
        request_id = acceptable_call_id(request.match_info["request_id"])
        if request_id is None:
            raise CallerFault("a request id has 1 to 128 letters, digits, dots, hyphens and underscores")
        record, recent = self._open_record(request_id), self._recent.of(request_id)
        rows = await self._read(partial(self._rows, request_id, recent, needed=not (record or recent)))
        if record is not None:
            rows.append(self._row_of_open(record))
        if not rows:
            raise RouteNotFound(
                f"no call {request_id!r} is known: it never came here, or was longer ago than"
                " FLEET_TRACE_RETENTION_DAYS"
            )
        return answer(told_of(last_call(rows)))

    async def decisions(self, request: web.Request) -> web.Response:
        """GET /fleet/decisions?limit=&since=&before=: those that are stored, newest first."""
        limit = number(request, "limit", MOST_DECISIONS, MOST_DECISIONS)
        before = number(request, "before", LAST_ID, LAST_ID)
        since = moment(request, "since")
        return answer(await self._read(lambda: listed(self._stored.decisions(limit, since, before))))

    def _rows(self, request_id: str, recent: list[Trace], *, needed: bool) -> list[Row]:
        """In a thread. Those of the file, then those that are not in it yet."""
        try:
            rows = self._stored.of(request_id)
        except Unavailable:
            if needed:
                raise
            rows = []
        written = {row["timestamp"] for row in rows}
        unwritten = [trace_row(trace) for trace in recent if trace.timestamp not in written]
        return sorted(rows + unwritten, key=lambda row: row["timestamp"] or 0)

    def _row_of_open(self, record: CallRecord) -> Row:
        trace = record.trace("completed", self._clock())
        if self._waits(record.call.id):
            waiting = replace(trace, decision=Kept(self._explain(record.call)))
            return trace_row(waiting) | {"status": "waiting", "status_code": None}
        return trace_row(trace) | {"status": "running", "status_code": None}
