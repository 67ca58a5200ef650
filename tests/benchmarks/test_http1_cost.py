"""CPU seconds of a bare reverse proxy of ours beside one of aiohttp's, in the same run."""

import sys

import pytest

from tests.benchmarks.http1_load import CALL, CLIENTS, STREAM, cost, program

pytestmark = pytest.mark.alone

CALLS = 4_000
MOST_OF_AIOHTTP = 0.45


async def compared(request: bytes, end: bytes, calls: int, rounds: int) -> tuple[float, float]:
    """CPU seconds of one run of `calls`: ours, aiohttp's; the least of some interleaved rounds."""
    with (
        program("http1_engine") as (_, engine),
        program("http1_proxy", str(engine)) as ours,
        program("aiohttp_proxy", str(engine)) as theirs,
    ):
        for proxy in (ours, theirs):
            await cost(*proxy, request, end, CLIENTS)
        seen = [
            (await cost(*ours, request, end, calls), await cost(*theirs, request, end, calls))
            for _ in range(rounds)
        ]
    return min(mine for mine, _ in seen), min(other for _, other in seen)


async def test_a_call_costs_less_than_half_of_what_aiohttp_takes() -> None:
    ours, theirs = await compared(CALL, b'"done":true}', CALLS, 7)
    sys.stdout.write(
        f"\nCPU s/1,000 calls: {ours / CALLS * 1000:.4f}, aiohttp {theirs / CALLS * 1000:.4f}: {ours / theirs:.2f}\n"
    )
    assert ours / theirs < MOST_OF_AIOHTTP


@pytest.mark.long
async def test_a_chunk_costs_no_more_than_aiohttp_takes() -> None:
    ours, theirs = await compared(STREAM, b"\r\n0\r\n\r\n", CLIENTS * 2, 2)
    sys.stdout.write(
        f"\nCPU s per 100,000 chunks: {ours / CLIENTS / 400 * 1e5:.2f}, aiohttp {theirs / CLIENTS / 400 * 1e5:.2f}\n"
    )
    assert ours < theirs
