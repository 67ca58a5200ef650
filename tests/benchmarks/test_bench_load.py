"""The load against real servers: the fast fake engine, and ones that do wrong."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.benchmarks.bench import messages
from tests.benchmarks.bench.asking import ask, told
from tests.benchmarks.bench.load import Load, Plan, Seen
from tests.benchmarks.bench.messages import Dialect, answer_head, request
from tests.benchmarks.bench.processes import Cores, Program, until
from tests.benchmarks.bench.running import measure
from tests.benchmarks.bench.scenarios import Scenario
from tests.benchmarks.bench.subjects import Subject, fake_engine

DIALECTS: tuple[Dialect, ...] = ("ollama", "openai")


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    with fake_engine(tmp_path_factory.mktemp("engine"), Cores()) as (program, url):
        yield Subject(name="direct", url=url, programs=(program,))


def run(plan: Plan) -> Seen:
    return Load(plan).run(lambda: None, lambda: None)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_whole_answers(subject: Subject, dialect: Dialect) -> None:
    body = request(dialect, "engine", tokens=None).partition(messages.HEAD_END)[2]
    status, answer = ask(subject.url, messages.PATHS[dialect], "POST", body)
    assert (status, answer) == (200, messages.whole_answer(dialect))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_streams(subject: Subject, dialect: Dialect) -> None:
    body = request(dialect, "engine", tokens=5).partition(messages.HEAD_END)[2]
    status, answer = ask(subject.url, messages.PATHS[dialect], "POST", body)
    said = [messages.token(dialect, number) for number in range(1, 6)]
    assert (status, answer) == (200, b"".join(said) + messages.stream_end(dialect))


def test_calls_one_after_the_other_are_counted(subject: Subject) -> None:
    cell = measure(subject.url, subject, Scenario("calls-4", 4), 0.3)
    assert cell.errors == {}
    assert cell.calls > 50
    assert len(cell.first_byte_s) >= cell.calls
    assert 0 < cell.cpu_s["engine"] < 0.5
    assert cell.rss_bytes["engine"] > 2**20


def test_streams_at_full_speed(subject: Subject) -> None:
    cell = measure(subject.url, subject, Scenario("streams-4", 4, tokens=50), 0.3)
    assert (cell.errors, cell.gaps_s) == ({}, ())
    assert cell.calls > 8
    assert cell.tokens >= 50 * (cell.calls - 4), "those of four calls may have come before it was measured"


@pytest.mark.alone
def test_paced_streams_keep_their_pace(subject: Subject) -> None:
    cell = measure(subject.url, subject, Scenario("paced-10", 10, tokens=40, delay_ms=20.0), 1.0)
    assert cell.errors == {}
    assert cell.tokens == pytest.approx(500, rel=0.15)
    assert 0.015 < sorted(cell.gaps_s)[len(cell.gaps_s) // 2] < 0.03


def test_no_stream_of_a_measurement_outlives_it(subject: Subject) -> None:
    measure(subject.url, subject, Scenario("paced-8", 8, tokens=1_000, delay_ms=50.0), 0.2)
    until(lambda: told(subject.url, "/bench")["streams"] == 0, "rest", 5.0)


def idle(program: Program) -> bool:
    """Whether it works no more than a tenth of a while."""
    used = program.cpu_s()
    time.sleep(0.2)
    return program.cpu_s() - used < 0.02


def test_the_engine_waits_for_a_slow_reader(subject: Subject) -> None:
    """It holds no answer back that a client does not read: its kernel's buffers are the most."""
    ask(subject.url, "/bench?delay_ms=0", "POST")
    host, _, port = subject.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(request("ollama", "engine", tokens=300_000))
        before = subject.programs[0].rss_bytes()
        until(lambda: told(subject.url, "/bench")["streams"] == 1, "a stream")
        until(lambda: idle(subject.programs[0]), "an engine that waits", 60.0)
        assert subject.programs[0].rss_bytes() - before < 2**24
        got = 0
        while got < 300_000:
            got += sock.recv(2**20).count(messages.MARK)
    assert got == 300_000


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Answers each connection's first call so, then closes it."""
    door = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                sock, _ = door.accept()
            except OSError:
                return
            with sock:
                sock.recv(65_536)
                answer(sock)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield door.getsockname()[1]
    finally:
        door.shutdown(socket.SHUT_RDWR)
        door.close()
        thread.join(5.0)


def plan(port: int, tokens: int | None) -> Plan:
    call = request("ollama", "engine", tokens=tokens)
    return Plan(host="127.0.0.1", port=port, clients=2, request=call, tokens=tokens, warm_s=0.0, seconds=0.25)


HEAD, TOKEN = messages.stream_head("ollama"), messages.chunk(messages.token("ollama", 1))
END = messages.chunk(messages.stream_end("ollama")) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "tokens", "why"),
    [
        (messages.json_answer(b"{}", "503 Busy"), None, "status 503"),
        (messages.json_answer(b"{}", "503 Busy"), 3, "status 503"),
        (HEAD + TOKEN * 2 + END, 3, "2 tokens of 3"),
        (HEAD + TOKEN * 2, 3, "connection closed in a call"),
        (b"", None, "connection closed in a call"),
        (b"nonsense\r\n\r\n", None, "no answer in HTTP/1"),
    ],
)
def test_a_wrong_answer_is_an_error(answer: bytes, tokens: int | None, why: str) -> None:
    with server(lambda sock: sock.sendall(answer)) as port:
        seen = run(plan(port, tokens))
    assert seen.calls == 0
    assert why in seen.errors
    assert sum(seen.errors.values()) <= 2 * 4, "a client waits before it tries again"


def test_nobody_there_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    seen = run(plan(port, None))
    assert set(seen.errors) == {"no connection: ECONNREFUSED"}


def test_a_head_is_read_when_it_is_whole() -> None:
    data = messages.json_answer(b"{}")
    end = data.index(messages.HEAD_END) + 4
    assert all(answer_head(data[:size]) is None for size in range(end))
    head = answer_head(data)
    assert head is not None
    assert (head.status, head.size, head.length, head.chunked) == (200, end, 2, False)
    stream = answer_head(HEAD)
    assert stream is not None
    assert (stream.length, stream.chunked) == (None, True)


def test_an_engine_reads_what_a_body_asks_for() -> None:
    assert messages.wanted_tokens(b'{"options":{"num_predict":7}}', otherwise=200) == 7
    assert messages.wanted_tokens(b'{"max_tokens": 9}', otherwise=200) == 9
    assert messages.wanted_tokens(b"{}", otherwise=200) == 200
    assert messages.wants_stream(b'{"stream" : true}', otherwise=False)
    assert not messages.wants_stream(b'{"stream":false}', otherwise=True)
    assert messages.wants_stream(b"{}", otherwise=True)


def test_the_engine_ends_with_who_started_it(tmp_path: Path) -> None:
    with fake_engine(tmp_path, Cores()) as (_, url):
        assert ask(url, "/api/version")[0] == 200
    assert ask(url, "/api/version")[0] == 0
