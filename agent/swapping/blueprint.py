"""How an engine that the agent starts is made: as often as one is needed, each time with nothing started yet."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from agent.engines.engine import Engine
from agent.models.files import read_model
from agent.models.refusal import ModelRefused
from agent.models.version import files_of, size_of, version_of


class Blueprint(Struct, frozen=True, kw_only=True):
    """One engine as its owner wants it."""

    name: str
    model: str
    """Its file or directory, or a name that the engine itself looks up."""
    served: str
    """What callers ask for; empty: the engine tells."""
    settings: str
    """All that is said of it: other words are another engine. Never shown."""
    make: Callable[[str], Engine]
    """In the place of that name, as of a `Supervisor`."""
    fixed_port: int = 0
    """Where two of them cannot listen at once; 0: any will do."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Those of its model that are here. Blocks for the disk."""
        return files_of(self.model)

    async def version(self) -> str:
        """Of its files now; empty: nobody can tell."""
        return await asyncio.to_thread(lambda: version_of(self.files))

    async def size(self) -> int:
        """Of its files, in bytes; 0: unknown."""
        return await asyncio.to_thread(lambda: size_of(self.files))

    async def refusal(self) -> str:
        """Why a GGUF file cannot be loaded, by its header; empty: nothing speaks against it."""
        if not self.model.endswith(".gguf"):
            return ""
        try:
            await asyncio.to_thread(lambda: read_model(Path(self.model).expanduser()))
        except ModelRefused as refused:
            return str(refused)
        return ""
