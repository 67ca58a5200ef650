"""Drives one call from arrival to end. Owns what waiting calls wait on."""

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from coordinator.answer import Answer
from coordinator.core import context, retry
from coordinator.core.call import Call, Decisions, Freed, Held, Moved, Placed, Placement, Refused
from coordinator.core.desk import Desk
from coordinator.forward import EngineRequest, Forwarder
from coordinator.journal import CallRecord, Status, Trace, write
from shared.errors import FleetError
from shared.names import CallId

CUT_GRACE_S = 1.0
"""For telling the callers whose streams are cut at the coordinator's end."""

Encode = Callable[[Placement], EngineRequest]
"""The body for the engine that was chosen; raises CallerFault, EngineLacks where another may be asked."""

_Decision: TypeAlias = Placed | Refused | Moved


class _Decided:
    """What the Desk has decided of one call, for its task to take up in turn."""

    __slots__ = ("_decisions", "_waiter")

    def __init__(self) -> None:
        self._decisions: list[_Decision] = []
        self._waiter: asyncio.Future[None] | None = None

    @property
    def empty(self) -> bool:
        """Whether all has been taken up."""
        return not self._decisions

    def put(self, decision: _Decision) -> None:
        """The next."""
        self._decisions.append(decision)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def next(self) -> _Decision:
        """The oldest; waits for one."""
        while not self._decisions:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._decisions.pop(0)


class Dispatcher:
    """Asks the Desk, carries the call, tells the Desk how it went: exactly once."""

    def __init__(
        self,
        desk: Desk,
        forwarder: Forwarder,
        clock: Callable[[], float] = time.monotonic,
        record: Callable[[Trace], None] = write,
        wanted: Callable[[], None] = lambda: None,
    ) -> None:
        """`record` is given each failed attempt and each call's end; it must not wait for anything. `wanted` is called
        when the Desk wants a model fetched.
        """
        self._desk = desk
        self._forwarder = forwarder
        self._clock = clock
        self._record = record
        self._wanted = wanted
        self._waiting: dict[CallId, _Decided] = {}
        self._tasks: dict[CallId, asyncio.Task[object]] = {}
        self._records: dict[CallId, CallRecord] = {}
        self._freed: dict[CallId, FleetError] = {}
        self._moved: dict[CallId, FleetError] = {}
        self._serial = itertools.count(2)

    async def answer(self, call: Call, encode: Encode) -> Answer:
        """Waits for a place, sends the call, tries further nodes where that is allowed.

        Returns once the first bytes are there; use the Answer as a context manager. Raises FleetError.
        """
        if self._desk.knows(call.id):  # the caller's own id, used twice at once
            call = msgspec.structs.replace(call, id=CallId(f"{call.id}.{next(self._serial)}"))
        record = self._records[call.id] = CallRecord(call, arrived_at=self._clock())
        try:
            try:
                return await self._attempts(call, encode, record)
            except asyncio.CancelledError:
                self.interrupted(call.id)
                raise
        except FleetError as error:
            self._drop(call.id, record, "rejected" if record.placement is None else "failed", error)
            raise
        except asyncio.CancelledError:
            self._drop(call.id, record, "client_disconnected")
            raise
        except BaseException:  # a fault of ours: the place must be free all the same
            self._drop(call.id, record, "failed", FleetError("internal error"))
            raise

    async def _attempts(self, call: Call, encode: Encode, record: CallRecord) -> Answer:
        self._tasks[call.id] = _current_task()
        decided = self._waiting[call.id] = _Decided()
        self.apply(self._desk.arrived(call, self._clock()))
        while True:
            placement = await self._place(decided, record)
            try:
                request = encode(placement)
                record.context = request.context
                reply = await self._forwarder.infer(placement.target, request)
            except FleetError as failure:
                error = context.completed(failure, call, placement.protection.context)
                decisions = self._desk.failed(call.id, error, self._clock())
                if self._desk.knows(call.id):
                    self._retried(record, placement, error)
                self.apply(decisions)
                continue
            except asyncio.CancelledError:
                if call.id not in self._moved:
                    raise
                self._retried(record, placement, self._moved.pop(call.id))
                if _current_task().uncancel():
                    raise  # the caller left in the same moment
                continue
            del self._waiting[call.id]
            record.first_byte_at, record.answered = self._clock(), reply.status
            good = reply.status < 400
            self.apply(self._desk.first_byte(call.id, record.first_byte_at, good=good))
            return Answer(self, record, placement, reply)

    def open_record(self, call_id: CallId) -> CallRecord | None:
        """What is known of a call that waits or runs."""
        return self._records.get(call_id)

    def open_records(self) -> Mapping[CallId, CallRecord]:
        """Of all calls that wait or run."""
        return MappingProxyType(self._records)

    def give_up(self, call_id: CallId, error: FleetError) -> bool:
        """Ends a call that waits or runs, with this error for its caller. False: there is none."""
        if call_id not in self._tasks:
            return False
        if call_id not in self._freed:
            self._interrupt(Freed(call_id, error))
        return True

    def apply(self, decisions: Decisions) -> None:
        """Wakes the calls that the decisions are about, and whoever fetches what they want."""
        if self._desk.pulls.wanted:
            self._wanted()
        for decision in decisions:
            if isinstance(decision, Held):
                continue
            decided = self._waiting.get(decision.call_id)
            unheard = decided is not None and not decided.empty  # its attempt has not begun
            if isinstance(decision, Freed) or (isinstance(decision, Moved) and not unheard):
                self._interrupt(decision)
            elif decided is not None:
                decided.put(decision)

    def _interrupt(self, decision: Freed | Moved) -> None:
        """Ends an attempt from outside: its task is told by a cancellation, which it knows how to read."""
        if isinstance(decision, Freed):
            self._freed[decision.call_id] = decision.error
        else:
            self._moved[decision.call_id] = decision.error
        self._tasks[decision.call_id].cancel()

    def interrupted(self, call_id: CallId) -> None:
        """Of a task that was cancelled: raises the Desk's error where the Desk wanted it. Else the caller left."""
        error = self._freed.pop(call_id, None)
        if error is not None and not _current_task().uncancel():
            raise error from None

    def progressed(self, call_id: CallId, *, awaits_caller: bool) -> None:
        """Bytes came and go to the caller, or were taken by it."""
        self._desk.progressed(call_id, self._clock(), awaits_caller=awaits_caller)

    async def close(self, grace_s: float) -> None:
        """Refuses what waits, lets what runs finish for a while, ends the rest. Every caller is told."""
        self.apply(self._desk.closing())
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()), timeout=grace_s)
        cut = set(self._tasks.values())
        self.apply(self._desk.cut(self._clock()))
        if cut:
            await asyncio.wait(cut, timeout=CUT_GRACE_S)

    def ended(self, record: CallRecord, status: Status, error: FleetError | None = None) -> None:
        """Tells the Desk and the journal how a call ended that had an answer."""
        call_id, now = record.call.id, self._clock()
        if status in ("completed", "refused"):
            self.apply(self._desk.finished(call_id, now, good=status == "completed", tokens=record.tokens))
            if status == "refused" and error is None:
                error = FleetError(f"the engine answered {record.answered}")
        elif error is not None:
            self.apply(self._desk.failed(call_id, error, now))
        self._drop(call_id, record, status, error)

    def _retried(self, record: CallRecord, placement: Placement, error: FleetError) -> None:
        if retry.is_attempt(error):
            self._record(record.trace("retried", self._clock(), error))
        record.excluded.append(placement.place.node_id)

    async def _place(self, decided: _Decided, record: CallRecord) -> Placement:
        """Where the call is to go now. A place it was moved from before its task ran is only written down."""
        while True:
            decision = await decided.next()
            if isinstance(decision, Refused):
                raise decision.error
            if isinstance(decision, Moved):
                assert record.placement is not None  # noqa: S101 - it was moved from there
                self._retried(record, record.placement, decision.error)
                continue
            record.placed(decision.placement, self._clock())
            if decided.empty:
                return decision.placement

    def _drop(
        self, call_id: CallId, record: CallRecord, status: Status, error: FleetError | None = None
    ) -> None:
        """Synchronous, so that no cancellation can come between: the place is free when this returns."""
        self._tasks.pop(call_id, None)
        self._records.pop(call_id, None)
        self._freed.pop(call_id, None)
        self._moved.pop(call_id, None)
        self._waiting.pop(call_id, None)
        self.apply(self._desk.cancelled(call_id, self._clock()))
        self._record(record.trace(status, self._clock(), error))


def _current_task() -> asyncio.Task[object]:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - coroutines run in tasks
    return task
