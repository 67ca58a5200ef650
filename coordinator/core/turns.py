"""The order in which waiting calls go: class (after ageing), then fair share between clients, then arrival.

Ageing lifts a class against the others, not a client against those of its own class: a place that a call gets by its
age goes to whoever of its class has the fairer claim (`Round.fairer`). Else a client with many calls waiting would pass
all that come later, once its own had waited for long enough.
"""

import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator

from coordinator.core.open_call import LEVELS, GroupKey, OpenCall
from coordinator.core.shares import Claim, Rank, Shares
from shared.names import ModelName

FAIRER = 8
"""Lines that are asked for a fairer claim to one place, at most: each has to be placed on trial."""


class Line:
    """Calls that can take the same places: for each class and client, in order of arrival. Never asked while empty."""

    def __init__(self) -> None:
        self._classes: tuple[dict[str, list[OpenCall]], ...] = tuple({} for _ in LEVELS)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[OpenCall]:
        return (each for of_class in self._classes for calls in of_class.values() for each in calls)

    def add(self, waiting: OpenCall) -> None:
        """By arrival: a call that comes back after a failure does not start at the end."""
        of_class = self._classes[LEVELS[waiting.call.priority]]
        insort(of_class.setdefault(waiting.call.client, []), waiting, key=_turn)
        self._count += 1

    def remove(self, waiting: OpenCall) -> None:
        """It must be in here."""
        of_class, client = self._classes[LEVELS[waiting.call.priority]], waiting.call.client
        calls = of_class[client]
        del calls[bisect_left(calls, waiting.turn, key=_turn)]
        if not calls:
            del of_class[client]
        self._count -= 1

    def leader(self, shares: Shares) -> OpenCall:
        """Who earns the line's next turn."""
        firsts = [calls[0] for of_class in self._classes for calls in of_class.values()]
        level = min(each.level for each in firsts)
        return min((each for each in firsts if each.level == level), key=shares.rank)

    def firsts(self, priority: str) -> Iterator[OpenCall]:
        """The first call of each client in that class."""
        return (calls[0] for calls in self._classes[LEVELS[priority]].values())

    def of(self, client: str) -> Iterator[OpenCall]:
        """The client's calls, those that would go last first."""
        queues = (reversed(of_class.get(client, ())) for of_class in self._classes)
        return heapq.merge(*queues, key=lambda each: (-each.level, -each.turn))


class Round:
    """One look at the waiting calls after an event: whose turn it is, until nobody else can go."""

    def __init__(self, lines: dict[GroupKey, Line], shares: Shares) -> None:
        self._lines = dict(lines)  # some will end while this goes on
        self._shares = shares
        self._leaders = {key: line.leader(shares) for key, line in lines.items()}
        self._heap = [(shares.rank(leader), key, leader) for key, leader in self._leaders.items()]
        heapq.heapify(self._heap)

    def next(self) -> OpenCall | None:
        """Whose turn it is; None: the round is over. Followed by `blocked` or `went`."""
        while self._heap:
            rank, key, leader = self._heap[0]
            now = self._shares.rank(leader)
            if self._leaders.get(key) is not leader:
                heapq.heappop(self._heap)
            elif now != rank:  # within a round nobody's rank gets better
                heapq.heapreplace(self._heap, (now, key, leader))
            else:
                return leader
        return None

    def fairer(self, leader: OpenCall) -> list[OpenCall]:
        """Others of its class and model who may have its place rather than it, the fairest first: one of a line."""
        call, claim = leader.call, self._shares.claim
        if leader.level == LEVELS[call.priority] and not self._shares.lent:  # it leads by its claim already
            return []
        lines = (self._lines[key] for key in self._leaders if key[0][0] == call.model)
        firsts = (min(line.firsts(call.priority), key=claim, default=leader) for line in lines)
        return heapq.nsmallest(FAIRER, (each for each in firsts if claim(each) < claim(leader)), key=claim)

    def behind(self, waiting: OpenCall) -> Iterator[tuple[int, OpenCall]]:
        """Of those in its line some that would go later, and how many go before them: 1, 2, 4, 8 and so on."""
        order = in_order(waiting.call.model, self._lines[waiting.key], self._shares)
        position = 1
        while position < len(order):
            yield position, order[position]
            position *= 2

    def blocked(self, waiting: OpenCall) -> None:
        """There is no place for it, so for nobody behind it in its line."""
        del self._leaders[waiting.key]

    def went(self, waiting: OpenCall) -> None:
        """It left its line, to a place or with an error: what is fair for its model has changed."""
        for key in [key for key in self._leaders if key[0][0] == waiting.call.model]:
            del self._leaders[key]
            if line := self._lines[key]:
                leader = self._leaders[key] = line.leader(self._shares)
                heapq.heappush(self._heap, (self._shares.rank(leader), key, leader))


def in_order(model: ModelName, calls: Iterable[OpenCall], shares: Shares) -> list[OpenCall]:
    """Calls that ask for `model` as they would go if a place became free for each, one by one, and none ended."""
    by_class: dict[str, dict[str, list[OpenCall]]] = {}
    for each in calls:
        by_class.setdefault(each.call.priority, {}).setdefault(each.call.client, []).append(each)
    for clients in by_class.values():
        for queue in clients.values():
            queue.sort(key=_turn, reverse=True)
    names = {client for clients in by_class.values() for client in clients}
    told = {client: shares.of(client, model) for client in names}
    lent = {client: shares.lent_by(client, model) for client in names}
    result: list[OpenCall] = []

    def claim(waiting: OpenCall) -> Claim:
        return (*told[waiting.call.client], waiting.turn)

    def rank(waiting: OpenCall) -> Rank:
        (running, served), (of_others, lent_at) = told[waiting.call.client], lent[waiting.call.client]
        return (waiting.level, running + of_others, max(served, lent_at), waiting.turn)

    leaders = _Firsts((queue for clients in by_class.values() for queue in clients.values()), rank)
    fairest = {priority: _Firsts(clients.values(), claim) for priority, clients in by_class.items()}
    while leader := leaders.lowest():
        lender = leader[-1].call
        each = fairest[lender.priority].lowest().pop()
        result.append(each)
        _count(told, each.call.client, len(result))
        if each.call.client != lender.client:
            _count(lent, lender.client, len(result))
    return result


class _Firsts:
    """Queues, each with its first at its end: which first is the lowest. What it is ordered by only ever grows."""

    def __init__(self, queues: Iterable[list[OpenCall]], key: Callable[[OpenCall], tuple[int, ...]]) -> None:
        self._key = key
        self._heap = [(key(queue[-1]), queue) for queue in queues]
        heapq.heapify(self._heap)

    def lowest(self) -> list[OpenCall]:
        """Its queue, from which nothing has been taken yet; empty: all are."""
        while self._heap:
            before, queue = self._heap[0]
            if not queue:
                heapq.heappop(self._heap)
            elif (now := self._key(queue[-1])) != before:
                heapq.heapreplace(self._heap, (now, queue))
            else:
                return queue
        return []


def _count(tallies: dict[str, tuple[int, int]], client: str, number: int) -> None:
    tallies[client] = (tallies[client][0] + 1, _AFTER_ALL + number)


_AFTER_ALL = 2**62
"""Later than every placement that was."""


def _turn(waiting: OpenCall) -> int:
    return waiting.turn
