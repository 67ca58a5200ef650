"""Builds the coordinator from its settings and runs it. The only place that constructs."""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

from coordinator.access.registries import Registries
from coordinator.catalog import Catalog
from coordinator.config import Settings
from coordinator.contexts import Contexts
from coordinator.core.desk import Desk
from coordinator.core.policies import POLICIES
from coordinator.core.swaps import Swaps
from coordinator.dashboard.context_usage import ContextUsage
from coordinator.dashboard.orders import Orders
from coordinator.dashboard.page import Page
from coordinator.dashboard.past import Past
from coordinator.dashboard.present import Present
from coordinator.dashboard.reads import Reads
from coordinator.dialects.bodies import Bodies
from coordinator.dialects.callers import Callers
from coordinator.dialects.dialect import Dialect
from coordinator.dialects.ollama import Ollama
from coordinator.dialects.ollama_errands import OllamaErrands
from coordinator.dialects.openai import OpenAi
from coordinator.dialects.relay import Relay
from coordinator.dispatch import Dispatcher
from coordinator.explain.recent import Recent
from coordinator.explain.routes import Explain
from coordinator.explain.stored import Stored
from coordinator.fleet_routes import FleetRoutes
from coordinator.forward import Forwarder
from coordinator.join_routes import JoinRoutes
from coordinator.joining.beats import BeatJudge
from coordinator.joining.beginning import Joining, joining_of
from coordinator.joining_orders import JoiningOrders
from coordinator.journal import Trace
from coordinator.kept_cordons import KeptCordons
from coordinator.lessons_file import LESSONS, LessonsFile
from coordinator.live import Live
from coordinator.members import Members
from coordinator.metrics import Metrics
from coordinator.models.beginning import Models, models_of
from coordinator.neighbours import Neighbours
from coordinator.node_orders import NodeOrders
from coordinator.recorder import Recorder
from coordinator.request_orders import RequestOrders
from coordinator.server import Server
from coordinator.startup import (
    Keys,
    advertise,
    destinations,
    gate,
    keys,
    opened,
    owners,
    refuse_open_to_all,
    remember,
    speak,
)
from coordinator.status import StatusReader
from coordinator.swap_orders import SwapOrders
from coordinator.trace_reader import TraceReader
from coordinator.trace_reports import TraceReports
from coordinator.traces import TraceStore
from coordinator.watching.feed import Feed
from coordinator.watching.routes import Events
from coordinator.watching.watch import Watch
from shared.identity import kept_id
from shared.serving import cancelled
from shared.sockets import is_loopback

TRACES_GRACE_S = 3.0
"""After a stop: how long the last traces may take to their file."""

log = logging.getLogger("herd")


class Running(NamedTuple):
    """`address` as http://host:port; `watch` never ends by itself: if it does, nothing more is decided by time."""

    address: str
    watch: asyncio.Task[None]
    live: Live
    server: Server


class _Parts(NamedTuple):
    """What has to be started, and ended."""

    desk: Desk
    forwarder: Forwarder
    reader: TraceReader
    store: TraceStore
    reads: Reads
    dispatcher: Dispatcher
    members: Members
    neighbours: Neighbours
    contexts: Contexts
    models: Models
    keys: Keys
    node_orders: NodeOrders
    lessons: LessonsFile
    feed: Feed
    server: Server
    live: Live
    identity: str
    joining: Joining


@asynccontextmanager
async def coordinator(settings: Settings, clock: Callable[[], float]) -> AsyncIterator[Running]:
    """A running coordinator. Raises OSError where the port is taken, SettingsError for a bad file of priorities, or
    open mode on a public address.
    """
    await refuse_open_to_all(settings)
    parts = await _built(settings, clock)
    async with contextlib.AsyncExitStack() as stack:
        yield await _started(parts, settings, clock, stack)


async def _built(settings: Settings, clock: Callable[[], float]) -> _Parts:
    callers = Callers(await asyncio.to_thread(owners, settings), allow_restricted=settings.allow_restricted)
    limits = settings.limits()
    desk = Desk(limits, settings.weights(), clock(), POLICIES[settings.policy], settings.pull_rules())
    gateways = destinations(settings)
    forwarder = Forwarder(settings.connect_timeout, settings.buffer_limit, gateways.told)
    database = settings.database()
    store = TraceStore(
        database, settings.trace_retention_days, decision_days=settings.decision_retention_days
    )
    reader = TraceReader(database, store.suspect)
    metrics = Metrics(desk, limits, clock)
    recent = Recent(lambda call: desk.explain(call, clock()), clock)

    def record(trace: Trace) -> None:
        recorder.record(trace)

    wishes = asyncio.Event()
    dispatcher = Dispatcher(desk, forwarder, clock, record, wishes.set)
    watch = Watch(desk, limits, dispatcher.open_records, socket.gethostname(), clock, open_mode=settings.open)
    recorder = Recorder(desk, metrics, watch, store, recent)
    feed = Feed(watch.picture, watch.look, f"{time.time_ns():x}")
    identity = await asyncio.to_thread(kept_id, settings.directory() / "coordinator-id")
    joining = await joining_of(settings, identity, clock)
    reception = joining.reception
    neighbours = Neighbours(identity, settings.mdns_service_type, desk.fleet.nodes.keys)
    swaps = Swaps()
    members = Members(
        *(desk, limits, forwarder, dispatcher.apply, settings.connect_timeout, identity, clock, swaps),
        over_tls=BeatJudge(reception, open_mode=settings.open).over_tls,
        gateways=gateways,
    )
    catalog = Catalog(desk, limits, clock)
    known_keys = keys(settings, clock)
    relay = Relay(dispatcher, callers, known_keys.allowances, settings.frame_limit, settings.whole_limit)
    bodies = Bodies(settings.bodies_limit, settings.json_depth, urls=settings.image_urls == "pass")
    errands = OllamaErrands(
        *(forwarder, catalog, bodies, settings.frame_limit, settings.whole_limit),
        Registries(settings.registry_hosts),
    )
    reads, reports = Reads(), TraceReports(reader)
    past = Past(metrics, store, reader, reports, reads)
    present = Present(desk, limits, store, reports, reads, settings, socket.gethostname(), clock)
    contexts = Contexts(
        desk,
        reports,
        settings.contexts(),
        dynamic=settings.dynamic_num_ctx,
        calculate=settings.num_ctx_auto_calculate,
    )
    usage, events = ContextUsage(contexts, reads), Events(feed, holds=known_keys.logins.holds)
    orders = Orders(catalog, errands, bodies)
    models = models_of(settings, desk, limits, forwarder, dispatcher, wishes, bodies, clock)
    if settings.preload:
        models.warmer.used = lambda since: reads(partial(reports.demand, since))
    told: dict[str, Callable[[], object]] = {
        "discovery": neighbours.status,
        "traces": store.store_status,
        "pulls": models.puller.status,
        "loads": models.loader.status,
        "pins": models.pins.status,
        "open": lambda: settings.open,
    }
    status = StatusReader(desk, limits, told, clock)
    kept = KeptCordons(settings.directory() / "nodes.json", clock)
    node_orders = NodeOrders(desk, dispatcher.apply, status, kept, bodies, settings.drain_deadline, clock)
    fleet = FleetRoutes(
        *(desk, dispatcher.apply, catalog, errands, bodies, kept),
        *(settings.directory() / "logs" / "herd.jsonl", dispatcher.open_records, clock, reception.remove),
    )
    joining_orders = JoiningOrders(reception, bodies)
    told["joining"] = joining_orders.status
    watch.pending = present.pending = joining_orders.waiting
    present.keys_unusable = lambda: known_keys.watch.unusable
    swapping = SwapOrders(desk, limits, swaps, bodies, clock)
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
        status,
        [
            route
            for part in (
                *(past, present, usage, orders, node_orders, RequestOrders(dispatcher), fleet, explain),
                *(models.pins, Page(), known_keys.login, events, swapping, joining_orders),
                JoinRoutes(reception),
            )
            for route in part.routes()
        ],
        gate(settings, known_keys),
        known_keys.under,
        open_mode=settings.open,
        coordinator_id=identity,
        body_limit=settings.body_limit,
        header_limit=settings.header_limit,
        beat_limit=settings.beat_limit,
        joining=joining,
        header_time_s=settings.header_time,
        per_address=settings.connections_per_address,
        welcome=known_keys.login.welcome,
    )
    return _Parts(
        desk,
        forwarder,
        reader,
        store,
        reads,
        dispatcher,
        members,
        neighbours,
        contexts,
        models,
        known_keys,
        node_orders,
        LessonsFile(settings.directory() / LESSONS, desk.lessons),
        feed,
        server,
        Live(limits, callers, present),
        identity,
        joining,
    )


async def _started(
    parts: _Parts, settings: Settings, clock: Callable[[], float], stack: contextlib.AsyncExitStack
) -> Running:
    """Everything runs when this returns; `stack` ends it."""
    stack.push_async_callback(parts.forwarder.close)
    speak(parts.forwarder, parts.members, parts.joining)
    renewing = asyncio.create_task(parts.joining.certificates.run(), name="certificates")
    stack.push_async_callback(cancelled, renewing)
    stack.push_async_callback(parts.models.registry.close)
    await remember(parts.desk, parts.reader, clock)
    parts.desk.recall(await parts.lessons.read())
    await parts.node_orders.remember()
    await asyncio.to_thread(parts.models.pins.read)
    await parts.keys.watch.start()
    parts.store.start()
    stack.push_async_callback(asyncio.to_thread, parts.store.close, TRACES_GRACE_S)
    stack.callback(parts.reads.close)
    stack.callback(parts.reader.close)
    address = await stack.enter_async_context(opened(parts.server, settings))
    watch = asyncio.create_task(parts.members.run(), name="members")
    stack.push_async_callback(cancelled, watch)
    for part in (
        *(parts.feed, parts.contexts, parts.lessons, parts.models.puller, parts.models.warmer),
        parts.keys.watch,
    ):
        stack.push_async_callback(cancelled, asyncio.create_task(part.run(), name=type(part).__name__))
    stack.push_async_callback(parts.dispatcher.close, settings.stop_grace)
    mdns = parts.neighbours.mdns
    if settings.mdns and not is_loopback(address):
        advertise(mdns, settings, parts.identity, address)
        stack.push_async_callback(cancelled, asyncio.create_task(mdns.run(), name="mdns"))
    return Running(address, watch, parts.live, parts.server)
