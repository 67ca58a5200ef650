"""Prometheus text: counters of what ended, gauges of what is. No ids, no users, bounded labels."""

import platform
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.journal import Trace
from shared import __version__

MODELS_NAMED = 50
"""Distinct `model` labels: the first so many that were served. A name that no node has is never one."""
OTHER = "other"
BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)

Labels = tuple[str, ...]
Sample = tuple[str, Mapping[str, str], float]
"""Suffix of the name, labels, value."""


class Histogram:
    """Seconds by route."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, route: str, seconds: float) -> None:
        """One more."""
        counts = self._counts.get(route)
        if counts is None:
            counts = self._counts[route] = [0] * (len(BUCKETS_S) + 1)
            self._sums[route] = 0.0
        counts[bisect_left(BUCKETS_S, seconds)] += 1
        self._sums[route] += seconds

    def samples(self) -> Iterable[Sample]:
        """Cumulative, as the format wants it."""
        for route, counts in sorted(self._counts.items()):
            total = 0
            for bound, count in zip((*map(_number, BUCKETS_S), "+Inf"), counts, strict=True):
                total += count
                yield "_bucket", {"route": route, "le": bound}, total
            yield "_sum", {"route": route}, self._sums[route]
            yield "_count", {"route": route}, total


class Metrics:
    """Give it every Trace; ask it for the text."""

    def __init__(self, desk: Desk, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._desk = desk
        self._limits = limits
        self._clock = clock
        self._models: set[str] = set()
        self._requests: Counter[Labels] = Counter()
        self._retries: Counter[Labels] = Counter()
        self._prompt: Counter[Labels] = Counter()
        self._generated: Counter[Labels] = Counter()
        self._durations = Histogram()
        self._first_tokens = Histogram()

    def record(self, trace: Trace) -> None:
        """A call ended, or an attempt was retried."""
        if trace.status == "retried":
            self._retries[(trace.reason,)] += 1
            return
        route, model = trace.call.origin.route, self._model(trace)
        self._requests[route, model, str(trace.code)] += 1
        self._durations.observe(route, trace.latency_s)
        if trace.first_byte_s is not None:
            self._first_tokens.observe(route, trace.first_byte_s)
        self._prompt[(model,)] += trace.tokens.prompt or 0
        self._generated[(model,)] += trace.tokens.completion or 0

    def text(self, *, traces_dropped: int) -> str:
        """All of it, now."""
        running = sum(node.in_flight.total() for node in self._desk.fleet.nodes.values())
        build = {"version": __version__, "python": platform.python_version()}
        families = [
            _family(
                "herd_requests_total",
                "counter",
                "Calls that ended, by the status their caller was sent (499: the caller left).",
                _counted(self._requests, "route", "model", "code"),
            ),
            _family(
                "herd_request_duration_seconds",
                "histogram",
                "From a call's arrival to its end.",
                self._durations.samples(),
            ),
            _family(
                "herd_time_to_first_token_seconds",
                "histogram",
                "From a streamed call's arrival to its first bytes.",
                self._first_tokens.samples(),
            ),
            _family(
                "herd_requests_waiting",
                "gauge",
                "Calls that wait for a place.",
                [("", {}, len(self._desk.holding))],
            ),
            _family("herd_requests_running", "gauge", "Calls on a node.", [("", {}, running)]),
            _family(
                "herd_prompt_tokens_total",
                "counter",
                "As the engines counted them.",
                _counted(self._prompt, "model"),
            ),
            _family(
                "herd_generation_tokens_total",
                "counter",
                "As the engines counted them.",
                _counted(self._generated, "model"),
            ),
            _family(
                "herd_retries_total",
                "counter",
                "Attempts that failed and were followed by another.",
                _counted(self._retries, "reason"),
            ),
            _family(
                "herd_retry_budget_remaining_ratio",
                "gauge",
                "Of the retries that the fleet may make within 10 s.",
                [("", {}, self._desk.budget.left(self._clock()))],
            ),
            _family(
                "herd_circuit_state",
                "gauge",
                "Worst of a node's circuits: 0 closed, 1 half-open, 2 open.",
                self._circuits(),
            ),
            _family("herd_nodes", "gauge", "Nodes by state.", self._states()),
            _family("herd_node_heartbeat_age_seconds", "gauge", "Since a node's last beat.", self._ages()),
            _family("herd_build_info", "gauge", "What runs here.", [("", build, 1)]),
            _family(
                "herd_traces_dropped_total",
                "counter",
                "Traces that are in no file.",
                [("", {}, traces_dropped)],
            ),
        ]
        return "".join(families)

    def _model(self, trace: Trace) -> str:
        if trace.model not in self._models:
            if not trace.node_id or len(self._models) >= MODELS_NAMED:
                return OTHER
            self._models.add(trace.model)
        return trace.model

    def _states(self) -> list[Sample]:
        now = self._clock()
        counts = Counter(node.standing(now, self._limits).state for node in self._desk.fleet.nodes.values())
        return [("", {"state": state}, count) for state, count in sorted(counts.items())]

    def _circuits(self) -> list[Sample]:
        circuits, now = self._desk.fleet.circuits, self._clock()
        worst = dict.fromkeys(sorted(self._desk.fleet.nodes), 0)
        for place in circuits.opened:
            state = 2 if circuits.state(place, now) == "open" else 1
            worst[place.node_id] = max(worst[place.node_id], state)
        return [("", {"node": node_id}, state) for node_id, state in worst.items()]

    def _ages(self) -> list[Sample]:
        now = self._clock()
        return [
            ("", {"node": node_id}, max(0.0, now - node.last_heard))
            for node_id, node in sorted(self._desk.fleet.nodes.items())
        ]


def _counted(counter: Counter[Labels], *names: str) -> Iterable[Sample]:
    for values, count in sorted(counter.items()):
        yield "", dict(zip(names, values, strict=True)), count


def _family(name: str, kind: str, about: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
    for suffix, labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(
            f"{name}{suffix}{{{shown}}} {_number(value)}" if shown else f"{name}{suffix} {_number(value)}"
        )
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return repr(value) if isinstance(value, int) or value % 1 else str(int(value))
