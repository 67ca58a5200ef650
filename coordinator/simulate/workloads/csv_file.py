"""Workloads from CSV, as Azure publishes them: TIMESTAMP,ContextTokens,GeneratedTokens."""

import csv
from collections.abc import Iterable
from datetime import datetime
from random import Random

from coordinator.simulate.fleets import FleetSpec
from coordinator.simulate.workloads.jobs import Job, Mix, by_arrival, check

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


def from_csv(lines: Iterable[str], fleet: FleetSpec, chance: Random) -> list[Job]:
    """Models and clients are drawn by the fleet's mix. Raises ValueError."""
    rows = csv.DictReader(lines)
    if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
        raise ValueError(f"no column {missing[0]}; expected {','.join(COLUMNS)}")
    mix, jobs, begin = Mix(fleet, chance), [], None
    for number, row in enumerate(rows, start=2):
        try:
            at, prompt, answer = _seconds(row[COLUMNS[0]]), int(row[COLUMNS[1]]), int(row[COLUMNS[2]])
            check(at, prompt, answer)
        except (TypeError, ValueError) as error:
            raise ValueError(f"line {number}: {error}") from error
        begin = at if begin is None else begin
        model = mix.model()
        jobs.append(
            Job(
                at=at - begin,
                model=model.name,
                prompt=max(prompt, 1),
                answer=max(answer, 1),
                estimated=mix.guess(prompt),
                client=mix.client(),
                app=mix.app(model).name,
            )
        )
    return by_arrival(jobs)


def _seconds(text: str) -> float:
    """Seconds, or a date and time."""
    try:
        return float(text)
    except ValueError:
        # Azure writes seven digits of a second; Python reads six of them.
        return datetime.fromisoformat(text[:26]).timestamp()
