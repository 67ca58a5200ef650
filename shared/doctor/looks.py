"""Reads this machine: who listens, what room there is, what answers an address. Changes nothing."""

import email.utils
import http.client
import shutil
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import psutil

from shared.doctor.seen import Answer, Listener, RoomSeen

ASK_TIMEOUT_S = 3.0
BODY_BYTES = 16 * 2**20
Told = TypeVar("Told")


class _Straight(urllib.request.HTTPRedirectHandler):
    """An answer that points elsewhere is an answer."""

    def redirect_request(self, *_: Any) -> None:
        """None: not followed."""


_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Straight)
"""Everything asked is a neighbour."""


def ask(url: str, timeout_s: float = ASK_TIMEOUT_S) -> Answer:
    """GET; any status is an answer. Raises nothing."""
    asked = time.time()
    try:
        with _DIRECT.open(url, timeout=timeout_s) as response:
            status, date, body = response.status, response.headers.get("Date", ""), response.read(BODY_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            status, date, body = error.code, error.headers.get("Date", ""), b""
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Answer(url=url, problem=_why(error))
    return Answer(url=url, status=status, body=body, ahead_s=_ahead(date, (asked + time.time()) / 2))


def decoded(body: bytes, kind: type[Told]) -> Told | None:
    """None: nobody answered, or not as it should."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _ahead(date: str, now: float) -> float | None:
    """A Date header has whole seconds: the middle of its second is meant."""
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() + 0.5 - now
    except (TypeError, ValueError, OverflowError):
        return None


def _why(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return "timed out"
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__


def listeners(port: int) -> tuple[Listener, ...]:
    """Whom the system tells of; some systems tell only root."""
    try:
        found = [each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    except (psutil.Error, OSError):
        return ()
    return tuple(
        Listener(each.laddr.ip, each.pid, _program(each.pid))
        for each in found
        if each.laddr and each.laddr.port == port
    )


def _program(pid: int | None) -> str:
    try:
        return psutil.Process(pid).name() if pid else ""
    except psutil.Error:
        return ""


def is_taken(host: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), ASK_TIMEOUT_S):
            return True
    except (OSError, UnicodeError):
        return False


def room(path: Path) -> RoomSeen:
    """Of the disk on which `path` is, or would be; 0 where the system does not tell."""
    there = next((each for each in (path, *path.parents) if each.exists()), Path("/"))
    memory = psutil.virtual_memory()
    try:
        disk_total, _, disk_free = shutil.disk_usage(there)
    except OSError:
        disk_total = disk_free = 0
    return RoomSeen(
        path=str(there),
        disk_total=disk_total,
        disk_free=disk_free,
        memory_total=memory.total,
        memory_available=memory.available,
    )


def firewall(root: Path = Path("/")) -> str:
    """ufw or firewalld where it is on, as far as anybody may read that."""
    try:
        text = (root / "etc/ufw/ufw.conf").read_text(errors="replace")
    except OSError:
        text = ""
    if any(line.replace(" ", "").lower() == "enabled=yes" for line in text.splitlines()):
        return "ufw"
    return "firewalld" if (root / "run/firewalld").exists() else ""
