"""The worker's HTTP on loopback: OpenAI's chat and completions, its model, its health."""

from __future__ import annotations

import json
import queue
import selectors
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from . import answers
from .asked import CHAT, COMPLETIONS, Asked, Refused, Sampling, asked
from .calls import Call
from .models import fitting
from .process import HOST
from .said import Said
from .turns import Full, Turns

BODY_LIMIT = 64 * 2**20
LOOK_S = 0.1
"""Between looks whether a caller is still there."""
BACKLOG = 512
"""Connections that wait to be taken."""
IDLE_S = 75.0
"""That a connection may do nothing."""


class Reads(Protocol):
    """A model's tokenizer."""

    @property
    def chats(self) -> bool:
        """Whether the model has a template for conversations."""
        ...

    def tokens(self, asked: Asked) -> list[int]:
        """Of the prompt. Raises Refused."""
        ...

    def text(self, tokens: list[int]) -> str:
        """What they say."""
        ...


@dataclass
class Served:
    """The model behind the door."""

    name: str
    engine: str
    how: str
    """It is computed, for a person."""
    version: str
    context: int
    slots: int
    reader: Reads
    ends: frozenset[int]
    defaults: Sampling
    turns: Turns

    def call(self, path: str, body: Any) -> Call:
        """Raises Refused."""
        wanted = asked(path, body, self.name, self.defaults)
        tokens = self.reader.tokens(wanted)
        most = fitting(tokens, wanted.most, self.context)
        said = Said(self.reader.text, wanted.stops)
        return Call(wanted, tokens, most, said, self.ends, self.name)

    def models(self) -> dict[str, Any]:
        """Its one model."""
        abilities = ["chat"] if self.reader.chats else ["completion"]
        return answers.models(self.name, self.context, abilities, self.engine)

    def health(self) -> dict[str, Any]:
        """That it lives, and how far it is: the counts of tokens grow while anything is computed."""
        turns = self.turns
        return {
            **{"status": "ok", "engine": self.engine, "version": self.version, "how": self.how},
            **{"model": self.name, "context": self.context, "slots": self.slots},
            **{"running": turns.running, "waiting": turns.waiting},
            **{"prompt_tokens": turns.prompt_tokens, "completion_tokens": turns.completion_tokens},
        }


class Door(ThreadingHTTPServer):
    """One thread for each connection."""

    daemon_threads = True
    request_queue_size = BACKLOG

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as inherited
        """A caller who left is no error; of any other only the kind is told, for its text may be a caller's."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            print(f"a call ended by {type(error).__name__}", file=sys.stderr, flush=True)


def door(port: int, served: Served) -> Door:
    """Listening; 0 takes a free port. Raises OSError."""
    return Door((HOST, port), handler(served))


def handler(served: Served) -> type[BaseHTTPRequestHandler]:
    """Answers calls to that model."""

    class Front(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = IDLE_S
        disable_nagle_algorithm = True
        _looked_at = 0.0

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            """What it is."""
            told: dict[str, Callable[[], dict[str, Any]]] = {
                "/health": served.health,
                "/v1/models": served.models,
            }
            if self.path not in told:
                return self._error(404, "no such path")
            return self._send(told[self.path]())

        def do_POST(self) -> None:
            """A call."""
            told = self.headers.get("Content-Length", "")
            length = int(told) if told.isdecimal() and len(told) < 20 else 0
            if self.path not in (CHAT, COMPLETIONS) or not 0 < length <= BODY_LIMIT:
                self.close_connection = True
                return self._error(
                    404, f"POST {CHAT} or {COMPLETIONS}, with a length of at most {BODY_LIMIT} bytes"
                )
            try:
                call = served.call(self.path, json.loads(self.rfile.read(length)))
                served.turns.add(call)
            except Refused as error:
                return self._error(error.status, str(error), error.code)
            except (ValueError, RecursionError):
                return self._error(400, "the body is no JSON")
            except Full:
                return self._error(503, "too many calls wait")
            try:
                return self._stream(call) if call.asked.stream else self._whole(call)
            except OSError:
                self.close_connection = True
            finally:
                call.cancelled = True  # whoever comes here has it all, or has left

        def _whole(self, call: Call) -> None:
            parts = []
            while (part := self._next(call)) is not None:
                parts.append(part)
            self._send(answers.whole(call.head, "".join(parts), call.why, call.usage))

        def _stream(self, call: Call) -> None:
            part, first = self._next(call), True
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self.send_header("Cache-Control", "no-cache")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while part is not None:
                self._chunk(answers.piece(call.head, part, first=first))
                part, first = self._next(call), False
            if first and call.asked.chat:
                self._chunk(answers.piece(call.head, "", first=True))
            usage = call.usage if call.asked.with_usage else None
            self._chunk(answers.last(call.head, call.why, usage))
            self._chunk(b"")

        def _next(self, call: Call) -> str | None:
            """The next piece; None at the end. Raises ConnectionError where the caller has left."""
            while True:
                now = time.monotonic()
                if now - self._looked_at >= LOOK_S:
                    self._looked_at = now
                    if gone(self.connection):
                        raise ConnectionResetError
                with suppress(queue.Empty):
                    return call.pieces.get(timeout=LOOK_S)

        def _chunk(self, data: bytes) -> None:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

        def _error(self, status: int, text: str, code: str | None = None) -> None:
            self._send(answers.error(text, status, code), status)

        def _send(self, value: Any, status: int = 200) -> None:
            data = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
            self.send_response(status)
            if status == 503:
                self.send_header("Retry-After", "1")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Front


def gone(connection: socket.socket) -> bool:
    """Whether the other end has closed."""
    try:
        with selectors.DefaultSelector() as looking:  # select() knows the first 1024 descriptors only
            looking.register(connection, selectors.EVENT_READ)
            return bool(looking.select(0)) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):
        return True
