"""Which sensor speaks for the machine, and what feeds it."""

from typing import NamedTuple

import msgspec

from agent.sensors.climate import fed_by, power, thermal, warmest
from shared.wire import Power, Thermal


class Part(NamedTuple):
    """A sensor as psutil shows it."""

    label: str
    current: float


class Cell(NamedTuple):
    """A battery as psutil shows it."""

    percent: float
    power_plugged: bool | None


def test_the_warmest_part_of_the_processor() -> None:
    disk = [Part("Composite", 91.0)]
    cores = [Part("Package id 0", 64.0), Part("Core 0", 66.0), Part("", 0.0), Part("broken", 4e9)]
    assert warmest({"nvme": disk, "coretemp": cores, "acpitz": [Part("", 70.0)]}) == Thermal(
        temperature_c=66.0, source="coretemp Core 0"
    )
    assert warmest({"acpitz": [Part("", 41.0)]}) == Thermal(temperature_c=41.0, source="acpitz")
    assert warmest({"nvme": disk}) == warmest({"k10temp": [Part("", 0.0)]}) == warmest({}) == Thermal()


def test_what_feeds_the_machine() -> None:
    assert fed_by(None) == Power()
    assert fed_by(Cell(100.4, False)) == Power(on_battery=True, battery_pct=100.0)
    assert fed_by(Cell(80, True)) == Power(on_battery=False, battery_pct=80.0)
    assert fed_by(Cell(80, None)) == Power(battery_pct=80.0)


def test_this_machines_own_pass_the_wires_limits() -> None:
    for reading in (thermal(), power()):
        assert msgspec.json.decode(msgspec.json.encode(reading), type=type(reading)) == reading
