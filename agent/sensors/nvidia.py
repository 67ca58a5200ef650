"""NVIDIA GPUs through NVML. What the driver refuses is None; what it cannot do at all is a reason."""

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

from agent.sensors.bounds import celsius, count, percent, text, watts
from agent.sensors.links import bus_address, nvlinks, pcie
from shared.wire import Gpu, GpuLink

LINKS_AGE_S = 60.0
"""Links are told from memory for so long: a card may have dozens, and each is two questions to the driver."""


class Nvidia:
    """The driver's library, entered at the first reading and again after a failure (a driver that was reloaded)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entered = False
        self._links: dict[str, tuple[float, list[GpuLink] | None]] = {}
        self._totals: dict[str, int] = {}
        """VRAM by UUID: a card keeps its size while it refuses to tell what is free."""
        self.by_process: Mapping[str, Mapping[int, int]] = {}
        """Bytes by UUID and process, of the last reading; without processes of which the driver does not tell it."""

    def read(self) -> tuple[list[Gpu], str]:
        """The GPUs, and why there are none or some are missing. Raises nothing. May block."""
        try:
            import pynvml
        except ImportError as error:
            return [], str(error)
        try:
            self._enter(pynvml)
            return self._all(pynvml)
        except pynvml.NVMLError as error:
            self._leave(pynvml)
            return [], str(error)

    def _enter(self, nvml: ModuleType) -> None:
        if not self._entered:
            nvml.nvmlInit()
            self._entered = True

    def _leave(self, nvml: ModuleType) -> None:
        if self._entered:
            with contextlib.suppress(nvml.NVMLError):
                nvml.nvmlShutdown()
        self._entered = False
        self._links.clear()

    def _all(self, nvml: ModuleType) -> tuple[list[Gpu], str]:
        gpus, reason = [], ""
        taken: dict[str, Mapping[int, int]] = {}
        for index in range(nvml.nvmlDeviceGetCount()):
            try:
                gpus.append(self._one(nvml, index, taken))
            except nvml.NVMLError as error:  # one card that fell off its bus hides no other
                _raise_if_driver_failed(nvml, error)
                reason = f"GPU {index}: {error}"
        self.by_process = taken
        return gpus, reason

    def _one(self, nvml: ModuleType, index: int, taken: dict[str, Mapping[int, int]]) -> Gpu:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)

        def ask(function: Callable[..., Any], *arguments: object) -> Any:
            return _asked(nvml, function, handle, *arguments)

        uuid = text(ask(nvml.nvmlDeviceGetUUID))
        memory = ask(nvml.nvmlDeviceGetMemoryInfo)
        rates = ask(nvml.nvmlDeviceGetUtilizationRates)
        power_mw = ask(nvml.nvmlDeviceGetPowerUsage)
        processes = ask(nvml.nvmlDeviceGetComputeRunningProcesses)
        taken[uuid] = _sizes(processes or [])
        place = ask(nvml.nvmlDeviceGetPciInfo)
        generation = ask(nvml.nvmlDeviceGetCurrPcieLinkGeneration)
        return Gpu(
            index=index,
            uuid=uuid,
            bus="" if place is None else bus_address(place.busId),
            name=text(ask(nvml.nvmlDeviceGetName)),
            vram_total_bytes=self._total(uuid or str(index), memory),
            vram_used_bytes=None if memory is None else count(memory.used),
            vram_free_bytes=0 if memory is None else count(memory.free) or 0,
            utilization_pct=None if rates is None else percent(rates.gpu),
            temperature_c=celsius(ask(nvml.nvmlDeviceGetTemperature, nvml.NVML_TEMPERATURE_GPU)),
            power_watts=None if power_mw is None else watts(power_mw / 1000),
            processes=None if processes is None else len(processes),
            pcie=pcie(generation, ask(nvml.nvmlDeviceGetCurrPcieLinkWidth)),
            links=self._links_of(nvml, ask, uuid or str(index)),
        )

    def _links_of(self, nvml: ModuleType, ask: Callable[..., Any], card: str) -> list[GpuLink] | None:
        now = self._clock()
        asked, known = self._links.get(card, (-LINKS_AGE_S, None))
        if now - asked >= LINKS_AGE_S:
            asked, known = now, nvlinks(nvml, ask)
            self._links[card] = asked, known
        return known

    def _total(self, card: str, memory: Any) -> int:
        if memory is not None:
            self._totals[card] = count(memory.total) or 0
        return self._totals.get(card, 0)


def driver_version() -> str:
    """Of NVIDIA's driver; empty: there is none that tells."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # the binding, its library or the driver is missing
        return ""
    try:
        return text(pynvml.nvmlSystemGetDriverVersion())
    except pynvml.NVMLError:
        return ""
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _sizes(processes: Iterable[Any]) -> dict[int, int]:
    """A process may be told of more than once."""
    found: dict[int, int] = {}
    for each in processes:
        if each.usedGpuMemory is not None:
            found[each.pid] = found.get(each.pid, 0) + (count(each.usedGpuMemory) or 0)
    return found


def _asked(nvml: ModuleType, function: Callable[..., Any], *arguments: object) -> Any:
    """One reading; None where it is refused, by MIG or unified memory or an old driver."""
    try:
        return function(*arguments)
    except nvml.NVMLError as error:
        _raise_if_driver_failed(nvml, error)
    except UnicodeDecodeError:
        pass
    return None


def _raise_if_driver_failed(nvml: ModuleType, error: Exception) -> None:
    """The driver is gone, not just this reading."""
    gone = (nvml.NVML_ERROR_UNINITIALIZED, nvml.NVML_ERROR_DRIVER_NOT_LOADED)
    if getattr(error, "value", None) in gone:
        raise error
