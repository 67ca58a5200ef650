"""How many tokens of context there is memory for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

SHARE = 0.8
"""Of the free memory, for KV caches: what is computed with them needs some too."""
LEAST = 16
"""Tokens below which no context is worth the name."""
CGROUP = Path("/sys/fs/cgroup")
COPIES = 2
"""A cache is copied when it grows by a token."""


def kv_bytes(config: Any, bytes_each: int) -> int:
    """Of one token: a key and a value for each KV head of each layer. `bytes_each`: of one number."""
    config = config.get_text_config(decoder=True) if hasattr(config, "get_text_config") else config
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * size * bytes_each)


def context_limit(most: int, free: int, token_bytes: float, slots: int = 1) -> int:
    """Tokens of context for each slot: `most`, or what the free bytes have room for."""
    room = int(free * SHARE / (max(1.0, token_bytes * COPIES) * slots))
    return max(LEAST, min(most, room))


def own_context(config: Any) -> int:
    """The longest that the model was made for; a large number where it does not say."""
    config = config.get_text_config(decoder=True) if hasattr(config, "get_text_config") else config
    return int(getattr(config, "max_position_embeddings", 0) or 2**20)


def free_host() -> int:
    """Bytes that processes may still take: of the machine, or of this process's control group if that has less."""
    free = _available()
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            left = int((CGROUP / limit).read_text()) - int((CGROUP / used).read_text())
        except (OSError, ValueError):
            continue
        free = min(free, max(0, left))
    return free


def _available() -> int:
    """Of the machine; all that it has where the system does not tell what is free."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
