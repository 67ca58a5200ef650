"""A fleet and what is true of it, and the bound that no policy can beat there."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from coordinator.simulate.caches import BLOCK, Blocks
from coordinator.simulate.fleets import FleetSpec, MachineSpec, on_disk
from coordinator.simulate.truth import Truth, drawn
from coordinator.simulate.workloads.jobs import Job


class Inhabitant(Struct, frozen=True):
    """A machine, what it claims, and what is true of it."""

    name: str
    spec: MachineSpec
    truth: Truth


class World(Struct, frozen=True):
    """What is the same for all policies of a seed."""

    fleet: FleetSpec
    inhabitants: tuple[Inhabitant, ...]
    seed: int


class Alone(Struct, frozen=True):
    """A call on its best machine, with nobody else and the model in memory. Seconds."""

    ttft_s: float
    total_s: float


def world(fleet: FleetSpec, seed: int) -> World:
    """The same for the same fleet and seed."""
    drawn_of = (Inhabitant(name, spec, drawn(fleet, name, spec, seed)) for name, spec in fleet.machines())
    return World(fleet, tuple(drawn_of), seed)


def bounds(there: World, jobs: Sequence[Job]) -> list[Alone]:
    """Of each call: as if whatever may have been read before of its prompt, anywhere, were cached where it runs."""
    fastest = _fastest(there)
    seen = _shared(jobs)
    found = []
    for job in jobs:
        known = seen.setdefault(job.model, set())
        reading = max(job.prompt - _leading(job.blocks, known) * BLOCK, 1)
        writing = max(job.answer - 1, 0)
        known.update(job.blocks)
        read_s, write_s = min(fastest[job.model], key=lambda each: reading * each[0] + writing * each[1])
        found.append(Alone(reading * read_s, reading * read_s + writing * write_s))
    return found


def _shared(jobs: Iterable[Job]) -> dict[str, set[int]]:
    """By model, the blocks of more than one conversation: any of them may be the first to run."""
    first_of: dict[tuple[str, int], str] = {}
    shared: dict[str, set[int]] = {}
    for job in jobs:
        for block in job.blocks:
            if first_of.setdefault((job.model, block), job.session) != job.session:
                shared.setdefault(job.model, set()).add(block)
    return shared


def _leading(blocks: Blocks, known: set[int]) -> int:
    """Blocks at the beginning that are known."""
    return next((number for number, block in enumerate(blocks) if block not in known), len(blocks))


def _fastest(there: World) -> dict[str, list[tuple[float, float]]]:
    """For each model, seconds per token read and written of the machines that are not behind another in both."""
    all_of: dict[str, list[tuple[float, float]]] = {}
    for each in there.inhabitants:
        for model in on_disk(there.fleet, each.spec):
            size = model.size_bytes
            pair = (1 / each.truth.prompt_tokens_per_s(size), 1 / each.truth.tokens_per_s(size))
            all_of.setdefault(model.name, []).append(pair)
    return {model: _front(pairs) for model, pairs in all_of.items()}


def _front(pairs: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    front: list[tuple[float, float]] = []
    for pair in sorted(pairs):
        if not front or pair[1] < front[-1][1]:
            front.append(pair)
    return front
