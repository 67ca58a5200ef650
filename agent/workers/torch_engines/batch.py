"""Sequences that a causal model computes together: their caches and masks, on one rank."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch


class Batch:
    """`new_cache` makes one for a sequence; one that is joined to others has layers with `keys` and `values`.

    Rows begin at different places: the shorter are padded on the left, where nothing is attended to.
    """

    def __init__(self, model: Any, new_cache: Callable[[], Any], device: str) -> None:
        self._model, self._new_cache, self._device = model, new_cache, device
        self._last_only = _last_only(model)
        self._coming: Any = None
        self._read = 0
        self._cache: Any = None
        self._mask = torch.ones((0, 0), dtype=torch.long, device=device)

    def prefill(self, tokens: list[int]) -> Any:
        """Reads on in the prompt of the sequence that is to join."""
        if self._coming is None:
            self._coming, self._read = self._new_cache(), 0
        places = torch.arange(self._read, self._read + len(tokens), device=self._device)
        logits = self._forward([tokens], None, places[None], self._coming)
        self._read += len(tokens)
        return logits

    def join(self) -> None:
        """Its prompt is read: the newest row."""
        mask = torch.ones((1, self._read), dtype=torch.long, device=self._device)
        if self._cache is None:
            self._cache, self._mask = self._coming, mask
        else:
            length = max(self._mask.shape[1], self._read)
            for ours, theirs in zip(self._cache.layers, self._coming.layers, strict=True):
                for name in ("keys", "values"):
                    parts = (getattr(ours, name), getattr(theirs, name))
                    setattr(ours, name, torch.cat([_padded(each, length, dim=2) for each in parts]))
            self._mask = torch.cat([_padded(each, length, dim=1) for each in (self._mask, mask)])
        self._coming = None

    def drop(self) -> None:
        """It does not join."""
        self._coming = None

    def step(self, tokens: list[int]) -> Any:
        """One token further, for each row."""
        places = self._mask.sum(dim=1, keepdim=True)
        self._mask = torch.cat([self._mask, torch.ones_like(places)], dim=1)
        mask = self._mask if len(tokens) > 1 else None  # alone, nothing is padded
        return self._forward([[token] for token in tokens], mask, places, self._cache)

    def keep(self, rows: list[int]) -> None:
        """The others leave, and padding that all have."""
        if not rows:
            self._cache, self._mask = None, self._mask[:0, :0]
            return
        which = torch.tensor(rows, device=self._device)
        mask = self._mask.index_select(0, which)
        lead = int((mask.sum(dim=0) > 0).to(torch.long).argmax())
        for layer in self._cache.layers:
            for name in ("keys", "values"):
                held = getattr(layer, name)
                setattr(layer, name, held.index_select(0, which.to(held.device))[:, :, lead:])
        self._mask = mask[:, lead:]

    def _forward(self, tokens: list[list[int]], mask: Any, places: Any, cache: Any) -> Any:
        with torch.no_grad():  # not inference_mode: ZeRO's hooks write to what they get
            out = self._model(
                input_ids=torch.tensor(tokens, device=self._device),
                attention_mask=mask,
                position_ids=places,
                past_key_values=cache,
                use_cache=True,
                **self._last_only,
            )
        return out.logits[:, -1].float()


def _padded(held: Any, length: int, dim: int) -> Any:
    """With zeros before it, so that it is that long in `dim`."""
    shape = list(held.shape)
    shape[dim] = length - shape[dim]
    return torch.cat([held.new_zeros(shape), held], dim=dim) if shape[dim] else held


def _last_only(model: Any) -> dict[str, int]:
    """Logits of the last token alone, as this version of transformers is told it."""
    known = inspect.signature(model.forward).parameters
    return {name: 1 for name in ("logits_to_keep", "num_logits_to_keep") if name in known}
