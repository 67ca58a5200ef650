"""The next token from the logits: the likeliest, or drawn with temperature, top-k and top-p."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch

from .asked import Sampling
from .calls import Call

COOLEST = 1e-4
"""A temperature above 0 but below this would make infinities of differences; the answer is the same."""


class Chooser:
    """Each call draws from a generator of its own, so that a seed gives the same answer whoever is in the batch."""

    def __init__(self) -> None:
        self._generators: WeakKeyDictionary[Call, torch.Generator] = WeakKeyDictionary()

    def __call__(self, logits: Any, calls: Sequence[Call]) -> list[int]:
        """Of each row, in the order of the calls."""
        best: list[int] = logits.argmax(dim=-1).tolist()
        return [
            self._drawn(row, call) if call.asked.sampling.temperature > 0 else likeliest
            for row, likeliest, call in zip(logits, best, calls, strict=True)
        ]

    def _drawn(self, row: Any, call: Call) -> int:
        sampling = call.asked.sampling
        if call not in self._generators:
            generator = self._generators[call] = torch.Generator()
            generator.manual_seed(sampling.seed) if sampling.seed is not None else generator.seed()
        chances = chances_of(row.cpu(), sampling)
        return int(torch.multinomial(chances, 1, generator=self._generators[call]))


def chances_of(row: Any, sampling: Sampling) -> Any:
    """Of each token; `top_p` leaves the likeliest that together have so much, at least one."""
    row = (row - row.max()) / max(sampling.temperature, COOLEST)
    if 0 < sampling.top_k < row.shape[-1]:
        row = row.masked_fill(row < row.topk(sampling.top_k).values[-1], float("-inf"))
    chances = torch.softmax(row, dim=-1)
    if sampling.top_p < 1:
        ordered, which = chances.sort(descending=True)
        beyond = ordered.cumsum(dim=-1) - ordered > sampling.top_p
        chances = chances.index_fill(0, which[beyond], 0.0)
    return chances
