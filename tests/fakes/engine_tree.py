"""A double of an engine of several processes, as vLLM's: an API process, a core, a worker that left the session.

    engine_tree.py PORT LEFTOVER

Each process but the first makes a file of shared memory's kind, LEFTOVER-<number of the process>, and holds it open;
one more file, LEFTOVER-plain, is nobody's. GET /health answers 200 when all run; the body is their numbers.
"""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

CHILD = """
import os, sys, threading
if sys.argv[2] == "leaves":
    os.setsid()
held = open(sys.argv[1] + "-%d" % os.getpid(), "w")
print("here", flush=True)
threading.Event().wait()
"""


def child(leftover: str, how: str) -> int:
    """Started and there."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, leftover, how], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process.pid


class Health(BaseHTTPRequestHandler):
    """Of the tree."""

    pids = ""

    def do_GET(self) -> None:
        """The numbers."""
        body = self.pids.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def main(port: int, leftover: str) -> None:
    """Does not return."""
    Path(f"{leftover}-plain").touch()
    pids = [os.getpid(), child(leftover, "stays"), child(leftover, "leaves")]
    Health.pids = " ".join(map(str, pids))
    server = HTTPServer(("127.0.0.1", port), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
