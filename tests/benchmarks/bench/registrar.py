"""A stand-in for a coordinator, which only takes beats: they tell where a gateway is and what it is to be shown."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec

from shared.wire import Heartbeat, HeartbeatReply

REPLY = msgspec.json.encode(
    msgspec.to_builtins(HeartbeatReply(status="ok", node_status="online", coordinator_id="bench"))
    | {"open": True}
)
"""To a beat, and to the question who is there."""


class Registrar:
    """`url` is an agent's `--router-url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.beats: dict[str, Heartbeat] = {}
        """The last of each node."""


@contextmanager
def registrar() -> Iterator[Registrar]:
    """Listens in a thread until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            beat = msgspec.json.decode(body, type=Heartbeat)
            taken.beats[beat.node_id] = beat
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(REPLY)))
            self.end_headers()
            self.wfile.write(REPLY)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    taken = Registrar(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
