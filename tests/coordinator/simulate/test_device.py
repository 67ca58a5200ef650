"""Calls share a machine: nobody gets more than there is, and heat takes from all."""

import math

import pytest

from coordinator.simulate.device import Device, Task
from coordinator.simulate.heat import Heat


def ends(device: Device) -> dict[str, float]:
    """When each call is done, run to the end."""
    found: dict[str, float] = {}
    while (at := device.next_at()) < math.inf and len(device):
        device.advance(at)
        device.read()
        for task in device.done():
            found[task.call_id] = at
            device.remove(task.call_id)
    return found


def a_device(batching: float = 1.0, heat: Heat | None = None) -> Device:
    return Device(batching, heat or Heat(0.0, 1.0))


def test_models_take_turns() -> None:
    device = a_device()
    device.add(Task("a", "m1", 1.0, 1.0))
    device.add(Task("b", "m2", 1.0, 3.0))
    assert ends(device) == pytest.approx({"a": 4.0, "b": 6.0})
    assert device.busy_s == pytest.approx(6.0)
    assert device.work_s == pytest.approx(6.0)


@pytest.mark.parametrize(("batching", "end"), [(0.0, 5.0), (0.5, 2 + 2 * 1.5 / math.sqrt(2)), (1.0, 3.5)])
def test_batched_calls_write_more_together_but_read_no_faster(batching: float, end: float) -> None:
    device = a_device(batching)
    device.add(Task("a", "m", 1.0, 1.5))
    device.add(Task("b", "m", 1.0, 1.5))
    assert ends(device) == pytest.approx({"a": end, "b": end})


def test_a_machine_that_is_busy_for_long_becomes_slower_until_it_has_rested() -> None:
    device = a_device(heat=Heat(10.0, 0.5))
    device.add(Task("a", "m", 1.0, 14.0))
    assert ends(device) == pytest.approx({"a": 20.0})
    assert device.work_s == device.busy_s == pytest.approx(15.0)
    device.advance(device.next_at())  # it has cooled
    device.add(Task("b", "m", 1.0, 1.0))
    assert ends(device)["b"] == pytest.approx(20.0 + 2.5 + 2.0)


def test_an_owner_takes_a_part() -> None:
    device = a_device()
    device.add(Task("a", "m", 1.0, 1.0))
    device.owner_leaves(0.5)
    assert ends(device) == pytest.approx({"a": 4.0})
