"""The fast fake engine, a program: an Ollama with one model, whose answers are fixed bytes.

One loop over raw sockets, as no server library costs so little: the engine is never what limits a measurement. Prints
`listening on URL`. POST /bench?delay_ms=20 sets the time between two tokens; GET /bench tells how many streams run.
"""

import heapq
import os
import re
import selectors
import socket
import sys
import threading
import time

from tests.benchmarks.bench import messages
from tests.benchmarks.bench.messages import HEAD_END, MODEL, Dialect

READ_BYTES = 256 * 2**10
REQUEST_LIMIT = 2**20
BACKLOG = 4096
IDLE_S = 1.0
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_DELAY = re.compile(rb"delay_ms=([\d.]+)")
_DETAILS = '"details":{"format":"gguf","family":"llama","parameter_size":"3B","quantization_level":"Q4_0"}'
_ABOUT = f'"name":"{MODEL}","model":"{MODEL}","size":2000000000,"digest":"{"ab" * 32}",{_DETAILS}'
CONTEXT = 4096
FIXED = {
    b"GET /": b"{}",
    b"GET /health": b"{}",
    b"GET /api/version": b'{"version":"0.12.0"}',
    b"GET /api/tags": f'{{"models":[{{{_ABOUT},"modified_at":"2026-01-01T00:00:00Z"}}]}}'.encode(),
    b"GET /api/ps": (
        f'{{"models":[{{{_ABOUT},"size_vram":0,"context_length":{CONTEXT},"expires_at":"2318-01-01T00:00:00Z"}}]}}'
    ).encode(),
    b"POST /api/show": (
        f'{{"capabilities":["completion"],{_DETAILS},"model_info":{{"llama.context_length":{CONTEXT}}}}}'
    ).encode(),
    b"GET /v1/models": f'{{"object":"list","data":[{{"id":"{MODEL}","object":"model"}}]}}'.encode(),
    b"POST /api/generate": (
        f'{{"model":"{MODEL}","created_at":"2026-01-01T00:00:00Z","response":"","done":true}}'
    ).encode(),
}
ANSWERS = {asked: messages.json_answer(body) for asked, body in FIXED.items()}
NOT_FOUND = messages.json_answer(b'{"error":"not found"}', "404 Not Found")
CHATS: dict[bytes, Dialect] = {b"POST /api/chat": "ollama", b"POST /v1/chat/completions": "openai"}
WHOLE = {dialect: messages.json_answer(messages.whole_answer(dialect)) for dialect in CHATS.values()}
FIRST = {
    each: messages.stream_head(each) + messages.chunk(messages.token(each, 1)) for each in CHATS.values()
}
TOKEN = {
    each: tuple(messages.chunk(messages.token(each, number)) for number in range(2))
    for each in CHATS.values()
}
END = {each: messages.chunk(messages.stream_end(each)) + b"0\r\n\r\n" for each in CHATS.values()}


class Connection:
    """One client's, its calls answered one after the other."""

    __slots__ = ("_engine", "_read", "_unsent", "closed", "dialect", "sent", "sock", "tokens")

    def __init__(self, engine: "Engine", sock: socket.socket) -> None:
        self._engine = engine
        self._read = b""
        self._unsent = b""
        self.sock = sock
        self.closed = False
        self.dialect: Dialect = "ollama"
        self.tokens = 0
        """Of the stream that runs; 0: none does."""
        self.sent = 0

    def ready(self, mask: int) -> None:
        """There is something to read, or room to write."""
        if mask & selectors.EVENT_WRITE:
            self._flush()
        if mask & selectors.EVENT_READ and not self.closed:
            self._receive()

    def send(self, data: bytes) -> None:
        """Now, or when there is room."""
        if self._unsent:
            self._unsent += data
            return
        try:
            count = self.sock.send(data)
        except BlockingIOError:
            count = 0
        except OSError:
            self.close()
            return
        if count < len(data):
            self._unsent = data[count:]
            self._engine.watch(self, selectors.EVENT_READ | selectors.EVENT_WRITE)

    @property
    def blocked(self) -> bool:
        """Whether the client does not read: its stream then waits."""
        return bool(self._unsent)

    def _flush(self) -> None:
        data, self._unsent = self._unsent, b""
        self.send(data)
        if not self._unsent and not self.closed:
            self._engine.watch(self, selectors.EVENT_READ)
            if self.tokens:
                self._engine.go_on(self)

    def _receive(self) -> None:
        try:
            data = self.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._read = self._read + data if self._read else data
        self.next_call()

    def next_call(self) -> None:
        """Answers what is there complete, while no stream runs."""
        while self._read and not self.tokens and not self.closed:
            data = self._read
            end = data.find(HEAD_END)
            told = _LENGTH.search(data, 0, end) if end >= 0 else None
            size = end + len(HEAD_END) + (int(told[1]) if told else 0)
            if told is None and end >= 0 and b"chunked" in data[:end].lower():
                last = data.find(b"0\r\n\r\n", end + len(HEAD_END))
                size = last + 5 if last >= 0 else REQUEST_LIMIT
            if len(data) > REQUEST_LIMIT:
                self.close()
                return
            if end < 0 or len(data) < size:
                return
            self._read = data[size:]
            self._engine.answer(self, data[:size], end)

    def close(self) -> None:
        """The client has gone."""
        if not self.closed:
            self.closed = True
            self._engine.gone(self)
            self.sock.close()


class Engine:
    """`serve` runs until the process ends."""

    def __init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self._door.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._door, selectors.EVENT_READ, None)
        self._due: list[tuple[float, int, Connection]] = []
        self._count = 0
        self._running = 0
        self._delay_s = 0.0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._door.getsockname()[1]}"

    def serve(self) -> None:
        """For ever."""
        select = self._selector.select
        while True:
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else IDLE_S
            for key, mask in select(wait):
                if key.data is None:
                    self._accept()
                else:
                    key.data.ready(mask)
            if self._due:
                self._send_due(time.monotonic())

    def _accept(self) -> None:
        for _ in range(BACKLOG):
            try:
                sock, _ = self._door.accept()
            except OSError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(sock, selectors.EVENT_READ, Connection(self, sock))

    def answer(self, connection: Connection, call: bytes, head_end: int) -> None:
        """One call, complete."""
        method, _, rest = call[: call.find(b"\r\n")].partition(b" ")
        asked = method + b" " + rest.partition(b" ")[0].partition(b"?")[0]
        dialect = CHATS.get(asked)
        if dialect is None:
            connection.send(self._told(asked, rest))
        elif messages.wants_stream(call[head_end:], otherwise=dialect == "ollama"):
            connection.dialect, connection.sent = dialect, 1
            connection.tokens = messages.wanted_tokens(call[head_end:], otherwise=200)
            self._running += 1
            connection.send(FIRST[dialect])
            if not connection.blocked and not connection.closed:
                self.go_on(connection)
        else:
            connection.send(WHOLE[dialect])

    def _told(self, asked: bytes, rest: bytes) -> bytes:
        if asked.endswith(b" /bench"):
            if told := _DELAY.search(rest):
                self._delay_s = float(told[1]) / 1000
            return messages.json_answer(b'{"streams":%d}' % self._running)
        return ANSWERS.get(asked, NOT_FOUND)

    def go_on(self, connection: Connection) -> None:
        """Its next token, when it is due."""
        self._count += 1
        heapq.heappush(self._due, (time.monotonic() + self._delay_s, self._count, connection))

    def _send_due(self, now: float) -> None:
        """One token of each stream that was due by now: they take turns, at full speed too."""
        due, later = self._due, []
        while due and due[0][0] <= now:
            at, _, connection = heapq.heappop(due)
            if connection.closed or not connection.tokens:
                continue
            if connection.sent < connection.tokens:
                connection.sent += 1
                connection.send(TOKEN[connection.dialect][connection.sent % 2])
                if not connection.blocked:
                    self._count += 1
                    later.append((max(at + self._delay_s, now - 1.0), self._count, connection))
            else:
                connection.tokens = 0
                self._running -= 1
                connection.send(END[connection.dialect])
                connection.next_call()
        for each in later:
            heapq.heappush(due, each)

    def watch(self, connection: Connection, events: int) -> None:
        """What it waits for from now on."""
        if not connection.closed:
            self._selector.modify(connection.sock, events, connection)

    def gone(self, connection: Connection) -> None:
        """Its stream, if any, is over."""
        self._selector.unregister(connection.sock)
        if connection.tokens:
            connection.tokens = 0
            self._running -= 1


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def main() -> None:
    """Until standard input ends."""
    engine = Engine()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.stdout.write(f"fake engine listening on {engine.url}\n")
    sys.stdout.flush()
    engine.serve()


if __name__ == "__main__":
    main()
