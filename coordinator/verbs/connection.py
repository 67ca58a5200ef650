"""How a verb asks the coordinator: which one, and what its errors mean to a person."""

import contextlib
import http.client
import os
import socket
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec

from shared.printable import printable_lines

OK, FAILED, USAGE, NOT_FOUND = 0, 1, 2, 3
"""Exit codes of every verb."""
INTERRUPTED = 130
PORT = 11435
OLLAMA_PORT = 11434
"""What OLLAMA_HOST means where it names none."""
TIMEOUT_S = 10.0
LOOK_TIMEOUT_S = 2.0
WHOLE = 3
"""The whole of an answer may take so many times as long as each of its steps: what trickles ends, too."""
ANSWER_BYTES = 256 * 2**20
ERROR_BYTES = 64 * 2**10
LINE_BYTES = 16 * 2**20
"""Of one line of a stream."""
HEALTH = "/health"
SHOWN = 1_000
"""Characters of an error that are shown."""


class NoAnswer(Exception):
    """What went wrong, for a person. `code`: how the program ends."""

    def __init__(self, text: str, *, code: int = FAILED, reached: bool = True) -> None:
        """`reached`: whether a coordinator said it; otherwise trying again may help."""
        super().__init__(printable_lines(text))  # much of it was said by another machine
        self.code = code
        self.reached = reached


def ask(
    method: str, path: str, body: object | None = None, *, url: str = "", timeout_s: float | None = TIMEOUT_S
) -> Any:
    """The decoded JSON of an answer below 300; None where it is empty. `url`: the coordinator; empty: `found()`.

    `timeout_s`: of each step, the whole may take WHOLE times as long; None: as long as it takes. Raises NoAnswer.
    """
    where = base_url(url) if url else found()
    with _answered(method, where, path, body, timeout_s) as response:
        content = response.read(ANSWER_BYTES + 1)
    if len(content) > ANSWER_BYTES:
        raise NoAnswer(f"{where} answered with more than {ANSWER_BYTES} bytes")
    return _decoded(content, where) if content else None


def ask_lines(
    method: str, path: str, body: object, *, url: str = ""
) -> Generator[tuple[http.client.HTTPMessage, dict[str, Any]], None, None]:
    """Each line of JSON as it comes, with the headers of the answer. Closing it ends the call. Raises NoAnswer.

    It waits as long as the coordinator does: for a place, a load, a pull.
    """
    where = base_url(url) if url else found()
    with _answered(method, where, path, body, None) as response:
        while line := _line(response, where):
            told = _decoded(line, where)
            if not isinstance(told, dict):
                raise NoAnswer(f"{where} is not a herd coordinator")
            if words := error_words(line):
                raise NoAnswer(words[:SHOWN])
            yield response.headers, told


def found(*, listen: bool = True) -> str:
    """The coordinator that nobody named. Raises NoAnswer.

    1. FLEET_URL, also of the env file. 2. OLLAMA_HOST, where a coordinator answers there; else that is told. 3. This
    machine's, by its settings, where one answers. 4. The one that mDNS shows (not without `listen`, nor with
    FLEET_MDNS=false). 5. This machine's, so that its silence is told.
    """
    from coordinator.verbs.set_here import local_url, set_url

    if told := set_url():
        return base_url(told)
    if (host := os.environ.get("OLLAMA_HOST")) and (url := coordinator_at(host)):
        return url
    url = _unnamed(local_url(PORT), listen=listen)
    if host and listen:
        import click

        click.echo(f"herd: OLLAMA_HOST={host!r} answers as no coordinator; asking {url}", err=True)
    return url


def _unnamed(local: str, *, listen: bool) -> str:
    listen = listen and os.environ.get("FLEET_MDNS", "").lower() not in ("0", "false", "no", "off")
    if not listen or coordinator_at(local):
        return local
    from coordinator.verbs.neighbourhood import shown

    return shown(coordinator_at) or local


def base_url(text: str, port: int = PORT) -> str:
    """scheme://host:port of what was typed, with http and `port` where they are left out. Raises NoAnswer."""
    try:
        parts = urlsplit(text.strip() if "://" in text else f"http://{text.strip()}")
        host, port = parts.hostname or "", parts.port or port
        host.encode("idna")
    except ValueError as error:
        raise NoAnswer(f"{text!r} is no address: {error}", code=USAGE) from error
    if not host or parts.scheme not in ("http", "https") or any(each.isspace() for each in host):
        raise NoAnswer(f"{text!r} is no address; expected http://HOST:{PORT}", code=USAGE)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def coordinator_at(host: str) -> str:
    """Its base URL; empty where an Ollama lives there, or nobody. Whatever else it is, a coordinator tells its id."""
    scheme, slashes, rest = host.strip().rpartition("://")
    if rest.startswith(":"):  # as Ollama has it: this machine
        host = f"{scheme}{slashes}127.0.0.1{rest}"
    try:
        url = base_url(host, OLLAMA_PORT)
        with _answered("GET", url, HEALTH, None, LOOK_TIMEOUT_S) as response:
            told = msgspec.json.decode(response.read(ERROR_BYTES))
    except (NoAnswer, ValueError, RecursionError):
        return ""  # an error of decoding is a ValueError
    return url if isinstance(told, dict) and "coordinator_id" in told else ""


def is_other(where: str) -> bool:
    """Whether somebody answers there who is no coordinator. One that refuses to tell may be one."""
    try:
        with _answered("GET", where, HEALTH, None, LOOK_TIMEOUT_S) as response:
            told = msgspec.json.decode(response.read(ERROR_BYTES))
    except NoAnswer as error:
        return error.code == NOT_FOUND
    except (ValueError, RecursionError):
        return True  # an error of decoding is a ValueError
    return not (isinstance(told, dict) and isinstance(told.get("coordinator_id"), str))


def is_open(where: str) -> bool:
    """Whether the coordinator there is in open mode. Nothing is raised: who cannot tell is not."""
    try:
        with _answered("GET", where, HEALTH, None, LOOK_TIMEOUT_S) as response:
            told = msgspec.json.decode(response.read(ERROR_BYTES))
    except (NoAnswer, ValueError, RecursionError):
        return False
    return isinstance(told, dict) and told.get("open") is True


def stranger(url: str) -> NoAnswer:
    """What to say of an answer that a coordinator of this version does not give."""
    where = base_url(url) if url else found()
    if not is_other(where):
        return NoAnswer(f"{where} is a herd coordinator of another version: its answer makes no sense here")
    return NoAnswer(f"{where} is {'an Ollama, ' if _is_ollama(where) else ''}not a herd coordinator")


def _is_ollama(where: str) -> bool:
    """A coordinator tells a version there, too."""
    try:
        with _answered("GET", where, "/api/version", None, LOOK_TIMEOUT_S) as response:
            told = msgspec.json.decode(response.read(ERROR_BYTES))
    except (NoAnswer, ValueError, RecursionError):
        return False
    return isinstance(told, dict) and isinstance(told.get("version"), str)


@contextmanager
def _answered(
    method: str, where: str, path: str, body: object | None, timeout_s: float | None
) -> Iterator[http.client.HTTPResponse]:
    """An answer below 300, closed with the block. A coordinator is a neighbour: no proxy stands before it."""
    data = None if body is None else msgspec.json.encode(body)
    headers = {"Accept": "application/json"} | (
        {"Content-Type": "application/json"} if data is not None else {}
    )
    connection = _connection(where, timeout_s)
    try:
        with _bounded(connection, timeout_s):
            connection.request(method, path, data, headers)
            with connection.getresponse() as response:
                if response.status == 404 and path != HEALTH and is_other(where):
                    raise stranger(where)
                if response.status >= 300:
                    raise _refused(response, where)
                yield response
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"no coordinator answers at {where}: {_why(error)}", reached=False) from error
    finally:
        connection.close()


@contextmanager
def _bounded(connection: http.client.HTTPConnection, timeout_s: float | None) -> Iterator[None]:
    """Connects; after WHOLE times `timeout_s` it is cut off, whoever waits for it. Raises OSError, TimeoutError."""
    if timeout_s is None:
        yield
        return
    ends_at = time.monotonic() + WHOLE * timeout_s
    connection.connect()
    sock, over = connection.sock, threading.Event()

    def cut() -> None:
        over.set()
        with contextlib.suppress(OSError):  # it has ended by itself
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # TLS's own would wait for the other side

    timer = threading.Timer(max(0.0, ends_at - time.monotonic()), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        if over.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
    if over.is_set():
        raise TimeoutError


def _line(response: http.client.HTTPResponse, where: str) -> bytes:
    try:
        return response.readline(LINE_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"{where} broke off its answer: {_why(error)}", reached=False) from error


def _connection(where: str, timeout_s: float | None) -> http.client.HTTPConnection:
    parts = urlsplit(where)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=timeout_s)


def _refused(response: http.client.HTTPResponse, where: str) -> NoAnswer:
    try:
        content = response.read(ERROR_BYTES)
    except (OSError, http.client.HTTPException):
        content = b""
    text = error_words(content) or f"it answered {response.status}"
    return NoAnswer(f"{where}: {text[:SHOWN]}", code=NOT_FOUND if response.status == 404 else FAILED)


def _decoded(content: bytes, where: str) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoAnswer(f"{where} is not a herd coordinator: {error}") from error


def error_words(content: bytes) -> str:
    """Of an error in either dialect; empty: it is in none."""
    try:
        told = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    error = told.get("error") if isinstance(told, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else ""


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
