"""The order in which waiting calls go: class (after ageing), then fair share between clients, then arrival."""

import heapq
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator

from coordinator.core.open_call import LEVELS, GroupKey, OpenCall
from coordinator.core.shares import Shares
from shared.names import ModelName


class Line:
    """Calls that can take the same places: for each level and client, in order of arrival. Never asked while empty."""

    def __init__(self) -> None:
        self._levels: tuple[dict[str, list[OpenCall]], ...] = tuple({} for _ in LEVELS)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[OpenCall]:
        return (each for level in self._levels for calls in level.values() for each in calls)

    def add(self, waiting: OpenCall) -> None:
        """By arrival: a call that comes back after a failure does not start at the end."""
        insort(self._levels[waiting.level].setdefault(waiting.call.client, []), waiting, key=_turn)
        self._count += 1

    def remove(self, waiting: OpenCall) -> None:
        """It must be in here, at the level it was added with."""
        level, client = self._levels[waiting.level], waiting.call.client
        calls = level[client]
        del calls[bisect_left(calls, waiting.turn, key=_turn)]
        if not calls:
            del level[client]
        self._count -= 1

    def first(self, shares: Shares) -> OpenCall:
        """Whose turn it is."""
        level = next(filter(None, self._levels))
        return min((calls[0] for calls in level.values()), key=shares.rank)

    def of(self, client: str) -> Iterator[OpenCall]:
        """The client's calls, those that would go last first."""
        return (each for level in reversed(self._levels) for each in reversed(level.get(client, ())))


class Round:
    """One look at the waiting calls after an event: whose turn it is, until nobody else can go."""

    def __init__(self, lines: dict[GroupKey, Line], shares: Shares) -> None:
        self._lines = dict(lines)  # some will end while this goes on
        self._shares = shares
        self._heads = {key: line.first(shares) for key, line in lines.items()}
        self._heap = [(shares.rank(head), key, head) for key, head in self._heads.items()]
        heapq.heapify(self._heap)

    def next(self) -> OpenCall | None:
        """Whose turn it is; None: the round is over. Followed by `blocked` or `went`."""
        while self._heap:
            rank, key, head = self._heap[0]
            now = self._shares.rank(head)
            if self._heads.get(key) is not head:
                heapq.heappop(self._heap)
            elif now != rank:  # within a round nobody's rank gets better
                heapq.heapreplace(self._heap, (now, key, head))
            else:
                return head
        return None

    def behind(self, waiting: OpenCall) -> Iterator[tuple[int, OpenCall]]:
        """Of those in its line some that would go later, and how many go before them: 1, 2, 4, 8 and so on."""
        order = in_order(waiting.call.model, self._lines[waiting.key], self._shares)
        position = 1
        while position < len(order):
            yield position, order[position]
            position *= 2

    def blocked(self, waiting: OpenCall) -> None:
        """There is no place for it, so for nobody behind it in its line."""
        del self._heads[waiting.key]

    def went(self, waiting: OpenCall) -> None:
        """It left its line, to a place or with an error: what is fair for its model has changed."""
        for key in [key for key in self._heads if key[0][0] == waiting.call.model]:
            del self._heads[key]
            if line := self._lines[key]:
                head = self._heads[key] = line.first(self._shares)
                heapq.heappush(self._heap, (self._shares.rank(head), key, head))


def in_order(model: ModelName, calls: Iterable[OpenCall], shares: Shares) -> list[OpenCall]:
    """Calls that ask for `model` as they would go if a place became free for each, one by one, and none ended."""
    levels: tuple[defaultdict[str, list[OpenCall]], ...] = tuple(defaultdict(list) for _ in LEVELS)
    for each in calls:
        levels[each.level][each.call.client].append(each)
    running: dict[str, int] = {}
    served: dict[str, int] = {}
    result: list[OpenCall] = []
    for level in levels:
        heads = []
        for client, queue in level.items():
            queue.sort(key=_turn, reverse=True)
            now_running, now_served = shares.of(client, model)
            running.setdefault(client, now_running)
            served.setdefault(client, now_served)
            heads.append((running[client], served[client], queue[-1].turn, client))
        heapq.heapify(heads)
        while heads:
            client = heads[0][3]
            result.append(level[client].pop())
            running[client] += 1
            served[client] = _AFTER_ALL + len(result)
            if queue := level[client]:
                heapq.heapreplace(heads, (running[client], served[client], queue[-1].turn, client))
            else:
                heapq.heappop(heads)
    return result


_AFTER_ALL = 2**62
"""Later than every placement that was."""


def _turn(waiting: OpenCall) -> int:
    return waiting.turn
