"""How warm the machine is and what feeds it. Most servers tell the first, only laptops the second."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import psutil

from agent.sensors.bounds import celsius, percent, text
from shared.wire import Power, Thermal

PROCESSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal", "soc_thermal", "acpitz")
"""Sensors that speak for the processor, the best first; others (disks, radios) speak for themselves."""


class Probe(Protocol):
    """One sensor of a chip."""

    @property
    def label(self) -> str:
        """Which part of it; may be empty."""

    @property
    def current(self) -> float:
        """Degrees Celsius."""


class Battery(Protocol):
    """What a battery says."""

    @property
    def percent(self) -> float:
        """How full it is."""

    @property
    def power_plugged(self) -> bool | None:
        """None: unknown."""


def thermal() -> Thermal:
    """Of this moment; empty where nothing can be read. May block."""
    read = getattr(psutil, "sensors_temperatures", None)  # Linux and FreeBSD have it
    try:
        return warmest(read() if read else {})
    except (OSError, RuntimeError, ValueError):
        return Thermal()


def power() -> Power:
    """Of this moment; empty where there is no battery. May block."""
    read = getattr(psutil, "sensors_battery", None)
    try:
        return fed_by(read() if read else None)
    except (OSError, RuntimeError, ValueError):
        return Power()


def warmest(chips: Mapping[str, Sequence[Probe]]) -> Thermal:
    """The warmest part of the processor."""
    for chip in PROCESSORS:
        # A sensor that is not wired reads 0, or as cold as it can.
        told = [probe for probe in chips.get(chip, ()) if probe.current > 0 and celsius(probe.current)]
        if told:
            probe = max(told, key=lambda each: each.current)
            return Thermal(temperature_c=probe.current, source=text(f"{chip} {probe.label}"))
    return Thermal()


def fed_by(battery: Battery | None) -> Power:
    """Mains or battery."""
    if battery is None:
        return Power()
    on_battery = None if battery.power_plugged is None else not battery.power_plugged
    return Power(on_battery=on_battery, battery_pct=percent(battery.percent))
