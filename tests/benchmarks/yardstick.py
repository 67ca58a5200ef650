"""How fast this machine is just now, by a step of what decisions are made of, which stays as it is."""

import heapq
import time

YARDSTICK_US = 0.27
"""Of one step, on the machine for which the goals were set, doing nothing else."""
STEPS = 1_000


def yardstick_us() -> float:
    """Microseconds of a step."""
    heap = [(float(number % 7), number, f"n{number}") for number in range(64)]
    heapq.heapify(heap)
    counts: dict[str, int] = {}
    began = time.perf_counter()
    for number in range(STEPS):
        cost, _, name = heap[0]
        counts[name] = counts.get(name, 0) + 1
        heapq.heapreplace(heap, (cost + 1.0, number, name))
    return (time.perf_counter() - began) / STEPS * 1e6
