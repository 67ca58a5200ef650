"""How a verb asks the coordinator: which one, and what its errors mean to a person."""

import http.client
import os
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import msgspec

OK, FAILED, USAGE, NOT_FOUND = 0, 1, 2, 3
"""Exit codes of every verb."""
PORT = 11435
OLLAMA_PORT = 11434
"""What OLLAMA_HOST means where it names none."""
LOCAL_URL = f"http://127.0.0.1:{PORT}"
TIMEOUT_S = 10.0
LOOK_TIMEOUT_S = 2.0
ANSWER_BYTES = 256 * 2**20
ERROR_BYTES = 64 * 2**10
SHOWN = 1_000
"""Characters of an error that are shown."""

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""A coordinator is a neighbour: no proxy stands before it."""


class NoAnswer(Exception):
    """What went wrong, for a person. `code`: how the program ends."""

    def __init__(self, text: str, *, code: int = FAILED, reached: bool = True) -> None:
        """`reached`: whether a coordinator said it; otherwise trying again may help."""
        super().__init__(text)
        self.code = code
        self.reached = reached


def ask(method: str, path: str, body: object | None = None, *, url: str = "") -> Any:
    """The decoded JSON of an answer below 300. `url`: the coordinator; empty: `found()`. Raises NoAnswer."""
    where = base_url(url) if url else found()
    request = _request(method, where + path, body)
    try:
        with _DIRECT.open(request, timeout=TIMEOUT_S) as response:
            content = response.read(ANSWER_BYTES + 1)
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(error, where) from None
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"no coordinator answers at {where}: {_why(error)}", reached=False) from error
    if len(content) > ANSWER_BYTES:
        raise NoAnswer(f"{where} answered with more than {ANSWER_BYTES} bytes")
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoAnswer(f"{where} is not a herd coordinator: {error}") from error


def found() -> str:
    """FLEET_URL, else OLLAMA_HOST where a coordinator answers there, else the one of this machine. Raises NoAnswer."""
    if told := os.environ.get("FLEET_URL"):
        return base_url(told)
    if (host := os.environ.get("OLLAMA_HOST")) and (url := _coordinator_at(host)):
        return url
    return LOCAL_URL


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


def _coordinator_at(host: str) -> str:
    """Its base URL; empty where an Ollama lives there, or nobody. Whatever else it is, a coordinator tells its id."""
    try:
        url = base_url(host, OLLAMA_PORT)
        with _DIRECT.open(_request("GET", f"{url}/health", None), timeout=LOOK_TIMEOUT_S) as response:
            told = msgspec.json.decode(response.read(ERROR_BYTES))
    except (NoAnswer, OSError, http.client.HTTPException, ValueError, RecursionError):
        return ""  # an error of decoding is a ValueError
    return url if isinstance(told, dict) and "coordinator_id" in told else ""


def _request(method: str, url: str, body: object | None) -> urllib.request.Request:
    data = None if body is None else msgspec.json.encode(body)
    headers = {"Accept": "application/json"} | (
        {"Content-Type": "application/json"} if data is not None else {}
    )
    return urllib.request.Request(url, data=data, headers=headers, method=method)


def _refused(error: urllib.error.HTTPError, where: str) -> NoAnswer:
    try:
        content = error.read(ERROR_BYTES)
    except (OSError, http.client.HTTPException):
        content = b""
    text = _words(content) or f"it answered {error.code}"
    return NoAnswer(f"{where}: {text[:SHOWN]}", code=NOT_FOUND if error.code == 404 else FAILED)


def _words(content: bytes) -> str:
    """Of an error in either dialect; empty: it is in none."""
    try:
        told = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    error = told.get("error") if isinstance(told, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else ""


def _why(error: BaseException) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return "timed out"
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
