"""Workloads: read from files, or made up from a seed."""

import gzip
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

from coordinator.simulate.fleets import FleetSpec
from coordinator.simulate.workloads.bursty import bursty
from coordinator.simulate.workloads.chains import agents, sessions
from coordinator.simulate.workloads.csv_file import from_csv
from coordinator.simulate.workloads.jobs import Job
from coordinator.simulate.workloads.jsonl_file import from_jsonl
from coordinator.simulate.workloads.long_context import long_context
from coordinator.simulate.workloads.poisson import poisson

Made = Callable[[FleetSpec, int, Random], list[Job]]
"""Of a fleet's mix and a number of calls; one call a second."""
GENERATORS: dict[str, Made] = {
    "poisson": poisson,
    "bursty": bursty,
    "sessions": sessions,
    "agents": agents,
    "long": long_context,
}
ANY_AT_ALL = "a workload has at least one call"


class BadWorkload(ValueError):
    """A workload that cannot be used, and why, for a person."""


def workload(name: str, fleet: FleetSpec, calls: int | None, seed: int) -> list[Job]:
    """One that is made up, by its name, of `calls`; or a file, of which the first `calls` (None: all) are taken.

    The same for the same arguments. Raises BadWorkload.
    """
    chance = Random(f"{seed}/workload/{name if name in GENERATORS else 'file'}")  # noqa: S311 - to be repeated
    if name in GENERATORS:
        return GENERATORS[name](fleet, calls or 1, chance)
    reads = from_jsonl if ".jsonl" in Path(name).suffixes else from_csv
    jobs = _from_file(Path(name), reads, fleet, chance)
    if not jobs:
        raise BadWorkload(f"{name}: {ANY_AT_ALL}")
    return jobs[:calls]


def _from_file(
    path: Path,
    reads: Callable[[Iterable[str], FleetSpec, Random], list[Job]],
    fleet: FleetSpec,
    chance: Random,
) -> list[Job]:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as lines:
            return reads(lines, fleet, chance)
    except (EOFError, zlib.error) as error:
        raise BadWorkload(f"{path}: it is cut off or broken: {error}") from error
    except OSError as error:
        known = ", ".join(GENERATORS)
        raise BadWorkload(f"{path}: {error.strerror or error}; a file, or one of {known}") from error
    except ValueError as error:
        raise BadWorkload(f"{path}: {error}") from error
