"""Workloads from JSON lines, as Mooncake publishes them: timestamp in ms, input_length, output_length, hash_ids."""

from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random

import msgspec
from msgspec import Struct

from coordinator.simulate.fleets import FleetSpec
from coordinator.simulate.workloads.jobs import Job, Mix, by_arrival, check

SHARED = 2
"""Conversations from which on a block that they begin with is a beginning that many share."""
WHOLE = 3
"""Blocks of a prompt from which on the last but one is taken to be its own."""


class Line(Struct):
    """As it is written."""

    timestamp: float
    input_length: int
    output_length: int
    hash_ids: list[int] = []


def from_jsonl(lines: Iterable[str], fleet: FleetSpec, chance: Random) -> list[Job]:
    """Models and clients are drawn by the fleet's mix, once for each conversation. Raises ValueError."""
    told = sorted(_decoded(lines), key=lambda line: line.timestamp)
    chats = _conversations(told)
    opened = {(line.hash_ids[0], chat) for line, chat in zip(told, chats, strict=True) if line.hash_ids}
    starts = Counter(block for block, _ in opened)
    mix = Mix(fleet, chance)
    drawn = {chat: (mix.model(), mix.client()) for chat in dict.fromkeys(chats)}
    jobs = []
    for number, (line, chat) in enumerate(zip(told, chats, strict=True)):
        model, client = drawn[chat]
        first = line.hash_ids[0] if line.hash_ids else -1
        jobs.append(
            Job(
                at=(line.timestamp - told[0].timestamp) / 1_000,
                model=model.name,
                prompt=max(line.input_length, 1),
                answer=max(line.output_length, 1),
                estimated=mix.guess(line.input_length),
                blocks=tuple(line.hash_ids),
                session=f"chat-{chat}" if line.hash_ids else "",
                continues=chat != number,
                prefix=str(first) if starts[first] >= SHARED else "",
                client=client,
                app=mix.app(model).name,
            )
        )
    return by_arrival(jobs)


def _decoded(lines: Iterable[str]) -> Iterator[Line]:
    decoder = msgspec.json.Decoder(Line)
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                told = decoder.decode(line)
                check(told.timestamp / 1_000, told.input_length, told.output_length)
            except ValueError as error:  # a MsgspecError is one
                raise ValueError(f"line {number}: {error}") from error
            yield told


def _conversations(lines: list[Line]) -> list[int]:
    """For each line the number of the one that began its conversation: whose prompt goes on from another's end."""
    chats: list[int] = []
    ends: dict[int, int] = {}
    for number, line in enumerate(lines):
        blocks = line.hash_ids
        chat = next((ends[block] for block in reversed(blocks) if block in ends), number)
        chats.append(chat)
        # The last block is not full, and another one once there is more.
        ends.update(dict.fromkeys(blocks[-2:] if len(blocks) >= WHOLE else blocks[-1:], chat))
    return chats
