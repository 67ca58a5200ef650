"""Ctrl-C and SIGTERM of a program that starts others: real signals to this process."""

import signal

import pytest

from coordinator.interrupts import Interrupts, interruptible

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def starting(interrupts: Interrupts, number: signal.Signals, reached: list[str], error: str = "") -> None:
    """Gets a signal in a block that holds it back, and says how far it came."""
    with interrupts.held_back():
        signal.raise_signal(number)
        reached.append("block")
        if error:
            raise OSError(error)
    reached.append("after")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_interrupts_at_once(number: signal.Signals) -> None:
    with interruptible(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


@pytest.mark.parametrize("number", SIGNALS)
def test_one_that_is_held_back_interrupts_after_the_block(number: signal.Signals) -> None:
    reached: list[str] = []
    with interruptible() as interrupts, pytest.raises(KeyboardInterrupt):
        starting(interrupts, number, reached)
    assert reached == ["block"]


def test_a_block_that_nothing_interrupts_ends_as_it_would() -> None:
    with interruptible() as interrupts:
        with interrupts.held_back():
            pass
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_what_went_wrong_in_the_block_is_told_first() -> None:
    with interruptible() as interrupts, pytest.raises(OSError, match="no such program"):
        starting(interrupts, signal.SIGTERM, [], error="no such program")


def test_afterwards_signals_are_handled_as_before() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with interruptible():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before
