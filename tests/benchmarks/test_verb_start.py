"""How long `herd ps` takes from cold, which a person waits for. CPU time: a busy machine changes it little."""

import http.server
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.alone

MOST_S = 0.25
RUNS = 5
ANSWER = b'{"models": []}'


class Ps(http.server.BaseHTTPRequestHandler):
    """An answer of /api/ps."""

    def do_GET(self) -> None:
        """The same to everybody."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def run_once(port: int) -> float:
    """CPU seconds of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    line = [sys.executable, "-m", "coordinator", "ps", "--url", f"http://127.0.0.1:{port}"]
    subprocess.run(line, cwd=ROOT, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_herd_ps_is_quick_from_cold(capsys: pytest.CaptureFixture[str]) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ps) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            quickest = min(run_once(server.server_address[1]) for _ in range(RUNS))
        finally:
            server.shutdown()
            serving.join()
    with capsys.disabled():
        sys.stdout.write(f"\n  herd ps: {1000 * quickest:.0f} ms of CPU from cold\n")
    assert quickest < MOST_S
