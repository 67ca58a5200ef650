"""Sensors and engines -> one Heartbeat."""

import asyncio
from collections.abc import Callable, Iterable

from agent.engines.engine import Engine
from agent.sensors.host import HostSensor
from shared import __version__
from shared.wire import Hardware, Heartbeat


class Reporter:
    """Makes beats for one agent; `epoch` (ms) tells this process from earlier ones."""

    def __init__(
        self,
        node_id: str,
        epoch: int,
        secret: str,
        advertise: str,
        host: HostSensor,
        engines: Iterable[Engine],
        draining: Callable[[], bool],
    ) -> None:
        self._node_id = node_id
        self._epoch = epoch
        self._secret = secret
        self._advertise = advertise
        self._host = host
        self._engines = list(engines)
        self._draining = draining
        self._hardware: Hardware = host.hardware()
        self._seq = 0

    async def beat(self, gateway_port: int, *, leaving: bool = False) -> Heartbeat:
        """Readings of this moment. Engines are asked side by side, so that a slow one delays no other."""
        engines = await asyncio.gather(*(engine.look() for engine in self._engines)) if not leaving else []
        self._seq += 1
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
            hardware=self._hardware,
            cpu=self._host.cpu(),
            memory=self._host.memory(),
            disk=self._host.disk(),
            engines=list(engines),
        )
