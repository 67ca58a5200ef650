"""Sensors and engines -> one Heartbeat."""

import asyncio
from collections.abc import Callable, Iterable

import msgspec

from agent.engines.engine import Engine
from agent.sensors.gpu import GpuSensor
from agent.sensors.hardware import with_gpus, with_measured
from agent.sensors.host import HostSensor, Surroundings
from agent.supervision.events import Events
from shared import __version__
from shared.swaps import SwapState
from shared.wire import EVENTS_A_BEAT, Capacity, Gpu, Hardware, Heartbeat, HeartbeatReply
from shared.wire import Engine as Report


class Reporter:
    """Makes beats for one agent; `epoch` (ms) tells this process from earlier ones."""

    def __init__(
        self,
        node_id: str,
        epoch: int,
        secret: str,
        advertise: str,
        host: HostSensor,
        gpu: GpuSensor,
        engines: Iterable[Engine],
        draining: Callable[[], bool],
        capacity: Callable[[], Capacity | None] = lambda: None,
        events: Events | None = None,
        adjusted: Callable[[Report], Report] = lambda report: report,
        swaps: Callable[[], list[SwapState]] = list,
    ) -> None:
        """`adjusted`: what else is known of an engine than it tells. `swaps`: how orders stand."""
        self._node_id = node_id
        self._epoch = epoch
        self._secret = secret
        self._advertise = advertise
        self._host = host
        self._gpu = gpu
        self._engines = engines  # one may be another one by the next beat
        self._adjusted = adjusted
        self._swaps = swaps
        self._draining = draining
        self._capacity = capacity
        self._events = Events() if events is None else events
        self._events_taken = 0
        self._hardware: Hardware = host.hardware()
        self._seq = 0
        self._last_up: dict[str, Report] = {}
        self._told: list[Report] = []

    async def beat(self, gateway_port: int, *, leaving: bool = False) -> Heartbeat:
        """Readings of this moment. All are asked side by side, so that a slow one delays no other."""
        looked, (around, gpus) = await asyncio.gather(self._engines_now(leaving), self._machine_now())
        self._seq += 1
        self._told = [self._remembering(self._adjusted(report)) for report in looked]
        return Heartbeat(
            node_id=self._node_id,
            epoch=self._epoch,
            seq=self._seq,
            gateway_port=gateway_port,
            gateway_secret=self._secret,
            gateway_host=self._advertise,
            agent_version=__version__,
            draining=self._draining(),
            leaving=leaving,
            hardware=self._hardware_with(gpus),
            cpu=self._host.cpu(),
            memory=self._host.memory(),
            disk=around.disk,
            thermal=around.thermal,
            power=around.power,
            gpus=gpus,
            engines=self._told,
            capacity=self._capacity(),
            events_after=self._events_taken,
            events=self._events.after(self._events_taken, EVENTS_A_BEAT),
            swaps=self._swaps(),
        )

    def taken(self, reply: HeartbeatReply) -> None:
        """A coordinator has the last beat. One that is new, or was started anew, asks for older events again."""
        self._events_taken = reply.events_taken

    def engines(self) -> list[Report]:
        """As the last beat told them."""
        return self._told

    async def _engines_now(self, leaving: bool) -> list[Report]:
        return [] if leaving else await asyncio.gather(*(engine.look() for engine in self._engines))

    async def _machine_now(self) -> tuple[Surroundings, list[Gpu]]:
        return await asyncio.gather(self._host.surroundings(), self._gpu.gpus())

    def _hardware_with(self, gpus: list[Gpu]) -> Hardware:
        told = with_gpus(self._hardware, gpus)
        return with_measured(told, gpus, lambda: self._host.measured_gbps(told.chip))

    def _remembering(self, report: Report) -> Report:
        """An engine that is down for a moment still has its models: calls for them wait rather than get a 404."""
        if report.up:
            self._last_up[report.name] = report
            return report
        known = self._last_up.get(report.name)
        return (
            report
            if known is None
            else msgspec.structs.replace(known, up=False, reason=report.reason, replicas=[], open_at=[])
        )
