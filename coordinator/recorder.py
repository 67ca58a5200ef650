"""What becomes of a trace: all that a call leaves behind."""

from coordinator.core.desk import Desk
from coordinator.explain.recent import Recent
from coordinator.journal import Trace, write
from coordinator.metrics import Metrics
from coordinator.traces import TraceStore
from coordinator.watching.watch import Watch
from shared.names import ModelName


class Recorder:
    """Give it every trace, in order. Microseconds: no file, and nothing put into words."""

    def __init__(self, desk: Desk, metrics: Metrics, watch: Watch, store: TraceStore, recent: Recent) -> None:
        self._desk = desk
        self._metrics = metrics
        self._watch = watch
        self._store = store
        self._recent = recent

    def record(self, trace: Trace) -> None:
        """An attempt failed, or a call ended."""
        write(trace)
        self._metrics.record(trace)
        self._watch.record(trace)
        self._store.record(self._recent.noted(trace))
        self._desk.counted(ModelName(trace.model), trace.call.prompt_chars, trace.tokens.prompt)
