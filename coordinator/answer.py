"""An answer under way: its bytes, what is counted of them, and its one end."""

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING

from coordinator.core.call import NOT_COUNTED, Placement, Tokens
from coordinator.forward import EngineReply
from coordinator.journal import CallRecord, Status
from shared.errors import CallerFault, FleetError
from shared.http1.inflow import Sink

if TYPE_CHECKING:
    from coordinator.dispatch import Dispatcher


BYTES_A_TOKEN = 4
"""Of an answer whose tokens nobody counted."""


class Answer:
    """An answer under way. Leaving the block frees the place, whatever happened."""

    def __init__(
        self, dispatcher: "Dispatcher", record: CallRecord, placement: Placement, reply: EngineReply
    ) -> None:
        self.placement = placement
        self.status = reply.status
        self.head = reply.head
        self.context = record.context
        self._dispatcher = dispatcher
        self._record = record
        self._reply = reply
        self._complete = False
        self._ended = False
        events = reply.head.get(b"content-type").find(b"event-stream") >= 0
        self._end_of_piece = b"\n\n" if events else b"\n"

    async def read(self) -> bytes:
        """The engine's next bytes; empty at the end. Raises StreamBroken or Stuck where they end early."""
        call_id = self._record.call.id
        if self._record.bytes_out:
            self._dispatcher.progressed(call_id, awaits_caller=False)
        try:
            chunk = await self._reply.read()
        except asyncio.CancelledError:
            self._dispatcher.interrupted(call_id)
            raise
        if chunk:
            self._counted(chunk, awaits_caller=True)
        else:
            self._complete = True
        return chunk

    def come(self) -> bytes | None:
        """All of it, where it is there and nothing was read; else None, and nothing is taken."""
        whole = self._reply.come()
        if whole is not None:
            self._counted(whole, awaits_caller=True)
            self._complete = True
        return whole

    async def pour(self, sink: Sink) -> None:
        """All of the engine's bytes into `sink`, as they come. Raises what it raises, and as `read`."""
        record, progressed, end = self._record, self._dispatcher.progressed, self._end_of_piece
        call_id = record.call.id

        def counted(
            chunk: bytes, last: bool
        ) -> None:  # `_counted` once more: each piece of a stream comes by here
            progressed(call_id, awaits_caller=False)
            record.bytes_out += len(chunk)
            record.pieces_out += chunk.count(end)
            sink(chunk, last)

        try:
            await self._reply.pour(counted)
        except asyncio.CancelledError:
            self._dispatcher.interrupted(call_id)
            raise
        self._complete = True

    def hold(self) -> None:
        """The caller takes no more for now: the engine is to wait."""
        self._reply.hold()
        self._dispatcher.progressed(self._record.call.id, awaits_caller=True)

    def release(self) -> None:
        """The end of `hold`."""
        self._reply.release()
        self._dispatcher.progressed(self._record.call.id, awaits_caller=False)

    def _counted(self, chunk: bytes, *, awaits_caller: bool) -> None:
        record = self._record
        self._dispatcher.progressed(record.call.id, awaits_caller=awaits_caller)
        record.bytes_out += len(chunk)
        record.pieces_out += chunk.count(self._end_of_piece)

    def count(self, tokens: Tokens) -> None:
        """What the engine said of its work."""
        self._record.tokens = tokens

    @property
    def tokens_used(self) -> int:
        """Of prompt and answer; estimated where the engine has not said, as of a stream that its caller left."""
        counted, call = self._record.tokens, self._record.call
        if self.status >= 400 and counted == NOT_COUNTED:
            return 0
        prompt = call.estimated_tokens if counted.prompt is None else counted.prompt
        return prompt + (self._written() if counted.completion is None else counted.completion)

    def _written(self) -> int:
        if self._record.call.operation == "embed":
            return 0
        if self._record.call.stream:
            return self._record.pieces_out
        return self._record.bytes_out // BYTES_A_TOKEN

    async def __aenter__(self) -> "Answer":
        return self

    def failed(self, error: FleetError) -> None:
        """The answer broke off, and the caller has been or will be told: the place is free from here on."""
        self._end("incomplete", error)

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if isinstance(error, CallerFault):
            self._end("refused")
        elif isinstance(error, FleetError):
            self._end("incomplete", error)
        elif isinstance(error, Exception) and not isinstance(error, ConnectionError):
            self._end("failed", FleetError("internal error"))
        elif error is not None or not self._complete:
            self._end("client_disconnected")
        else:
            self._end("completed" if self.status < 400 else "refused")

    def _end(self, status: Status, error: FleetError | None = None) -> None:
        if not self._ended:
            self._ended = True
            self._reply.close()
            self._dispatcher.ended(self._record, status, error)
