"""The calls of a simulation, from arrival to end: asks the Desk, has machines work, tells the Desk how it went."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, Protocol

from coordinator.core.call import Call, Decisions, Freed, Held, Moved, Origin, Placed, Placement, Tokens
from coordinator.core.desk import Desk
from coordinator.simulate.clock import Clock
from coordinator.simulate.engine import Request
from coordinator.simulate.machine import Event, Told
from coordinator.simulate.workloads.jobs import Job
from shared.errors import FleetError, Unavailable
from shared.names import CallId, NodeId, normalise

CHARACTERS_A_TOKEN = 4
"""As the coordinator counts prompts."""
PATIENCE_S = 3_600.0
"""How long a caller who is refused for want of a place comes again, when it was told to: no policy is to look
good for the calls that it lost."""

End = Literal["completed", "refused", "failed"]
"""Refused: no machine was ever asked."""


class Record:
    """What became of a call. Times in seconds of the world."""

    __slots__ = ("arrived_at", "attempt", "end", "ended_at", "first_byte_at", "job", "node", "placements")

    def __init__(self, job: Job) -> None:
        self.job = job
        self.arrived_at = 0.0
        self.first_byte_at: float | None = None
        self.ended_at = 0.0
        self.end: End | None = None
        self.placements = 0
        self.node: NodeId | None = None
        """Where it runs or ran last."""
        self.attempt = 0
        """Counts placements and moves: what concerns an earlier one is out of date."""


class Works(Protocol):
    """The machines, as calls know them."""

    def ask(self, node_id: NodeId, request: Request, attempt: int) -> None:
        """A call goes there."""
        ...

    def give_up(self, node_id: NodeId, call_id: str) -> None:
        """Its answer is wanted no more."""
        ...


class Calls:
    """What a Dispatcher is to a running coordinator."""

    def __init__(self, jobs: Sequence[Job], desk: Desk, clock: Clock) -> None:
        self.records = [Record(job) for job in jobs]
        self.open = len(jobs)
        """Calls that have not ended, those that have not come yet among them."""
        self.answering = 0
        """Of those, calls that have begun to be answered: they end where they are."""
        self._desk = desk
        self._clock = clock
        self._works: Works | None = None
        self._followers: dict[int, list[int]] = {}
        for number, job in enumerate(jobs):
            if job.follows is not None:
                self._followers.setdefault(job.follows, []).append(number)

    def begin(self, works: Works) -> None:
        """All that follow nobody come in their time, from now on."""
        self._works = works
        for number, record in enumerate(self.records):
            if record.job.follows is None:
                self._clock.at(self._clock.now + record.job.at, partial(self._arrives, number))

    def apply(self, decisions: Decisions) -> None:
        """Makes true what the Desk has decided, for whichever calls."""
        for decision in decisions:
            record = self.records[_number(decision.call_id)]
            if isinstance(decision, Placed):
                self._goes(decision.call_id, record, decision.placement)
            elif isinstance(decision, Moved):
                self._leaves(decision.call_id, record)
            elif not isinstance(decision, Held):
                if isinstance(decision, Freed):
                    self._leaves(decision.call_id, record)
                self._refused(decision.call_id, record, decision.error)

    def told(self, event: Event) -> None:
        """A machine tells of a call."""
        call_id, now = CallId(event.call_id), self._clock.now
        record = self.records[_number(call_id)]
        if event.told is Told.FIRST_BYTE:
            self.answering += record.first_byte_at is None
            record.first_byte_at = now
            self.apply(self._desk.first_byte(call_id, now))
            return
        job = record.job
        model = normalise(job.model)
        self._desk.counted(model, job.estimated * CHARACTERS_A_TOKEN, job.prompt)
        decisions = self._desk.finished(call_id, now, tokens=Tokens(job.prompt, job.answer))
        self._ended(call_id, "completed")
        self.apply(decisions)

    def failed(self, call_id: str, attempt: int, error: FleetError) -> None:
        """An attempt has; nothing happens, where it is not the last one."""
        record = self.records[_number(call_id)]
        if record.end is None and record.attempt == attempt:
            record.attempt += 1
            self.apply(self._desk.failed(CallId(call_id), error, self._clock.now))

    def record(self, call_id: str) -> Record:
        """Of an open call."""
        return self.records[_number(call_id)]

    def _arrives(self, number: int) -> None:
        record = self.records[number]
        record.arrived_at = self._clock.now
        self._asks(number)

    def _asks(self, number: int) -> None:
        record = self.records[number]
        self.apply(self._desk.arrived(_call(number, record.job), self._clock.now))

    def _goes(self, call_id: CallId, record: Record, placement: Placement) -> None:
        record.placements += 1
        record.attempt += 1
        record.node = placement.place.node_id
        job = record.job
        context = placement.protection.context or placement.context_length or 0
        request = Request(call_id, placement.engine_model, job.prompt, job.answer, job.blocks, context)
        self._there.ask(record.node, request, record.attempt)

    def _leaves(self, call_id: CallId, record: Record) -> None:
        record.attempt += 1
        if record.node is not None:
            self._there.give_up(record.node, call_id)

    def _refused(self, call_id: CallId, record: Record, error: FleetError) -> None:
        now = self._clock.now
        patient = now - record.arrived_at < PATIENCE_S
        if isinstance(error, Unavailable) and error.retry_after and patient:
            self._clock.at(now + error.retry_after, partial(self._asks, _number(call_id)))
        else:
            self._ended(call_id, "failed" if record.placements else "refused")

    def _ended(self, call_id: str, end: End) -> None:
        number = _number(call_id)
        record = self.records[number]
        assert record.end is None, f"{call_id} ended twice"  # noqa: S101 - an invariant
        record.end, record.ended_at = end, self._clock.now
        self.open -= 1
        self.answering -= record.first_byte_at is not None
        for follower in self._followers.get(number, ()):
            at = self._clock.now + self.records[follower].job.at
            self._clock.at(at, partial(self._arrives, follower))

    @property
    def _there(self) -> Works:
        assert self._works is not None  # noqa: S101 - nothing arrives before `begin`
        return self._works


Apply = Callable[[Decisions], None]


def _number(call_id: str) -> int:
    return int(call_id[1:])


def _call(number: int, job: Job) -> Call:
    """As a dialect would make it of a body: what is asked for, and a guess at how long the prompt is."""
    model = normalise(job.model)
    return Call(
        id=CallId(f"c{number}"),
        model=model,
        asked_name=job.model,
        operation="chat",
        dialect="ollama",
        estimated_tokens=job.estimated,
        prompt_chars=job.estimated * CHARACTERS_A_TOKEN,
        prompt_bytes=job.estimated * CHARACTERS_A_TOKEN,
        client=job.client,
        session=job.session,
        continues=job.continues,
        prefix=job.prefix,
        origin=Origin(tags=(job.app,) if job.app else ()),
    )
