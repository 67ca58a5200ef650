"""Many nodes at once, a program: `beats.py COORDINATOR GATEWAY_PORT NODES INTERVAL_S`. Each sends its beats over a
connection of its own. A line on standard input: `pause`, `go`, `tell` (prints what was seen since the last, as JSON),
`view` and `blind` (whether the fleet's status is asked for each second).
"""

import heapq
import os
import selectors
import socket
import sys
import threading
import time
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from shared.wire import Hardware, Heartbeat
from tests.benchmarks.bench.asking import ask
from tests.benchmarks.bench.figures import quantile
from tests.benchmarks.bench.messages import answer_head
from tests.fakes.builders import a_beat, a_model, a_replica, an_engine

VIEW_S = 1.0
POLL_S = 0.05
READ_BYTES = 64 * 2**10


class Told(Struct):
    """Since the last. Milliseconds."""

    beats: int = 0
    failed: int = 0
    reply_p50_ms: float = 0.0
    reply_p99_ms: float = 0.0
    views: int = 0
    view_p50_ms: float = 0.0
    view_bytes: int = 0


class Node:
    """One of them."""

    def __init__(self, number: int, address: tuple[str, int], gateway_port: int) -> None:
        names = [f"other-{(number * 3 + each) % 20}:latest" for each in range(5)]
        engine = an_engine(*map(a_model, names), replicas=[a_replica(name) for name in names[:2]])
        beat = a_beat(f"many-{number:04}", engine, hardware=Hardware(arch="x86_64", chip="bench"))
        self._beat: Heartbeat = replace(beat, gateway_host="127.0.0.1", gateway_port=gateway_port)
        self._seq = 0
        self._head = f"POST /heartbeat HTTP/1.1\r\nHost: {address[0]}\r\nContent-Type: application/json\r\n"
        self.sock = socket.create_connection(address, timeout=10.0)
        self.sock.setblocking(False)
        self.sent_at = 0.0
        self.read = b""

    def send(self) -> None:
        """Its next beat."""
        self._seq += 1
        body = msgspec.json.encode(replace(self._beat, seq=self._seq))
        self.read, self.sent_at = b"", time.perf_counter()
        self.sock.send(f"{self._head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def answered(self) -> int:
        """The status of the reply; 0: it is not complete."""
        data = self.sock.recv(READ_BYTES)
        if not data:
            raise ConnectionError("closed")
        self.read += data
        head = answer_head(self.read)
        complete = head is not None and len(self.read) >= head.size + (head.length or 0)
        return head.status if head is not None and complete else 0


class Herd:
    """All of them."""

    def __init__(self, url: str, gateway_port: int, nodes: int, interval_s: float) -> None:
        parts = urlsplit(url)
        address = (parts.hostname or "", parts.port or 0)
        self._url = url
        self._interval_s = interval_s
        self._selector = selectors.DefaultSelector()
        self._due: list[tuple[float, int, Node]] = []
        now = time.perf_counter()
        for number in range(nodes):
            node = Node(number, address, gateway_port)
            self._selector.register(node.sock, selectors.EVENT_READ, node)
            self._due.append((now + interval_s * number / nodes, number, node))
        self._paused_at = 0.0
        self._seeing = threading.Event()
        self._replies: list[float] = []
        self._views: list[float] = []
        self._view_bytes = self._failed = 0

    def run(self) -> None:
        """Until standard input ends."""
        os.set_blocking(0, False)
        self._selector.register(0, selectors.EVENT_READ, None)
        threading.Thread(target=self._view, daemon=True).start()
        while True:
            now = time.perf_counter()
            while not self._paused_at and self._due[0][0] <= now:
                at, number, node = heapq.heappop(self._due)
                node.send()
                heapq.heappush(self._due, (at + self._interval_s, number, node))
            wait = POLL_S if self._paused_at else min(POLL_S, max(0.0, self._due[0][0] - now))
            for key, _ in self._selector.select(wait):
                if key.data is not None:
                    self._reply(key.data)
                elif not self._heed():
                    return

    def _reply(self, node: Node) -> None:
        status = node.answered()
        if status == 200:
            self._replies.append(time.perf_counter() - node.sent_at)
        elif status:
            self._failed += 1

    def _heed(self) -> bool:
        data = os.read(0, 4096)
        for word in data.decode().split():
            if word == "pause":
                self._paused_at = time.perf_counter()
            elif word == "go":
                late = time.perf_counter() - self._paused_at
                self._due = [(at + late, number, node) for at, number, node in self._due]
                self._paused_at = 0.0
            elif word == "tell":
                sys.stdout.write(msgspec.json.encode(self._told()).decode() + "\n")
                sys.stdout.flush()
            else:
                (self._seeing.set if word == "view" else self._seeing.clear)()
        return bool(data)

    def _told(self) -> Told:
        told = Told(beats=len(self._replies), failed=self._failed, views=len(self._views))
        if self._replies:
            told.reply_p50_ms, told.reply_p99_ms = (
                quantile(self._replies, part) * 1000 for part in (0.5, 0.99)
            )
        if self._views:
            told.view_p50_ms, told.view_bytes = quantile(self._views, 0.5) * 1000, self._view_bytes
        self._replies, self._views, self._failed = [], [], 0
        return told

    def _view(self) -> None:
        while self._seeing.wait():
            began = time.perf_counter()
            status, body = ask(self._url, "/fleet/status")
            if status == 200:
                self._views.append(time.perf_counter() - began)
                self._view_bytes = len(body)
            time.sleep(max(0.0, VIEW_S - (time.perf_counter() - began)))


if __name__ == "__main__":
    Herd(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])).run()
