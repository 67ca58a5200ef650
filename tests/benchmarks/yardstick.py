"""How fast this machine is just now: a step of what decisions are made of, which stays as it is."""

import heapq
import time

YARDSTICK_US = 0.27
"""Of a step, on the machine of the goals, doing nothing else."""
STEPS = 1_000


def step_us() -> float:
    """Microseconds of a step now, the mean of some."""
    heap = [(float(number % 7), number, f"n{number}") for number in range(64)]
    heapq.heapify(heap)
    counts: dict[str, int] = {}
    began = time.perf_counter()
    for number in range(STEPS):
        cost, _, name = heap[0]
        counts[name] = counts.get(name, 0) + 1
        heapq.heapreplace(heap, (cost + 1.0, number, name))
    return (time.perf_counter() - began) / STEPS * 1e6
