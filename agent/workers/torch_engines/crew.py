"""Several ranks that compute one model: rank 0 says what, all of them do it.

What is said goes over a group of its own on the processor (gloo), whatever the model's own collectives use, and waits
without spinning.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NoReturn

import torch
from torch import distributed

from .turns import Machine

LEADER = 0


class Order(IntEnum):
    """What a Machine does."""

    PREFILL = 1
    JOIN = 2
    DROP = 3
    STEP = 4
    KEEP = 5


class Led:
    """The leader's: says each order to the others, then does it."""

    def __init__(self, machine: Machine, group: Any) -> None:
        self._machine, self._group = machine, group

    def prefill(self, tokens: list[int]) -> Any:
        """As in Machine."""
        return self._all(Order.PREFILL, tokens)

    def join(self) -> None:
        """As in Machine."""
        self._all(Order.JOIN, [])

    def drop(self) -> None:
        """As in Machine."""
        self._all(Order.DROP, [])

    def step(self, tokens: list[int]) -> Any:
        """As in Machine."""
        return self._all(Order.STEP, tokens)

    def keep(self, rows: list[int]) -> None:
        """As in Machine."""
        self._all(Order.KEEP, rows)

    def _all(self, order: Order, numbers: list[int]) -> Any:
        distributed.broadcast(torch.tensor([order, len(numbers)]), LEADER, group=self._group)
        if numbers:
            distributed.broadcast(torch.tensor(numbers), LEADER, group=self._group)
        return done(self._machine, order, numbers)


def follow(machine: Machine, group: Any) -> NoReturn:
    """What every other rank does, for ever."""
    while True:
        head = torch.zeros(2, dtype=torch.long)
        distributed.broadcast(head, LEADER, group=group)
        order, count = head.tolist()
        numbers = torch.zeros(count, dtype=torch.long)
        if count:
            distributed.broadcast(numbers, LEADER, group=group)
        done(machine, Order(order), numbers.tolist())


def done(machine: Machine, order: Order, numbers: list[int]) -> Any:
    """One order, carried out."""
    if order is Order.PREFILL:
        return machine.prefill(numbers)
    if order is Order.STEP:
        return machine.step(numbers)
    if order is Order.KEEP:
        return machine.keep(numbers)
    return machine.join() if order is Order.JOIN else machine.drop()
