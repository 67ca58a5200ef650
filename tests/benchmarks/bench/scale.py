"""A thousand nodes, and two thousand open streams."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tests.benchmarks.bench import beats
from tests.benchmarks.bench.asking import told
from tests.benchmarks.bench.figures import MB, Cell, merged
from tests.benchmarks.bench.processes import Program, python, started, until
from tests.benchmarks.bench.running import measure
from tests.benchmarks.bench.scenarios import Scenario, calls
from tests.benchmarks.bench.subjects import Place, Subject, agent, herd, is_ready

NODES = 1_000
INTERVAL_S = 5.0
CLIENTS = 64
OPEN_STREAMS = 2_000
SLOW_MS = 500.0
"""Between two tokens of each of these: they are open, not fast."""
OPENING_S = 6.0
ROUNDS = 3
WINDOW_S = 5.0
"""In which each node beats once."""
PAUSE_S = 2.5
"""Shorter than the silence after which a node is late."""
JOIN_S = 90.0


class Scale(Struct, kw_only=True):
    """`beat_us`: processor time of one beat, with what time costs a fleet of that size. CPU in seconds."""

    nodes: int
    calls_per_s_one_node: float
    calls_per_s: float
    ratio: float
    cpu_per_1000_calls_one_node: float
    cpu_per_1000_calls: float
    """Of calls alone: what the beats and the view cost besides is taken off, by `beat_us`, not here."""
    cpu_ratio: float
    beat_us: float
    beats_failed: int
    reply_p99_ms: float
    view_p50_ms: float
    view_kb: float
    rss_mb: float
    streams_asked: int
    streams_open: int
    streams_errors: dict[str, int]
    streams_rss_mb: float
    streams_node_rss_mb: float


class Many:
    """The program of many nodes."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def say(self, *words: str) -> None:
        """To it."""
        self._program.write(" ".join(words) + "\n")

    def tell(self) -> beats.Told:
        """What it saw since it was asked last."""
        self.say("tell")
        return msgspec.json.decode(self._program.line(), type=beats.Told)


def scale(
    place: Place,
    tell: Callable[[str], None],
    *,
    nodes: int = NODES,
    streams: int = OPEN_STREAMS,
    rounds: int = ROUNDS,
) -> Scale:
    """Two coordinators, one with a single node: calls to either by turns. Raises NotReady."""
    with ExitStack() as stack:
        few = _fleet(stack, place, "few")
        large = _fleet(stack, place, "large")
        gateway_port = str(urlsplit(place.engine_url).port)
        command = python("tests.benchmarks.bench.beats", large.url, gateway_port, str(nodes), str(INTERVAL_S))
        log = place.directory / "beats.log"
        many = Many(stack.enter_context(started("beats", command, log, place.cores.load)))
        tell(f"{nodes} nodes join")
        until(lambda: _joined(large.url) > nodes, f"{nodes} nodes", JOIN_S)
        beat_us = _beat_us(large.programs[0], many, rounds, tell)
        one, all_ = _by_turns(place, few, large, many, rounds, tell)
        seen = many.tell()
        opened = _open_streams(place, large, streams, tell)
    beats_s = all_.seconds * nodes / INTERVAL_S * beat_us / 1e6
    return Scale(
        nodes=nodes,
        calls_per_s_one_node=one.calls / one.seconds,
        calls_per_s=all_.calls / all_.seconds,
        ratio=all_.calls / all_.seconds * one.seconds / one.calls,
        cpu_per_1000_calls_one_node=one.cpu_s["coordinator"] * 1000 / one.calls,
        cpu_per_1000_calls=(all_.cpu_s["coordinator"] - beats_s) * 1000 / all_.calls,
        cpu_ratio=(all_.cpu_s["coordinator"] - beats_s) / all_.calls * one.calls / one.cpu_s["coordinator"],
        beat_us=beat_us,
        beats_failed=seen.failed,
        reply_p99_ms=seen.reply_p99_ms,
        view_p50_ms=seen.view_p50_ms,
        view_kb=seen.view_bytes / 1000,
        rss_mb=all_.rss_bytes["coordinator"] / MB,
        streams_asked=streams,
        streams_open=opened.open_calls,
        streams_errors=opened.errors,
        streams_rss_mb=opened.rss_bytes["coordinator"] / MB,
        streams_node_rss_mb=opened.rss_bytes["node"] / MB,
    )


def _fleet(stack: ExitStack, place: Place, name: str) -> Subject:
    """A coordinator of its own with one node that has the engine and joined; it is open for those that only beat."""
    (place.directory / name).mkdir()
    room = replace(place, directory=place.directory / name)
    program, url = stack.enter_context(herd(room, FLEET_OPEN="true"))
    node = stack.enter_context(agent(room, url, "node-1", place.cores.load))
    until(lambda: is_ready(url, "node-1"), "the coordinator's node")
    return Subject(
        name=name, url=url, programs=(program, node, place.engine), own="coordinator", dialect=place.dialect
    )


def _joined(url: str) -> int:
    status = told(url, "/fleet/status")
    return sum(node["state"] == "ready" for node in status["nodes"]) if status else 0


def _beat_us(coordinator: Program, many: Many, rounds: int, tell: Callable[[str], None]) -> float:
    """By the difference between some seconds with beats and as many without."""
    tell("what a beat costs")
    many.tell()
    with_beats, count = 0.0, 0
    without = 0.0
    for _ in range(rounds):
        used = coordinator.cpu_s()
        time.sleep(WINDOW_S)
        with_beats += coordinator.cpu_s() - used
        count += many.tell().beats
        many.say("pause")
        used = coordinator.cpu_s()
        time.sleep(PAUSE_S)
        without += (coordinator.cpu_s() - used) * WINDOW_S / PAUSE_S
        many.say("go")
    return max(0.0, with_beats - without) / max(1, count) * 1e6


def _by_turns(
    place: Place, few: Subject, large: Subject, many: Many, rounds: int, tell: Callable[[str], None]
) -> tuple[Cell, Cell]:
    one, all_ = [], []
    scenario = calls(CLIENTS)
    for number in range(rounds):
        tell(f"round {number + 1}/{rounds} {scenario.name} with one node, with all and the fleet's view open")
        many.say("pause")
        one.append(measure(place.engine_url, few, scenario, PAUSE_S))
        many.say("go", "view")
        all_.append(measure(place.engine_url, large, scenario, WINDOW_S))
        many.say("blind")
    return merged(one), merged(all_)


def _open_streams(place: Place, large: Subject, streams: int, tell: Callable[[str], None]) -> Cell:
    tell(f"{streams} open streams")
    slow = Scenario("open", streams, tokens=200, delay_ms=SLOW_MS, warm_s=OPENING_S, varied=False)
    return measure(place.engine_url, large, slow, WINDOW_S)
