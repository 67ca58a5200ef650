"""Builds the coordinator from its settings and runs it. The only place that constructs."""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from aiohttp import web

from coordinator.catalog import Catalog
from coordinator.config import Settings
from coordinator.core.desk import Desk
from coordinator.core.latencies import KEPT
from coordinator.core.policies import POLICIES
from coordinator.dashboard.orders import Orders
from coordinator.dashboard.page import Page
from coordinator.dashboard.past import Past
from coordinator.dashboard.present import Present
from coordinator.dashboard.reads import Reads
from coordinator.dialects.bodies import Bodies
from coordinator.dialects.dialect import Dialect
from coordinator.dialects.ollama import Ollama
from coordinator.dialects.ollama_errands import OllamaErrands
from coordinator.dialects.openai import OpenAi
from coordinator.dialects.relay import Relay
from coordinator.dispatch import Dispatcher
from coordinator.explain.recent import Recent
from coordinator.explain.routes import Explain
from coordinator.explain.stored import Stored
from coordinator.forward import Forwarder
from coordinator.journal import Trace, write
from coordinator.members import Members
from coordinator.metrics import Metrics
from coordinator.neighbours import Neighbours
from coordinator.server import Server
from coordinator.status import StatusReader
from coordinator.trace_reader import TraceReader
from coordinator.trace_reports import TraceReports
from coordinator.traces import TraceStore
from shared import __version__
from shared.adverts import coordinator_advert
from shared.errors import Unavailable
from shared.identity import kept_id
from shared.mdns import Mdns
from shared.serving import cancelled, listening
from shared.sockets import is_loopback, only_address, url_of

PARSER_FACTOR = 8
"""The HTTP parser reads headers up to this many times FLEET_HEADER_LIMIT, so that most get a proper answer."""
CLOSE_GRACE_S = 2.0
"""After a stop: how long open answers may still be written."""
TRACES_GRACE_S = 3.0
"""After a stop: how long the last traces may take to their file."""

log = logging.getLogger("herd")


class Running(NamedTuple):
    """`address` as http://host:port; `watch` never ends by itself: if it does, nothing more is decided by time."""

    address: str
    watch: asyncio.Task[None]


@asynccontextmanager
async def coordinator(settings: Settings, clock: Callable[[], float]) -> AsyncIterator[Running]:
    """A running coordinator. Raises OSError where the port is taken."""
    limits = settings.limits()
    desk = Desk(limits, settings.weights(), clock(), POLICIES[settings.policy])
    forwarder = Forwarder(settings.connect_timeout, settings.buffer_limit)
    database = settings.database()
    store = TraceStore(
        database, settings.trace_retention_days, decision_days=settings.decision_retention_days
    )
    reader = TraceReader(database, store.suspect)
    metrics = Metrics(desk, limits, clock)
    recent = Recent(lambda call: desk.explain(call, clock()), clock)

    def record(trace: Trace) -> None:
        write(trace)
        metrics.record(trace)
        store.record(recent.noted(trace))

    dispatcher = Dispatcher(desk, forwarder, clock, record)
    identity = await asyncio.to_thread(kept_id, settings.directory() / "coordinator-id")
    neighbours = Neighbours(identity, settings.mdns_service_type, desk.fleet.nodes.keys)
    members = Members(desk, limits, forwarder, dispatcher.apply, settings.connect_timeout, identity, clock)
    catalog = Catalog(desk, limits, clock)
    relay = Relay(dispatcher, settings.frame_limit, settings.whole_limit)
    bodies = Bodies(settings.bodies_limit)
    errands = OllamaErrands(forwarder, catalog, bodies, settings.frame_limit, settings.whole_limit)
    reads, reports = Reads(), TraceReports(reader)
    past = Past(metrics, store, reader, reports, reads)
    present = Present(desk, limits, store, reports, reads, settings, socket.gethostname(), clock)
    orders = Orders(catalog, errands, bodies)
    dialects: list[Dialect] = [
        Ollama(relay, catalog, errands, bodies, settings.frame_limit),
        OpenAi(relay, catalog, bodies, settings.frame_limit),
    ]
    explain = Explain(
        dialects,
        bodies,
        lambda call: desk.explain(call, clock()),
        dispatcher.open_record,
        lambda call_id: any(each.place is None for each in desk.open_calls() if each.call.id == call_id),
        recent,
        Stored(reader),
        reads,
        clock,
    )
    server = Server(
        dialects,
        bodies,
        members,
        StatusReader(desk, limits, {"discovery": neighbours.status, "traces": store.store_status}, clock),
        [route for part in (past, present, orders, explain, Page()) for route in part.routes()],
        coordinator_id=identity,
        body_limit=settings.body_limit,
        header_limit=settings.header_limit,
        beat_limit=settings.beat_limit,
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(forwarder.close)
        await _remember(desk, reader)
        store.start()
        stack.push_async_callback(asyncio.to_thread, store.close, TRACES_GRACE_S)
        stack.callback(reads.close)
        stack.callback(reader.close)
        address = await stack.enter_async_context(_listening(server.app, settings))
        watch = asyncio.create_task(members.run(), name="members")
        stack.push_async_callback(cancelled, watch)
        stack.push_async_callback(dispatcher.close, settings.stop_grace)
        if settings.mdns and not is_loopback(address):
            _advertise(neighbours.mdns, settings, identity, address)
            stack.push_async_callback(cancelled, asyncio.create_task(neighbours.mdns.run(), name="mdns"))
        yield Running(address, watch)


def _advertise(mdns: Mdns, settings: Settings, identity: str, address: str) -> None:
    advert = coordinator_advert(
        settings.mdns_service_type,
        settings.mdns_service_name or socket.gethostname(),
        identity,
        __version__,
        urlsplit(address).port or settings.port,
        int(time.time()),
    )
    mdns.advertise(advert, only=only_address(settings.host))


async def _remember(desk: Desk, reader: TraceReader) -> None:
    """What earlier calls took, as far as the file tells."""
    try:
        known = await asyncio.to_thread(reader.latencies, KEPT)
    except Unavailable as error:
        log.warning("nothing is remembered of earlier calls: %s", error.summary)
        return
    for node_id, model, seconds in known:
        desk.remember(node_id, model, seconds)


@asynccontextmanager
async def _listening(app: web.Application, settings: Settings) -> AsyncIterator[str]:
    async with listening(
        app,
        settings.host,
        settings.port,
        logger="herd.http",
        header_limit=PARSER_FACTOR * settings.header_limit,
        shutdown_timeout=CLOSE_GRACE_S,
    ) as (host, port):
        yield url_of(host, port)
