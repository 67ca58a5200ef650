"""A real browser that a test drives: what its page is told to do, and what it shows then."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from tests.fakes.waiting import eventually
from tests.fleet.browsing import OPENED_S, opened

ASKS = "Log in to the dashboard"
"""What the login page says."""
PORT_FILE = "DevToolsActivePort"


class Tab:
    """The browser's one page, whatever it has gone to."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def run(self, script: str) -> Any:
        """Its value; None also where a new page came in between."""
        told = await self.command("Runtime.evaluate", expression=script, returnByValue=True)
        return told.get("result", {}).get("value")

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Of the browser's own protocol."""
        number = next(self._numbers)
        asked = {"id": number, "method": method, "params": params}
        await self._socket.send_str(msgspec.json.encode(asked).decode())
        async with asyncio.timeout(OPENED_S):
            while True:
                message = msgspec.json.decode(await self._socket.receive_str())
                if message.get("id") == number:
                    return dict(message.get("result", {}))

    async def types(self, key: str) -> None:
        """Into the login page, as a person: into its field, and then the return key."""
        await self.run("document.getElementById('key').focus()")
        await self.command("Input.insertText", text=key)
        for kind in ("rawKeyDown", "char", "keyUp"):
            pressed = {"type": kind, "key": "Enter", "text": "\r", "windowsVirtualKeyCode": 13}
            await self.command("Input.dispatchKeyEvent", **pressed)

    async def shows(self, text: str) -> None:
        """Returns once it is on the page."""

        async def there() -> bool:
            return text in (await self.run("document.body ? document.body.innerText : ''") or "")

        await eventually(there, timeout_s=OPENED_S)


@contextlib.asynccontextmanager
async def driven(directory: Path, url: str, *flags: str) -> AsyncIterator[Tab]:
    """A browser that opens `url`."""
    file = directory / PORT_FILE
    async with opened(directory, url, *flags), aiohttp.ClientSession() as session:
        await eventually(lambda: file.exists() and "\n" in file.read_text(), timeout_s=OPENED_S)
        port = int(file.read_text().split()[0])
        async with session.get(f"http://127.0.0.1:{port}/json") as response:
            (page,) = [each for each in await response.json() if each["type"] == "page"]
        async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            yield Tab(socket)
