"""What a client API is to the rest: how its errors look, how its streams are cut, how one call goes out and back."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from aiohttp import web

from coordinator.core.call import Call, Operation, Placement
from coordinator.forward import EngineRequest
from coordinator.requests import CallerRequest
from shared.errors import FleetError
from shared.frames import Frames

Calls = Mapping[tuple[str, str], Callable[[CallerRequest], Awaitable[None]]]
"""By method and path: who answers by the request itself."""


class Dialect(Protocol):
    """One client API."""

    name: str
    prefix: str
    """Paths that belong to it."""
    stream_type: str
    """Content-Type of its streams."""

    def routes(self) -> list[web.RouteDef]:
        """Its addresses for what the coordinator tells by itself."""
        ...

    def calls(self) -> Calls:
        """Those for what engines answer."""
        ...

    def read_call(self, request: CallerRequest, body: bytes, operation: Operation, /) -> tuple[Call, object]:
        """What placing needs to know of a call, and its head. Raises CallerFault."""
        ...

    def error_body(self, error: FleetError) -> bytes:
        """A whole answer."""
        ...

    def stream_error(self, error: FleetError) -> bytes:
        """A frame that ends a stream which began well."""
        ...

    def frames(self, limit: int) -> Frames:
        """How its streams are cut."""
        ...

    def ended_well(self, last_frame: bytes) -> bool:
        """Whether a stream that stopped here is complete."""
        ...


class Decoder(Protocol):
    """Turns an engine's answer into the caller's dialect, where the engine does not speak it."""

    def whole(self, body: bytes, /) -> bytes:
        """A complete answer. Raises NodeFailure where it is not one."""
        ...

    def feed(self, chunk: bytes, /) -> bytes:
        """As much of a stream as is decided by now; may be empty."""
        ...

    def finish(self) -> bytes:
        """The rest, once the engine's stream has ended. Raises StreamBroken where it ended too early."""
        ...

    def ends(self) -> tuple[bytes, ...]:
        """The engine's own last frames, which may tell what it counted where the caller is not told."""
        ...


class Exchange(Protocol):
    """One call as its dialect sends and reads it."""

    call: Call
    stream: bool

    def encode(self, placement: Placement) -> EngineRequest:
        """For that engine. Raises CallerFault, EngineLacks where another kind of engine could be asked."""
        ...

    def decoder(self, placement: Placement, /) -> Decoder | None:
        """None: the engine speaks the caller's dialect."""
        ...
