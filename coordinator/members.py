"""The nodes' side of the coordinator: heartbeats in, replies out, gateways probed, time passing."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

import msgspec

from coordinator.core.call import Decisions, Target
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.core.swaps import Swaps
from coordinator.forward import Forwarder
from shared.destinations.rules import Gateways
from shared.destinations.urls import BadDestination
from shared.errors import CallerFault, NameTaken
from shared.names import NodeId
from shared.sockets import url_of
from shared.trust.certified import Certified
from shared.wire import Heartbeat, HeartbeatReply

TICK_S = 0.25
"""How often time is looked at: the grain of holding deadlines and leases."""

TOLD_OF_A_NAME = 10
"""Pairs of agents of one name that are told of; agents on ports and addresses that change would fill the log."""

OverTls = Callable[[NodeId, Certified | None], bool]
"""Whether a node's gateway speaks TLS. Raises FleetError for a beat that is not that node's."""

log = logging.getLogger("herd.members")


class Members:
    """Told of beats by the server; tells the Desk; hands what follows to the Dispatcher."""

    def __init__(
        self,
        desk: Desk,
        limits: Limits,
        forwarder: Forwarder,
        apply: Callable[[Decisions], None],
        probe_timeout_s: float,
        coordinator_id: str,
        clock: Callable[[], float] = time.monotonic,
        swaps: Swaps | None = None,
        over_tls: OverTls = lambda _node_id, _certified: False,
        gateways: Gateways = Gateways(),  # noqa: B008 - it is frozen
    ) -> None:
        """`over_tls` judges whose beats are heard."""
        self._desk = desk
        self._limits = limits
        self._forwarder = forwarder
        self._apply = apply
        self._probe_timeout_s = probe_timeout_s
        self._coordinator_id = coordinator_id
        self._clock = clock
        self._swaps = swaps or Swaps()
        self._over_tls = over_tls
        self._dismissed: set[NodeId] = set()
        self._gateways = gateways
        self._wake = asyncio.Event()
        self._decoder = msgspec.json.Decoder(Heartbeat)
        self._standings: dict[NodeId, str] = {}
        self._told_of_two: dict[NodeId, set[tuple[str, str]]] = {}

    def heard(self, body: bytes, source: str, certified: Certified | None = None) -> HeartbeatReply:
        """Takes in one beat that came from address `source`. Raises CallerFault for a bad or outdated one, Forbidden
        and NoAccess for one that is not of whom it says.
        """
        try:
            heartbeat = self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise CallerFault(f"bad heartbeat: {error}") from error
        now = self._clock()
        try:
            host = self._gateways.host(heartbeat.gateway_host, source)
        except BadDestination as error:
            raise CallerFault(f"this node's gateway is not gone to: {error}") from error
        tls = self._over_tls(NodeId(heartbeat.node_id), certified)
        address = url_of(host, heartbeat.gateway_port, tls=tls)
        try:
            self._apply(self._desk.heard(heartbeat, address, now))
        except NameTaken:
            self._tell_of_two(NodeId(heartbeat.node_id), address)
            raise
        node = self._desk.fleet.nodes[NodeId(heartbeat.node_id)]
        if node.next_probe_at <= now:
            self._wake.set()
        self._swaps.heard(node.node_id, heartbeat.swaps, now)
        standing = node.standing(now, self._limits)
        return HeartbeatReply(
            status="ok",
            node_status=standing.status,
            state=standing.state,
            reason=standing.reason,
            coordinator_id=self._coordinator_id,
            events_taken=node.events.taken,
            swaps=self._swaps.for_node(node.node_id, now),
        )

    def _tell_of_two(self, node_id: NodeId, refused: str) -> None:
        """Once for each two, not for each beat; that of the one refused tells only its own log."""
        told = self._told_of_two.setdefault(node_id, set())
        two = (self._desk.fleet.nodes[node_id].address, refused)
        if two in told or len(told) >= TOLD_OF_A_NAME:
            return
        told.add(two)
        log.warning(
            "two agents are named %s: the one at %s is heard, the one at %s, which started earlier, is refused;"
            " give one of them a --node-id",
            node_id,
            *two,
            extra={"node_id": node_id},
        )

    def dismiss(self, node_id: NodeId) -> None:
        """It is no node any more: it has left, as far as calls go, and is forgotten once the last one has ended."""
        node = self._desk.fleet.nodes.get(node_id)
        if node is not None:
            last = msgspec.structs.replace(node.heartbeat, leaving=True, seq=node.heartbeat.seq + 1)
            self._apply(self._desk.heard(last, node.address, self._clock()))
            self._dismissed.add(node_id)

    def _forget_dismissed(self, now: float) -> None:
        for node_id in list(self._dismissed):
            node = self._desk.fleet.nodes.get(node_id)
            if node is not None and node.standing(now, self._limits).status == "offline":
                if node.in_flight:
                    continue  # its connections are cut: what ran there fails in a moment
                self._apply(self._desk.removed(node_id, now))
            self._dismissed.discard(node_id)

    async def run(self) -> None:
        """For ever: leases and deadlines at each tick; probes then too, and at once when a beat calls for one."""
        async with asyncio.TaskGroup() as probes:
            while True:
                now = self._clock()
                self._apply(self._desk.expired(now))
                self._forget_dismissed(now)
                self._tell_changes(now)
                for target in self._desk.due_engines(now):
                    probes.create_task(self._ask(target))
                next_tick = now + TICK_S
                while now < next_tick:
                    for node_id in self._desk.due_probes(now):
                        probes.create_task(self._probe(node_id))
                    await self._beat_or(next_tick - now)
                    now = self._clock()

    async def _beat_or(self, seconds: float) -> None:
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _probe(self, node_id: NodeId) -> None:
        node = self._desk.fleet.nodes[node_id]
        asked = (node.address, node.heartbeat.gateway_secret)
        problem = await self._forwarder.probe(node_id, *asked, self._probe_timeout_s)
        if asked != (node.address, node.heartbeat.gateway_secret) or node_id not in self._desk.fleet.nodes:
            return  # it moved meanwhile: the answer is about somewhere else
        if problem is None:
            self._apply(self._desk.reached(node_id, self._clock()))
        else:
            self._desk.not_reached(node_id, problem)

    async def _ask(self, target: Target) -> None:
        alive = await self._forwarder.alive(target, self._probe_timeout_s)
        if not alive:
            about = {"node_id": target.node_id, "engine": target.engine}
            log.warning("%s on %s gives no sign of life", target.engine, target.node_id, extra=about)
        self._apply(self._desk.engine_told(target, self._clock(), alive=alive))

    def _tell_changes(self, now: float) -> None:
        known = self._desk.fleet.nodes
        if self._standings.keys() - known.keys():
            self._standings = {node_id: told for node_id, told in self._standings.items() if node_id in known}
        self._told_of_two = {node_id: told for node_id, told in self._told_of_two.items() if node_id in known}
        standings, limits = self._standings, self._limits
        for node_id, node in known.items():
            standing = node.standing(now, limits)
            if standings.get(node_id) == standing.state:
                continue
            self._standings[node_id] = standing.state
            level = logging.INFO if standing.status == "online" else logging.WARNING
            if standing.state == "probing":
                level = logging.INFO
            log.log(
                level,
                "node %s is %s%s",
                node_id,
                standing.state,
                f": {standing.reason}" if standing.reason else "",
                extra={"node_id": node_id},
            )
