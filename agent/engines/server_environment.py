"""The environment of the process that listens at a local address, where this user may read it."""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

import psutil

MOMENT_S = 0.05
"""A beat waits no longer for it."""
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class ServerEnvironment:
    """The environment of the process that listens at a local URL, read in a thread: nobody waits long for it."""

    def __init__(self, url: str, program: str = "ollama") -> None:
        """`program`: how the name of its process begins."""
        parts = urlsplit(url)
        self._port = parts.port if parts.hostname in LOCAL else None
        self._program = program
        self._process: psutil.Process | None = None
        self._known: Mapping[str, str] | None = None
        self._reading: asyncio.Task[Mapping[str, str] | None] | None = None

    async def get(self) -> Mapping[str, str] | None:
        """As it was read last, this time if that is done in a moment. None: it is another machine's or another user's,
        the platform does not tell, or it is not read yet.
        """
        if self._port is None:
            return None
        if self._reading is None:
            self._reading = asyncio.create_task(asyncio.to_thread(self.read), name="ollama-environment")
        await asyncio.wait({self._reading}, timeout=MOMENT_S)
        if self._reading.done():
            self._known, self._reading = self._reading.result(), None
        return self._known

    async def close(self) -> None:
        """Waits for a reading that is under way."""
        if self._reading is not None:
            await self._reading
            self._reading = None

    def read(self) -> Mapping[str, str] | None:
        """Now. May block for tens of ms."""
        try:
            if self._process is None or not self._process.is_running():
                self._process = self._listener()
            return None if self._process is None else self._process.environ()
        except (psutil.Error, OSError):
            self._process = None
            return None

    def _listener(self) -> psutil.Process | None:
        named = (
            each
            for each in psutil.process_iter(["name"])
            if (each.info["name"] or "").startswith(self._program)
        )
        return next((each for each in named if self._listens(each)), None)

    def _listens(self, process: psutil.Process) -> bool:
        try:
            sockets = process.net_connections("tcp")
        except (psutil.Error, OSError):
            return False  # another user's
        return any(each.status == psutil.CONN_LISTEN and each.laddr.port == self._port for each in sockets)
