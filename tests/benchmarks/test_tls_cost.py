"""TLS on the hop between coordinator and node, beside the same hop without it."""

import sys

import pytest

from tests.benchmarks.tls_hop import hop

pytestmark = [pytest.mark.alone, pytest.mark.long]

MOST_CALL, MOST_CHUNK = 2.0, 2.0
"""Times what plain HTTP takes, for relays that do nothing else."""
MOST_KIB = 128.0


async def test_tls_costs_less_than_the_call_itself() -> None:
    found = await hop()
    sys.stdout.write("\n" + "\n".join(found.lines()) + "\n")
    assert found.call_us[0] / found.call_us[1] < MOST_CALL
    assert found.chunk_us[0] / found.chunk_us[1] < MOST_CHUNK
    assert found.kept_kib[0] < MOST_KIB
