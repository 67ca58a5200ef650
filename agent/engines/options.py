"""What may be said of an engine in engines.toml or with `--engine`: the keys that several engines have."""

from typing import Annotated

from msgspec import Meta, Struct

Port = Annotated[int, Meta(ge=0, le=65_535)]
Tokens = Annotated[int, Meta(ge=1, le=2**31)]
Calls = Annotated[int, Meta(ge=1, le=65_536)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of every engine."""

    url: str = ""
    """Where it runs already: it is used and never started or stopped; empty: the agent starts it."""
    start_timeout: Seconds | None = None
    """Seconds that it may take to start; None: by the size of its model."""


class Started(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of an engine that the agent can start."""

    model: str = ""
    """Its model: a directory or file, or a name that the engine itself looks up."""
    served_name: str = ""
    """What callers ask for; empty: the last part of `model`."""
    port: Port = 0
    """Where it listens on loopback; 0: any free one."""
    context: Tokens | None = None
    """Tokens of context; None: as the engine does."""
    slots: Calls | None = None
    """Calls at once; None: as the engine does."""
    python: str = ""
    """The Python in which it is installed; empty: the program on PATH."""
    arguments: tuple[str, ...] = ()
    """Further ones, at the end of its command line."""
    environment: dict[str, str] = {}
    """Added to that of the agent."""
    memory_cap: Annotated[int, Meta(ge=0)] = 0
    """Bytes of address space for each of its processes; 0: none."""

    program: str = ""
    """Its program; empty: that on PATH."""

    @property
    def name(self) -> str:
        """What callers ask for."""
        return self.served_name or self.model.rstrip("/").rpartition("/")[2].removesuffix(".gguf")
