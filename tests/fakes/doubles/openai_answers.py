"""What the doubles of engines have in common: answers in OpenAI's dialect over the standard library's server.

These are doubles, written from what the engines were seen to do or from their sources; they compute nothing.
"""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

WORDS = ["one ", "two ", "three"]


class Handler(BaseHTTPRequestHandler):
    """Answers one request; a double's own class says which paths there are."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    # Header names in small letters, as uvicorn writes them.

    def body(self) -> dict[str, Any]:
        length = int(self.headers.get("Content-Length") or 0)
        return json.loads(self.rfile.read(length) or b"{}") if length else {}

    def send(self, value: Any, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_text(data, status, "application/json")

    def send_text(self, data: bytes, status: int, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = True

    def send_events(self, events: list[Any], pause_s: float = 0.0) -> None:
        """Each as one event; texts as they are."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for event in events:
            time.sleep(pause_s)
            text = event if isinstance(event, str) else json.dumps(event)
            self.wfile.write(f"data: {text}\n\n".encode())
            self.wfile.flush()


def whole(model: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": "".join(WORDS)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "1", "object": "chat.completion", "model": model, "choices": [choice], "usage": USAGE}


USAGE = {"prompt_tokens": 4, "completion_tokens": len(WORDS), "total_tokens": 4 + len(WORDS)}


def chunks(model: str) -> list[dict[str, Any]]:
    """The words, and an end with usage."""
    head = {"id": "1", "object": "chat.completion.chunk", "model": model}
    said = [
        {**head, "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]}
        for word in WORDS
    ]
    return [*said, {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE}]


BACKLOG = 128


def serve(server: HTTPServer) -> None:
    """For ever; the first line of standard output says where, which no real engine does.

    The library lets five connections wait to be taken; what comes beyond is tried again seconds later, as at no engine.
    """
    server.socket.listen(BACKLOG)
    line = {"address": f"http://127.0.0.1:{server.server_address[1]}", "pid": os.getpid()}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
    server.serve_forever()
