"""Calls that follow each other: each prompt begins with all that was said before."""

from collections.abc import Callable, Iterator
from itertools import count
from random import Random

from msgspec import Struct

from coordinator.simulate.caches import BLOCK
from coordinator.simulate.fleets import FleetSpec
from coordinator.simulate.workloads.jobs import Job, Mix


class Pace(Struct, frozen=True):
    """How a chain goes on."""

    least: int
    most: int
    """Calls of a chain."""
    pause_s: float
    """Between an answer and the next call, on average."""
    head: int
    """Tokens of system prompt and tools, which all chains of an app share."""
    answers: float
    """Length of an answer, beside its app's."""
    adds: int
    """Tokens that come to the prompt with each call, beside the answers."""


SESSION = Pace(least=2, most=10, pause_s=20.0, head=0, answers=1.0, adds=80)
"""A person who chats."""
AGENT = Pace(least=5, most=20, pause_s=0.5, head=3_000, answers=0.5, adds=600)
"""A program that calls tools and reads what they say."""


def sessions(fleet: FleetSpec, calls: int, chance: Random) -> list[Job]:
    """Conversations, together one call a second on average if none had to wait."""
    return _chains(fleet, calls, chance, SESSION)


def agents(fleet: FleetSpec, calls: int, chance: Random) -> list[Job]:
    """Loops of 5 to 20 calls, each after the answer to the last."""
    return _chains(fleet, calls, chance, AGENT)


def _chains(fleet: FleetSpec, calls: int, chance: Random, pace: Pace) -> list[Job]:
    mix, jobs, at = Mix(fleet, chance), list[Job](), 0.0
    numbers = count()
    heads: dict[str, tuple[int, ...]] = {}
    mean = (pace.least + pace.most) / 2
    while len(jobs) < calls:
        at += chance.expovariate(1 / mean)
        length = min(chance.randint(pace.least, pace.most), calls - len(jobs))
        jobs += _chain(mix, chance, pace, at, len(jobs), length, heads, numbers)
    return jobs


def _chain(
    mix: Mix,
    chance: Random,
    pace: Pace,
    at: float,
    first: int,
    length: int,
    heads: dict[str, tuple[int, ...]],
    numbers: Iterator[int],
) -> Iterator[Job]:
    """The calls of one chain, the first of which is number `first` of the workload."""
    model = mix.model()
    app = mix.app(model)
    client, name = mix.client(), f"{model.name}/{app.name}"
    if name not in heads:
        heads[name] = tuple(next(numbers) for _ in range(pace.head // BLOCK))
    said = pace.head + mix.length(app.prompt)
    blocks: tuple[int, ...] = heads[name]
    for number in range(length):
        said = min(said, model.max_context // 2)
        blocks = _grown(blocks, said, lambda: next(numbers))
        answer = mix.answer(model, app)
        answer = max(1, round(answer * pace.answers))
        yield Job(
            at=chance.expovariate(1 / pace.pause_s) if number else at,
            model=model.name,
            prompt=said,
            answer=answer,
            estimated=mix.guess(said),
            follows=first + number - 1 if number else None,
            blocks=blocks,
            session=f"chain-{first}",
            continues=number > 0,
            prefix=name if pace.head else "",
            client=client,
            app=app.name,
        )
        said += answer + mix.length(pace.adds)


def _grown(blocks: tuple[int, ...], tokens: int, new: Callable[[], int]) -> tuple[int, ...]:
    """Whole blocks of so many tokens, beginning with those."""
    wanted = tokens // BLOCK
    return (*blocks, *(new() for _ in range(wanted - len(blocks))))
