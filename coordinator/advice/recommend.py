"""/dashboard/api/recommendations: which models each node would do well to hold.

First what was used there during the last day. Then, category by category, the one most in demand: the largest that
fits among what the fleet was asked for and a few well-known models, and leaves room for a small one of each category
that follows. Size is all that is compared: no quality scores.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from msgspec import Struct

from coordinator.advice.holdings import GIB, MEMORY_FACTOR, Held, Holdings
from coordinator.advice.known_models import CATEGORIES, GUIDE, KNOWN, Category, canonical, category, known
from coordinator.advice.use import ModelUse
from shared.names import ModelName, normalise

DISK_RESERVE = 10 * GIB
"""Left free on a node's disk."""
TOP_MODELS = 10
GB = 10**9

Priority = Literal["high", "medium", "low"]


class Candidate(Struct, frozen=True, kw_only=True):
    """A model that some node could hold. Sizes in bytes."""

    name: str
    key: ModelName
    display_name: str
    family: str
    category: Category
    size: int
    memory: int
    pullable: bool


class Demand(Struct, frozen=True, kw_only=True):
    """What was asked for in the last 24 hours. Names are canonical, but those of `asked`."""

    asked: Counter[ModelName]
    kinds: dict[ModelName, Category]
    """Of each name in `asked`."""
    models: Counter[ModelName]
    here: Counter[tuple[str, ModelName]]
    categories: Counter[Category]

    @property
    def order(self) -> list[Category]:
        """Categories, the most asked for first."""
        return sorted(CATEGORIES, key=lambda each: (-self.categories[each], CATEGORIES.index(each)))


class Plan:
    """What one node should hold, as it is being made."""

    def __init__(self, node: Holdings) -> None:
        self.node = node
        self.entries: list[dict[str, Any]] = []
        self.categories: set[Category] = set()
        self.memory = 0
        self._families: set[str] = set()
        self._disk = node.disk_free - DISK_RESERVE

    def fits(self, candidate: Candidate) -> bool:
        """Beside what is planned already. A size that is not known fits nowhere."""
        if not candidate.memory or candidate.family in self._families:
            return False
        if candidate.memory > min(self.node.largest, self.node.usable - self.memory):
            return False
        return self.has(candidate.key) or (
            self.node.can_pull and candidate.pullable and candidate.size <= self._disk
        )

    def usable_beside(self, reserved: int) -> int:
        """Bytes that are left, without those `reserved`."""
        return self.node.usable - self.memory - reserved

    def has(self, key: ModelName) -> bool:
        """Whether it is on the node already."""
        return any(held.canonical == key for held in self.node.models)

    def take(self, candidate: Candidate, priority: Priority, reason: str) -> None:
        """It should be there."""
        here = self.has(candidate.key)
        self.memory += candidate.memory
        self._disk -= 0 if here else candidate.size
        self._families.add(candidate.family)
        self.categories.add(candidate.category)
        self.entries.append(
            {
                "model": candidate.name,
                "display_name": candidate.display_name,
                "category": candidate.category,
                "ram_gb": _gib(candidate.memory),
                "quality_score": None,
                "reason": reason,
                "priority": priority,
                "already_available": here,
            }
        )


def recommendations(nodes: Sequence[Holdings], use: Iterable[ModelUse], now: float) -> dict[str, Any]:
    """For the nodes given, the roomiest first. Memory in GiB; `quality_score` is null: none is known here."""
    demand = demand_of(nodes, use)
    plans: list[Plan] = []
    taken: set[ModelName] = set()
    for node in sorted(nodes, key=lambda each: (-each.usable, each.node_id)):
        plan = planned(node, candidates(nodes, demand), demand, taken)
        taken |= {canonical(entry["model"]) for entry in plan.entries}
        plans.append(plan)
    held = {each.category for node in nodes for each in node.models}
    covered = held.union(*(plan.categories for plan in plans))
    return {
        "nodes": [_told(plan) for plan in plans],
        "usage": _usage(demand, held),
        "fleet_summary": _summary(plans),
        "uncovered_categories": [each for each in CATEGORIES if each not in covered],
        "generated_at": now,
    }


def demand_of(nodes: Iterable[Holdings], use: Iterable[ModelUse]) -> Demand:
    """Of every model but herd-guide, category and node, from the calls of the last day."""
    held = {each.key: each.category for node in nodes for each in node.models}
    demand = Demand(asked=Counter(), kinds={}, models=Counter(), here=Counter(), categories=Counter())
    for each in use:
        if each.last_day and each.model != GUIDE:
            kind = demand.kinds[each.model] = held.get(each.model) or category(each.model)
            demand.asked[each.model] += each.last_day
            demand.categories[kind] += each.last_day
            name = canonical(each.model)
            demand.models[name] += each.last_day
            demand.here[each.node_id, name] += each.last_day
    return demand


def candidates(nodes: Iterable[Holdings], demand: Demand) -> list[Candidate]:
    """The well-known ones, and what the fleet holds and was asked for, with the engines' own sizes."""
    found = {
        normalise(model.name): Candidate(
            name=model.name,
            key=normalise(model.name),
            display_name=model.display_name,
            family=model.family,
            category=model.category,
            size=int(model.size_gb * GB),
            memory=int(model.size_gb * GB * MEMORY_FACTOR),
            pullable=True,
        )
        for model in KNOWN
    }
    # What can be pulled last, so that a file of the same name, of llama.cpp only, does not take its place.
    for held in sorted((held for node in nodes for held in node.models), key=lambda each: each.pullable):
        if held.canonical in found or held.canonical in demand.models:
            found[held.canonical] = _candidate(held)
    return list(found.values())


def planned(
    node: Holdings, all_candidates: Sequence[Candidate], demand: Demand, elsewhere: set[ModelName]
) -> Plan:
    """`elsewhere`: what other nodes are to hold; the same again only where nothing else of the kind fits."""
    plan = Plan(node)
    kept = [held for held in node.models if demand.here[node.node_id, held.canonical]]
    for held in sorted(kept, key=lambda each: (-demand.here[node.node_id, each.canonical], each.name)):
        if plan.memory + held.memory <= node.usable:
            times = demand.here[node.node_id, held.canonical]
            plan.take(_candidate(held), "high", f"Used here {times} time(s) in the last 24 hours")
    open_kinds = [kind for kind in demand.order if kind not in plan.categories]
    for place, kind in enumerate(open_kinds, start=1):
        fitting = [each for each in all_candidates if each.category == kind and plan.fits(each)]
        modest = plan.usable_beside(_least(all_candidates, open_kinds[place:], plan))
        best = min(
            [each for each in fitting if each.memory <= modest] or fitting,
            key=lambda each: _rank(each, plan, demand, elsewhere),
            default=None,
        )
        if best is not None:
            plan.take(best, "medium" if demand.categories[kind] else "low", _reason(best, plan, demand))
    return plan


def _least(all_candidates: Sequence[Candidate], kinds: Sequence[Category], plan: Plan) -> int:
    """Bytes that the smallest of each of these kinds would take."""
    sizes = {kind: [each.memory for each in all_candidates if each.category == kind] for kind in kinds}
    return sum(min(filter(plan.node.largest.__ge__, found), default=0) for found in sizes.values())


def _rank(
    candidate: Candidate, plan: Plan, demand: Demand, elsewhere: set[ModelName]
) -> tuple[int, bool, bool, int, str]:
    """The least is the best. Vectors of different models cannot be compared: what embeds here already stays."""
    stays = candidate.category == "embedding" and plan.has(candidate.key)
    return (
        -demand.models[candidate.key],
        not stays,
        candidate.key in elsewhere,
        -candidate.memory,
        candidate.name,
    )


def _reason(candidate: Candidate, plan: Plan, demand: Demand) -> str:
    if times := demand.models[candidate.key]:
        return f"Asked for {times} time(s) in the last 24 hours, and fits here"
    there = ", and it is here already" if plan.has(candidate.key) else ""
    return f"The largest well-known {candidate.category} model that fits{there}"


def _candidate(held: Held) -> Candidate:
    entry = known(held.name)
    return Candidate(
        name=held.name,
        key=held.canonical,
        display_name=held.display_name,
        family=entry.family if entry else held.canonical,
        category=held.category,
        size=held.size,
        memory=held.memory,
        pullable=held.pullable,
    )


def _told(plan: Plan) -> dict[str, Any]:
    node = plan.node
    return {
        "node_id": node.node_id,
        "total_ram_gb": _gib(node.total),
        "usable_ram_gb": _gib(node.usable),
        "current_models": [held.name for held in node.models],
        "recommendations": plan.entries,
        "total_recommended_ram_gb": _gib(plan.memory),
        "ram_headroom_gb": _gib(node.usable - plan.memory),
    }


def _usage(demand: Demand, held: set[Category]) -> dict[str, Any]:
    return {
        "total_requests_24h": demand.asked.total(),
        "category_breakdown": dict(demand.categories.most_common()),
        "top_models": [
            {"model": name, "requests": count, "category": demand.kinds[name]}
            for name, count in demand.asked.most_common(TOP_MODELS)
        ],
        "category_coverage": {kind: kind in held for kind in CATEGORIES},
    }


def _summary(plans: Sequence[Plan]) -> str:
    total = _gib(sum(plan.node.total for plan in plans))
    wanted = sum(len(plan.entries) for plan in plans)
    memory = _gib(sum(plan.memory for plan in plans))
    return f"{len(plans)} node(s), {total} GiB of memory for models, {wanted} model(s) recommended using {memory} GiB"


def _gib(count: int) -> float:
    return round(count / GIB, 1)
