"""Requests to an Ollama that are not calls and take no place: show, pull, delete."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from msgspec import Struct

from coordinator.access.registries import Registries
from coordinator.catalog import Catalog
from coordinator.core.call import Target
from coordinator.dialects.bodies import Bodies
from coordinator.dialects.body import check_spelling, decode_head, model_name, replaced
from coordinator.dialects.ollama_ends import error_line, pull_ended
from coordinator.dialects.relay import NOT_STREAMED, Stream, passed_headers, read_whole, relayed
from coordinator.engine_faults import engine_error_text
from coordinator.forward import EngineRequest, Forwarder
from coordinator.requests import CallerRequest
from shared.errors import CallerFault, EngineFault, FleetError, ModelNotFound, NodeFailure, Unavailable
from shared.frames import lines
from shared.http1.heads import Header
from shared.names import ModelName, NodeId


class _Head(Struct):
    model: str | None = None
    name: str | None = None
    stream: bool | None = None
    insecure: bool | None = None
    node_id: str | None = None


class _Said(NamedTuple):
    """An engine's whole answer."""

    status: int
    headers: list[Header]
    body: bytes


class OllamaErrands:
    """Each goes to one engine, or to every engine that it concerns."""

    def __init__(
        self,
        forwarder: Forwarder,
        catalog: Catalog,
        bodies: Bodies,
        frame_limit: int,
        whole_limit: int,
        registries: Registries,
    ) -> None:
        self.registries = registries
        self._forwarder = forwarder
        self._catalog = catalog
        self._bodies = bodies
        self._frame_limit = frame_limit
        self._whole_limit = whole_limit
        self._pulling: Counter[tuple[NodeId, str, ModelName]] = Counter()

    async def show(self, request: CallerRequest, body: bytes, model: ModelName) -> None:
        """From the first Ollama that has the model and answers."""
        error: FleetError = Unavailable(f"no node that has {model} can be asked now", retry_after=5)
        asked = EngineRequest("/api/show", body, passed_headers(request), whole=True)
        for target in self._catalog.targets("ollama", model=model):
            try:
                answer = await self._ask(target, asked)
            except NodeFailure as failure:
                error = failure
            else:
                request.respond(*answer)
                return
        raise error

    async def pull(self, request: CallerRequest) -> None:
        """POST /api/pull: onto `node_id`, else the Ollama node with most free disk. Progress streams."""
        body, head = await self._read(request)
        _, model = model_name(head.model or head.name)
        if head.insecure:
            raise CallerFault("insecure pulls are not allowed through the coordinator")
        self.registries.check(request.principal, model)
        target = self._pull_target(head.node_id)
        stream = head.stream is not False
        asked = EngineRequest(
            "/api/pull", replaced(body, {}, ("node_id",)), passed_headers(request), whole=not stream
        )
        with self.pulling(target, model):
            if stream:
                await self._stream(request, target, asked)
            else:
                request.respond(*await self._ask(target, asked))

    @contextmanager
    def pulling(self, target: Target, model: ModelName) -> Iterator[None]:
        """Within it, `is_pulling` says so."""
        key = (target.node_id, target.engine, model)
        self._pulling[key] += 1
        try:
            yield
        finally:
            self._pulling[key] -= 1
            self._pulling += Counter()  # drops what is at zero

    def is_pulling(self, target: Target, model: ModelName) -> bool:
        """Whether this engine is being made to pull this model, by anybody here."""
        return (target.node_id, target.engine, model) in self._pulling

    async def delete(self, request: CallerRequest) -> None:
        """DELETE /api/delete: from `node_id`, else from every Ollama that has it."""
        body, head = await self._read(request)
        asked, model = model_name(head.model or head.name)
        targets = self._catalog.targets("ollama", model=model, node_id=head.node_id)
        if not targets:
            raise ModelNotFound(f'model "{asked}" not found on an Ollama node')
        clean = replaced(body, {}, ("node_id",))
        order = EngineRequest(
            "/api/delete", clean, passed_headers(request), whole=True, method="DELETE", answered=False
        )
        for target in targets:
            answer = await self._ask(target, order)
            if answer.status >= 400:
                request.respond(*answer)
                return
        request.respond(200, [_node_header(*targets)])

    async def carry_out(self, target: Target, order: EngineRequest) -> bytes:
        """What the engine said once it was done. Raises FleetError, EngineFault where it would not."""
        reply = await self._forwarder.send(target, order)
        try:
            whole = await read_whole(reply, self._whole_limit)
        finally:
            reply.close()
        if reply.status >= 400:
            raise EngineFault(engine_error_text(whole), status=reply.status)
        return whole

    async def _stream(self, request: CallerRequest, target: Target, asked: EngineRequest) -> None:
        reply = await self._forwarder.send(target, asked)
        try:
            headers = [*relayed(reply.head, NOT_STREAMED), _node_header(target)]
            copy = Stream(lines(self._frame_limit), headers, error_line, pull_ended)
            await copy.copy(request, reply)
        finally:
            reply.close()

    async def _read(self, request: CallerRequest) -> tuple[bytes, _Head]:
        body = await self._bodies.read(request)
        head = decode_head(body, _Head)
        check_spelling(body, _Head.__struct_fields__)
        return body, head

    def _pull_target(self, node_id: str | None) -> Target:
        if node_id is not None:
            return self._catalog.target(node_id, "ollama")
        targets = self._catalog.targets("ollama")
        if targets:
            return targets[0]
        raise CallerFault("no node runs an Ollama, the only engine here that can pull a model")

    async def _ask(self, target: Target, asked: EngineRequest) -> _Said:
        reply = await self._forwarder.send(target, asked)
        try:
            whole = await read_whole(reply, self._whole_limit)
        finally:
            reply.close()
        return _Said(reply.status, [*relayed(reply.head), _node_header(target)], whole)


def _node_header(*targets: Target) -> Header:
    return b"X-Fleet-Node", ",".join(target.node_id for target in targets).encode()
