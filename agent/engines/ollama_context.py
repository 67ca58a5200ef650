"""The context with which an Ollama loads a model for a call that asks for none.

Source read: ollama fb30760 (server/routes.go, server/sched.go), August 2026: the model's own parameters, else
OLLAMA_CONTEXT_LENGTH of the server, else by VRAM, with thresholds a GiB below those that are documented. Versions
before 0.15.5 had one number for every machine.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from agent.engines.engine import LARGEST_COUNT

VARIABLE = "OLLAMA_CONTEXT_LENGTH"
GIB = 2**30
BY_VRAM_SINCE = (0, 15, 5)
ONE_NUMBER_SINCE = (0, 7, 0)
TIERS = ((47 * GIB, 262_144), (23 * GIB, 32_768), (0, 4_096))
"""VRAM of all GPUs together, and the context from there on."""
ONE_NUMBER = 4_096


class About(NamedTuple):
    """What comes with a model's weights; contexts in tokens, None: unknown."""

    abilities: frozenset[str] = frozenset()
    max_context: int | None = None
    default_context: int | None = None
    kv_bytes_per_token: int = 0


_PARAMETER = re.compile(r"^num_ctx\s+(\d{1,10})\s*$", re.MULTILINE)


def of_model(parameters: str) -> int | None:
    """What a model's own parameters say, as /api/show tells them: lines of a name and a value."""
    found = _PARAMETER.search(parameters)
    return int(found[1]) or None if found else None


def of_server(
    ours: Mapping[str, str], its: Mapping[str, str] | None, version: str, vram_bytes: int | None
) -> int | None:
    """`ours`: the agent's environment, where somebody may tell it; `its`: the server's, None where it cannot be read;
    `vram_bytes` None: unknown. None: unknown, and never a guess, since a wrong one costs reloads.
    """
    for environment in (its or {}, ours):
        text = environment.get(VARIABLE, "").strip()
        if text.isdecimal() and 0 < int(text) <= LARGEST_COUNT:
            return int(text)
    if its is None:
        return None
    release = _release(version)
    if release >= BY_VRAM_SINCE:
        return None if vram_bytes is None else next(ctx for least, ctx in TIERS if vram_bytes >= least)
    return ONE_NUMBER if release >= ONE_NUMBER_SINCE else None


def _release(version: str) -> tuple[int, ...]:
    found = re.match(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})", version)
    return tuple(map(int, found.groups())) if found else (0, 0, 0)
