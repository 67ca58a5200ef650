"""The newest version of a model into an Ollama: pulled, and the old one taken out of memory.

Contract: POST /api/pull answers lines of JSON {status, error, ...}, under status 200 also when it fails; its last line
is {"status": "success"}. The name then means the new digest. What is loaded stays the old one until it is told to go
(keep_alive 0, which waits for its calls).
"""

import asyncio

import aiohttp
import msgspec
from msgspec import Struct

from agent.engines.engine import EngineError
from agent.engines.ollama import Ollama
from agent.swapping.change import Outcome, Say
from shared.names import normalise
from shared.swaps import FAILED, NEWEST, SWAPPED
from shared.wire import Model

STILL_S = 300.0
"""A pull of which nothing is heard for so long has failed."""


class _Line(Struct):
    status: str = ""
    error: str = ""


async def swapped(ollama: Ollama, model: str, session: aiohttp.ClientSession, say: Say) -> Outcome:
    """Never raises for what the Ollama does."""
    before = await ollama.look()
    name, old = _known(before.models, model)
    say("pulling", f"its digest is {old[:12] or 'unknown'} now")
    try:
        await _pull(session, f"{ollama.url}/api/pull", name)
        ollama.relayed("/api/pull")
        after = await ollama.look()
        _, new = _known(after.models, model)
        if new == old:
            return Outcome(NEWEST, f"it is already the newest ({new[:12] or 'no digest'})")
        if any(normalise(each.model) == normalise(name) for each in after.replicas):
            say("draining", "the old one leaves memory with its last call")
            await ollama.unload(name)
    except (EngineError, aiohttp.ClientError, TimeoutError, OSError) as error:
        return Outcome(FAILED, str(error) or "timed out")
    return Outcome(SWAPPED, f"{old[:12] or 'an unknown one'} gave way to {new[:12]}")


def _known(models: list[Model], model: str) -> tuple[str, str]:
    """As the Ollama spells it, and its digest."""
    for each in models:
        if normalise(each.name) == normalise(model):
            return each.name, each.digest
    return model, ""


async def _pull(session: aiohttp.ClientSession, url: str, name: str) -> None:
    """Raises EngineError."""
    last = _Line()
    async with session.post(url, json={"model": name, "stream": True}, allow_redirects=False) as answer:
        while True:
            async with asyncio.timeout(STILL_S):
                line = await answer.content.readline()
            if not line:
                break
            try:
                last = msgspec.json.decode(line, type=_Line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise EngineError("the pull answered nonsense") from error
            if last.error:
                raise EngineError(f"the pull failed: {last.error[:200]}")
    if last.status != "success":
        raise EngineError(f"the pull stopped at {last.status[:80]!r}")
