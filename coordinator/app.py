"""Builds the coordinator from its settings and runs it. The only place that constructs."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import web

from coordinator.catalog import Catalog
from coordinator.config import Settings
from coordinator.core.desk import Desk
from coordinator.core.latencies import KEPT
from coordinator.core.policies import POLICIES
from coordinator.dashboard import Dashboard
from coordinator.dialects.bodies import Bodies
from coordinator.dialects.ollama import Ollama
from coordinator.dialects.ollama_errands import OllamaErrands
from coordinator.dialects.openai import OpenAi
from coordinator.dialects.relay import Relay
from coordinator.dispatch import Dispatcher
from coordinator.forward import Forwarder
from coordinator.journal import Trace, write
from coordinator.members import Members
from coordinator.metrics import Metrics
from coordinator.server import Server
from coordinator.status import StatusReader
from coordinator.trace_reader import TraceReader
from coordinator.traces import TraceStore
from shared.errors import Unavailable
from shared.serving import cancelled, listening
from shared.sockets import url_of

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
    store, reader = TraceStore(database, settings.trace_retention_days), TraceReader(database)
    metrics = Metrics(desk, limits, clock)

    def record(trace: Trace) -> None:
        write(trace)
        metrics.record(trace)
        store.record(trace)

    dispatcher = Dispatcher(desk, forwarder, clock, record)
    members = Members(desk, limits, forwarder, dispatcher.apply, settings.connect_timeout, clock)
    catalog = Catalog(desk, limits, clock)
    relay = Relay(dispatcher, settings.frame_limit, settings.whole_limit)
    bodies = Bodies(settings.bodies_limit)
    errands = OllamaErrands(forwarder, catalog, settings.frame_limit, settings.whole_limit)
    server = Server(
        [
            Ollama(relay, catalog, errands, bodies, settings.frame_limit),
            OpenAi(relay, catalog, bodies, settings.frame_limit),
        ],
        bodies,
        members,
        StatusReader(desk, limits, clock),
        Dashboard(metrics, store, reader).routes(),
        body_limit=settings.body_limit,
        header_limit=settings.header_limit,
        beat_limit=settings.beat_limit,
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(forwarder.close)
        await _remember(desk, reader)
        store.start()
        stack.push_async_callback(asyncio.to_thread, store.close, TRACES_GRACE_S)
        address = await stack.enter_async_context(_listening(server.app, settings))
        watch = asyncio.create_task(members.run(), name="members")
        stack.push_async_callback(cancelled, watch)
        stack.push_async_callback(dispatcher.close, settings.stop_grace)
        yield Running(address, watch)


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
