"""Any server with OpenAI's API, elsewhere: in a cloud or on the local network. It is asked, never started.

It gets a call only where the call or a rule allows it (`restricted` in the report), unless the owner says that it is
free. A key is read from a file, goes into each request, and nowhere else.
"""

from collections import deque
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from agent.engines.asking import Ask
from agent.engines.engine import Contract
from agent.engines.kind import EngineKind
from agent.engines.openai_lists import Entry, Listed, model, named, replica
from agent.engines.openai_server import Mending, Reading
from agent.engines.openai_streams import said_as_error
from agent.engines.options import Calls, Tokens
from agent.engines.options import Options as Shared
from shared.destinations.rules import CHOSEN, check_host
from shared.destinations.urls import BadDestination
from shared.errors import EngineBusy
from shared.private import TooWide, check_private

CONTRACT = Contract(kind="openai", restricted="cost")
WINDOW_S = 60.0
LARGEST_KEY = 8192
"""Bytes; a larger file is no key's."""

Price = Annotated[float, Meta(ge=0, le=1e6)]


class Options(Shared, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a server elsewhere."""

    key_file: str = ""
    """The file with the key that it wants; empty: none."""
    models: tuple[str, ...] = ()
    """Those that may be used; empty: all that it lists."""
    slots: Calls = 8
    """Calls at once, for each model."""
    calls_per_minute: Annotated[int, Meta(ge=1)] | None = None
    """None: no bound."""
    context: Tokens | None = None
    """Tokens of context of its models; None: unknown."""
    price_in: Price = 0.0
    """Of a million tokens of prompt."""
    price_out: Price = 0.0
    """Of a million tokens of answer."""
    restricted: bool = True
    """Whether only calls that allow it go there."""


class KeyRefused(Exception):
    """The key cannot be used; the text says why and holds nothing of it."""


def base(url: str) -> str:
    """Without the `/v1` that people copy along. Raises ValueError for what is no http address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no address; expected https://HOST/v1")
    try:
        check_host(parts.hostname, CHOSEN)
    except BadDestination as error:
        raise ValueError(f"{parts.hostname!r} is not gone to: {error}") from error
    return url.rstrip("/").removesuffix("/v1")


def contract(options: Options) -> Contract:
    """Free where its owner says so."""
    return CONTRACT if options.restricted else msgspec.structs.replace(CONTRACT, restricted="")


def headers(options: Options) -> dict[str, str]:
    """The key as it is sent. Blocks for the disk. Raises KeyRefused."""
    if not options.key_file:
        return {}
    path = Path(options.key_file).expanduser()
    try:
        check_private(path)
        with path.open("rb") as file:
            key = file.read(LARGEST_KEY + 1).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it holds more than ASCII"
        raise KeyRefused(f"the key file {path} cannot be read: {why}") from error
    except TooWide as error:
        raise KeyRefused(str(error)) from error
    if not key or len(key) > LARGEST_KEY or not key.isprintable() or " " in key:
        raise KeyRefused(f"the key file {path} holds no key: one word is expected")
    return {"Authorization": f"Bearer {key}"}


class Rate:
    """At most `most` calls in any minute; None: any number."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._passed: deque[float] = deque(maxlen=most)

    def admit(self, now: float) -> None:
        """Counts a call at `now` (monotonic seconds). Raises EngineBusy where that is one too many."""
        if self._most is None:
            return
        if len(self._passed) == self._most and now - self._passed[0] < WINDOW_S:
            wait_s = int(self._passed[0] + WINDOW_S - now) + 1
            raise EngineBusy(f"{self._most} calls a minute have gone there already", retry_after=wait_s)
        self._passed.append(now)


def _true_fault(status: int, body: bytes) -> tuple[int, bytes]:
    """The key is this node's, not the caller's: a refused one is no fault of theirs, nor is a spent allowance."""
    if status in (401, 402, 403):
        return said_as_error(f"the upstream refused this node's key ({status})", 502)
    return (503 if status == 429 else status), body


MENDING = Mending(true_fault=_true_fault)


async def read(options: Options, ask: Ask) -> Reading:
    """The models that may be used, of those that it lists. Raises EngineError."""
    listed = {entry.id: entry for entry in named((await ask.get("/v1/models", Listed)).data or [])}
    wanted = options.models or tuple(listed)
    found = [_context(listed[name], options) for name in wanted if name in listed]
    models = [model(name, context, frozenset()) for name, context in found]
    return Reading(
        models=models,
        replicas=[replica(each, options.slots) for each in models],
        slots=options.slots,
        price_in=options.price_in,
        price_out=options.price_out,
    )


def _context(entry: Entry, options: Options) -> tuple[str, int | None]:
    return entry.id, options.context or entry.max_model_len


KIND = EngineKind(
    name="openai",
    about="any server with OpenAI's API, in a cloud or on the local network",
    how="nothing is installed: url=https://HOST/v1, and key_file=FILE where it wants a key",
    options=Options,
    contract=contract,
    read=read,
    mending=lambda _options: MENDING,
)
