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
from coordinator.core.policies import POLICIES
from coordinator.dialects.bodies import Bodies
from coordinator.dialects.ollama import Ollama
from coordinator.dialects.ollama_errands import OllamaErrands
from coordinator.dialects.openai import OpenAi
from coordinator.dialects.relay import Relay
from coordinator.dispatch import Dispatcher
from coordinator.forward import Forwarder
from coordinator.members import Members
from coordinator.server import Server
from coordinator.status import StatusReader
from shared.serving import cancelled, listening
from shared.sockets import url_of

PARSER_FACTOR = 8
"""The HTTP parser reads headers up to this many times FLEET_HEADER_LIMIT, so that most get a proper answer."""
CLOSE_GRACE_S = 2.0
"""After a stop: how long open answers may still be written."""

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
    dispatcher = Dispatcher(desk, forwarder, clock)
    members = Members(desk, limits, forwarder, dispatcher.apply, settings.connect_timeout, clock)
    catalog = Catalog(desk, limits, clock)
    relay = Relay(dispatcher, settings.frame_limit, settings.whole_limit)
    bodies = Bodies(settings.bodies_limit)
    errands = OllamaErrands(forwarder, catalog, settings.frame_limit, settings.whole_limit)
    server = Server(
        [Ollama(relay, catalog, errands, bodies, settings.frame_limit), OpenAi(relay, catalog, bodies)],
        bodies,
        members,
        StatusReader(desk, limits, clock),
        body_limit=settings.body_limit,
        header_limit=settings.header_limit,
        beat_limit=settings.beat_limit,
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(forwarder.close)
        address = await stack.enter_async_context(_listening(server.app, settings))
        watch = asyncio.create_task(members.run(), name="members")
        stack.push_async_callback(cancelled, watch)
        stack.push_async_callback(dispatcher.close, settings.stop_grace)
        yield Running(address, watch)


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
