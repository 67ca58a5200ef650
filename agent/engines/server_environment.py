"""The environment of the process that listens at a local address, where this user may read it."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import psutil

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class ServerEnvironment:
    """Looking for the process may take tens of milliseconds: in a thread, please."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._port = parts.port if parts.hostname in LOCAL else None
        self._process: psutil.Process | None = None

    def read(self) -> Mapping[str, str] | None:
        """None where nobody listens there, or it is another machine's or another user's."""
        try:
            if self._process is None or not self._process.is_running():
                self._process = self._listener()
            return self._process.environ() if self._process else None
        except (psutil.Error, OSError):
            self._process = None
            return None

    def _listener(self) -> psutil.Process | None:
        if self._port is None:
            return None
        for each in psutil.net_connections("tcp"):
            if (
                each.status == psutil.CONN_LISTEN
                and each.pid
                and each.laddr
                and each.laddr.port == self._port
            ):
                return psutil.Process(each.pid)
        return None
