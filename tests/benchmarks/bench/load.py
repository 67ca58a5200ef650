"""The load: clients that send one call after the other over connections of their own, in one loop over raw sockets."""

import errno
import gc
import heapq
import selectors
import socket
import time
from array import array
from collections import Counter
from collections.abc import Callable

from msgspec import Struct, field

from tests.benchmarks.bench.messages import LAST_CHUNK, MARK, answer_head

READ_BYTES = 256 * 2**10
POLL_S = 0.05
AGAIN_S = 0.1
"""Before a client whose connection failed tries again."""
TAIL = len(LAST_CHUNK)


class Plan(Struct, frozen=True, kw_only=True):
    """What the clients do."""

    host: str
    port: int
    clients: int
    request: bytes
    tokens: int | None = None
    """Of each stream; None: answers are whole."""
    first_requests: tuple[bytes, ...] = ()
    """Of a client's first call, by turns, with `first_tokens` each: so that streams do not all end together."""
    first_tokens: tuple[int, ...] = ()
    ramp_s: float = 0.0
    """In which the clients begin, one after the other."""
    warm_s: float = 0.3
    """From the ramp's end to the begin of the measurement."""
    seconds: float = 1.0
    """Of the measurement."""


class Seen(Struct):
    """What the clients saw while it was measured; times in seconds."""

    seconds: float = 0.0
    calls: int = 0
    """Complete and right."""
    tokens: int = 0
    first_byte_s: "array[float]" = field(default_factory=lambda: array("d"))
    """From a call's sending, of all calls, the ramp's too."""
    gaps_s: "array[float]" = field(default_factory=lambda: array("d"))
    """Between two reads of one stream."""
    errors: Counter[str] = field(default_factory=Counter)
    open_calls: int = 0
    """At the end of the measurement, with a first byte."""


class Client:
    """One connection."""

    __slots__ = (
        "_at_first",
        "_began",
        "_connected",
        "_data",
        "_got",
        "_head",
        "_last",
        "_load",
        "_request",
        "_tokens",
        "sock",
    )

    def __init__(self, load: "Load", number: int) -> None:
        plan = load.plan
        self._load = load
        self._request, self._tokens = plan.request, plan.tokens
        if plan.first_requests:
            turn = number % len(plan.first_requests)
            self._request, self._tokens = plan.first_requests[turn], plan.first_tokens[turn]
        self._at_first = True
        self._began = self._last = 0.0
        self._data = b""
        self._got = 0
        self._head = self._connected = False
        self.sock: socket.socket | None = None

    def begin(self) -> None:
        """Connects, without waiting for it: a full backlog at one client must not hold the others up."""
        plan = self._load.plan
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        error = sock.connect_ex((plan.host, plan.port))
        if error not in (0, errno.EINPROGRESS):
            sock.close()
            self._load.failed(self, f"no connection: {errno.errorcode.get(error, error)}")
            return
        self.sock, self._connected = sock, False
        self._load.selector.register(sock, selectors.EVENT_WRITE, self)

    def _begun(self) -> None:
        """The connection is there, or will not be; then its first call is sent."""
        assert self.sock is not None
        if error := self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._lost(f"no connection: {errno.errorcode.get(error, error)}")
            return
        self._connected = True
        self._load.selector.modify(self.sock, selectors.EVENT_READ, self)
        self._call()

    def _call(self) -> None:
        self._data, self._got, self._head = b"", 0, False
        self._began = time.perf_counter()
        try:
            if self.sock is not None and self.sock.send(self._request) < len(self._request):
                self._lost("a request that does not fit into the socket's buffer")
        except OSError as error:
            self._lost(f"connection lost: {type(error).__name__}")

    @property
    def answered(self) -> bool:
        """Whether its running call has a first byte."""
        return self._head

    def ready(self, now: float) -> None:
        """Something came, or the end, or the connection."""
        assert self.sock is not None
        if not self._connected:
            self._begun()
            return
        try:
            data = self.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost("connection closed in a call")
            return
        seen = self._load.seen
        if not self._head:
            self._head = True
            seen.first_byte_s.append(now - self._began)
        elif self._tokens is not None and self._load.measuring:
            seen.gaps_s.append(now - self._last)
        self._last = now
        try:
            self._take(data)
        except ValueError as error:
            self._lost(str(error))

    def _take(self, data: bytes) -> None:
        if self._tokens is None:
            self._data = data = self._data + data if self._data else data
            head = answer_head(data)
            if head is None:
                return
            if head.status != 200:
                self._lost(f"status {head.status}")
            elif (
                len(data) == head.size + head.length if head.length is not None else data.endswith(LAST_CHUNK)
            ):
                self._done()
            return
        if not self._got and not self._data and data[9:12] != b"200":
            self._lost(f"status {data[9:12].decode('latin-1')}")
            return
        count = data.count(MARK)
        self._got += count
        if self._load.measuring:
            self._load.seen.tokens += count
        self._data = (self._data + data)[-TAIL:]
        if self._data == LAST_CHUNK:
            if self._got == self._tokens:
                self._done()
            else:
                self._lost(f"{self._got} tokens of {self._tokens}")

    def _done(self) -> None:
        load = self._load
        if load.measuring:
            load.seen.calls += 1
        if self._at_first:
            self._at_first = False
            self._request, self._tokens = load.plan.request, load.plan.tokens
        self._call()

    def _lost(self, why: str) -> None:
        self.close()
        self._load.failed(self, why)

    def close(self) -> None:
        """Drops its connection."""
        if self.sock is not None:
            self._load.selector.unregister(self.sock)
            self.sock.close()
            self.sock = None


class Load:
    """Runs once. `at_begin` and `at_end` are called where the measurement begins and ends."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.seen = Seen()
        self.measuring = False
        self.selector = selectors.DefaultSelector()
        self._clients = [Client(self, number) for number in range(plan.clients)]
        self._due = [
            (plan.ramp_s * number / plan.clients, number, client)
            for number, client in enumerate(self._clients)
        ]
        self._began = 0.0
        self._count = plan.clients

    def failed(self, client: Client, why: str) -> None:
        """A call of it; it tries again a little later."""
        self.seen.errors[why] += 1
        self._count += 1
        heapq.heappush(self._due, (time.perf_counter() - self._began + AGAIN_S, self._count, client))

    def run(self, at_begin: Callable[[], None], at_end: Callable[[], None]) -> Seen:
        """Ramp, warm up, measure; then drops every connection."""
        gc.collect()
        gc.disable()  # its pauses would be told as the proxy's
        self._began = time.perf_counter()
        try:
            self._until(self.plan.ramp_s + self.plan.warm_s)
            at_begin()
            began, self.measuring = time.perf_counter(), True
            self._until(began - self._began + self.plan.seconds)
            self.measuring = False
            self.seen.seconds = time.perf_counter() - began
            at_end()
            self.seen.open_calls = sum(each.sock is not None and each.answered for each in self._clients)
        finally:
            gc.enable()
            for client in self._clients:
                client.close()
            self.selector.close()
        return self.seen

    def _until(self, end_s: float) -> None:
        select, clock, due = self.selector.select, time.perf_counter, self._due
        end = self._began + end_s
        while (now := clock()) < end:
            while due and due[0][0] <= now - self._began:
                heapq.heappop(due)[2].begin()
            wait = min(POLL_S, end - now)
            if due:
                wait = min(wait, self._began + due[0][0] - now)
            events = select(max(0.0, wait))
            now = clock()
            for key, _ in events:
                if key.fileobj is key.data.sock:
                    key.data.ready(now)
