"""Servers that answer a verb whatever a test wants: rubbish, harm, an Ollama's words."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Same(http.server.BaseHTTPRequestHandler):
    """The same answer to all, but for those paths that its server says."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        assert isinstance(self.server, Stranger)
        path = self.path.partition("?")[0]
        status, body = self.server.bodies.get(path, self.server.bodies["*"])
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - as the library calls them

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


class Stranger(http.server.ThreadingHTTPServer):
    """Answers by path."""

    bodies: dict[str, tuple[int, bytes]]


@contextmanager
def answering(body: bytes, status: int = 200, **paths: tuple[int, bytes]) -> Iterator[str]:
    """Its URL. `paths`: health, version."""
    with Stranger(("127.0.0.1", 0), Same) as server:
        named = {"health": "/health", "version": "/api/version"}
        server.bodies = {"*": (status, body)} | {named[name]: answer for name, answer in paths.items()}
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            serving.join()
