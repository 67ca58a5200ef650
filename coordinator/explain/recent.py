"""Decisions of the last calls in memory: those that are in no file yet, and why others were placed nowhere."""

from collections import OrderedDict
from collections.abc import Callable

from msgspec.structs import replace

from coordinator.core.call import Call
from coordinator.core.explanation import Explanation, Kept
from coordinator.journal import Trace

CALLS_KEPT = 1_000
ATTEMPTS_KEPT = 20
"""Of calls of one id: more than any call makes. Ids are the callers' own, and may repeat."""
UNPLACED_EVERY_S = 0.2
"""Weighing anew what a refused call might have had costs time on the path of calls: in a flood, only a few of them."""


class Recent:
    """Give it every trace, in order."""

    def __init__(self, explain: Callable[[Call], Explanation], clock: Callable[[], float]) -> None:
        self._explain = explain
        self._clock = clock
        self._traces: OrderedDict[str, list[Trace]] = OrderedDict()
        self._next_unplaced = 0.0

    def noted(self, trace: Trace) -> Trace:
        """The trace, with its decision where it was placed nowhere; kept for a while."""
        if not trace.node_id and trace.decision is None:
            trace = self._unplaced(trace)
        call_id = trace.call.id
        kept = self._traces.get(call_id)
        if kept is None:
            self._traces[call_id] = [trace]
            if len(self._traces) > CALLS_KEPT:
                self._traces.popitem(last=False)
            return trace
        kept.append(trace)
        del kept[:-ATTEMPTS_KEPT]
        self._traces.move_to_end(call_id)
        return trace

    def of(self, request_id: str) -> list[Trace]:
        """Of calls with that id, oldest first."""
        return list(self._traces.get(request_id, ()))

    def _unplaced(self, trace: Trace) -> Trace:
        now = self._clock()
        if now < self._next_unplaced:
            return trace
        self._next_unplaced = now + UNPLACED_EVERY_S
        refused = trace.status == "rejected"
        explanation = replace(
            self._explain(trace.call),
            outcome="refused" if refused else "waits",
            chosen=None,
            reason=trace.error or "its caller left",
        )
        return replace(trace, decision=Kept(explanation))
