"""Builds the agent from its settings and runs it. The only place that constructs."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from agent.addresses import COORDINATOR_PORT, NoAddress, base_url, ollama_url
from agent.capacity.sampling import Sampler
from agent.capacity.watch import Watch
from agent.choosing import Choice
from agent.config import Settings, StartError
from agent.control import FILE as CONTROL
from agent.control import ControlFile, watched
from agent.drain import OwnDrain
from agent.engine_calls import engine_calls
from agent.engines.engine import Engine
from agent.engines.wanted import WantedError
from agent.exposure import Exposure
from agent.gateway import Gateway
from agent.granting import Account, machine
from agent.joining.beginning import reachable
from agent.joining.plain import Plain
from agent.joining.ties import Ties
from agent.link import Link
from agent.live import Live
from agent.presence import own
from agent.reloading import Reloading
from agent.report import Reporter
from agent.route import Discovered, Fixed, Route
from agent.sensors.gpu import GpuSensor
from agent.sensors.host import HostSensor
from agent.sessions import control_session, engine_session
from agent.supervision.events import Events
from agent.swapping import room
from agent.swapping.change import Change
from agent.swapping.orders import Orders
from agent.swapping.roster import Roster
from shared import __version__
from shared.adverts import node_advert
from shared.collecting import collect_seldom
from shared.identity import kept_id
from shared.lifetime import hangups, told_to_stop
from shared.live_settings import LiveSettings
from shared.mdns import Mdns
from shared.notices import notify
from shared.serving import cancelled
from shared.settings import Resolved
from shared.sockets import is_loopback, only_address
from shared.wire import HeartbeatReply

LOCAL_URL = f"http://127.0.0.1:{COORDINATOR_PORT}"
"""Where a coordinator of this machine would be, also one that listens on loopback only and is not advertised."""
CUT_GRACE_S = 1.0
"""For telling the coordinator which calls are ended."""

log = logging.getLogger("herd-node")


async def run_agent(
    settings: Settings,
    read: Callable[[], Resolved[Settings]],
    set_levels: Callable[[str, str], None],
    *,
    with_parent: bool,
) -> None:
    """Until it is told to stop; then drains. `read` gives the settings anew, at SIGHUP. Raises StartError."""
    router_url = _router_url(settings)
    data_dir, secret = _node_directory(settings), secrets.token_urlsafe(32)
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(engine_session(settings.connect_timeout))
        control = await stack.enter_async_context(control_session())
        gpu = GpuSensor()
        await gpu.gpus()  # a driver takes a while to wake: not within an engine's look
        events = Events()
        watch = Watch(data_dir)
        account = Account(data_dir, gpu, lambda: engines, watch.capacity, settings.model_memory_cap)
        choice = _choice(settings, session, data_dir, gpu, events, account)
        engines = await _engines(choice)

        async def announce() -> None:
            await link.announce()

        calls = await stack.enter_async_context(engine_calls(settings.connect_timeout))
        gateway = Gateway(settings.name, secret, engines, calls, settings.body_limit, announce)
        reached = reachable(gateway.server(), settings, data_dir, Plain(control))
        ties, port = await stack.enter_async_context(reached)
        host = HostSensor(data_dir, measure_memory=settings.measure_memory)

        change = _change(settings, engines, host, gpu, gateway, announce, events)
        orders = Orders(engines, change, account.reports, session, lambda: link.wake())  # noqa: PLW0108 - made below
        exposure = Exposure(engines, session, settings.exposure_interval, lambda: link.wake())  # noqa: PLW0108
        reporter = Reporter(
            settings.name,
            time.time_ns() // 1_000_000,
            secret,
            settings.advertise,
            host,
            gpu,
            engines.values(),
            lambda: gateway.draining,
            watch.capacity,
            events,
            lambda report: exposure.told(change.told(report)),
            orders.states,
        )
        sampler = (
            Sampler(machine(host, gpu, reporter, engines), gateway)
            if settings.enable_capacity_learning
            else None
        )
        wake = asyncio.Event()
        mdns = Mdns([settings.mdns_service_type], wake.set)
        route = _route(
            settings, router_url, mdns, ties, port, await asyncio.to_thread(kept_id, data_dir / "id")
        )

        def taken(reply: HeartbeatReply) -> None:
            reporter.taken(reply)
            orders.taken(reply.swaps)

        beat = account.observing(lambda: reporter.beat(port))
        link = Link(route, beat, ties, settings.heartbeat_interval, wake, taken)
        drained, asked = OwnDrain(gateway, link.wake, data_dir, own()), ControlFile(data_dir / CONTROL)
        await change.began(choice.places.values())
        now = await asked.control()
        await drained.look(now)  # before the first beat
        reloading = Reloading(choice.wish, choice.others, orders, data_dir, now.reload)
        stack.push_async_callback(engines.stop)
        for name, work in (
            ("control", watched(asked, drained.look, reloading.look)),
            ("swaps", orders.run()),
            ("exposure", exposure.run()),
            ("reloads", reloading.run()),
        ):
            stack.push_async_callback(cancelled, asyncio.create_task(work, name=name))
        stack.push_async_callback(watch.end)
        await watch.begin(sampler, link.wake)
        if settings.mdns and not is_loopback(router_url):
            stack.push_async_callback(cancelled, asyncio.create_task(mdns.run(), name="mdns"))

        live = Live(settings, read, set_levels, link, change, reloading)
        await stack.enter_async_context(hangups(live.hung_up))
        await _serve(live.settings, engines, gateway, reporter, link, port, with_parent=with_parent)


def _change(
    settings: Settings,
    engines: Roster,
    host: HostSensor,
    gpu: GpuSensor,
    gateway: Gateway,
    announce: Callable[[], Awaitable[None]],
    events: Events,
) -> Change:
    """Of the engines that are started here, in this machine's memory."""

    async def has_room(wanted_bytes: int) -> bool:
        return room.has_room(wanted_bytes, host.memory(), await gpu.gpus())

    drain_s = settings.drain_timeout
    return Change(engines, has_room, gateway.cut, announce, events, drain_s, beside=settings.swap_beside)


def _route(settings: Settings, router_url: str, mdns: Mdns, ties: Ties, port: int, mark: str) -> Route:
    """To the coordinator; whichever it is, this node is advertised as with it."""
    only = only_address(settings.gateway_host)

    def with_coordinator(coordinator_id: str) -> None:
        mdns.advertise(node_advert(settings.name, mark, __version__, port, coordinator_id), only=only)

    with_coordinator("")
    if router_url:
        return Fixed(router_url, with_coordinator)
    return Discovered(
        *(mdns, ties.id_at, LOCAL_URL, with_coordinator),
        bound=lambda: ties.coordinator_id,
        picky=lambda: ties.picky,
    )


def _router_url(settings: Settings) -> str:
    """Empty: mDNS finds one. Raises StartError."""
    try:
        router_url = base_url(settings.router_url, COORDINATOR_PORT) if settings.router_url else ""
    except NoAddress as error:
        raise StartError(str(error)) from error
    if not router_url and not settings.mdns:
        raise StartError("which coordinator? without mDNS give --router-url http://HOST:11435")
    return router_url


def _node_directory(settings: Settings) -> Path:
    """This agent's own, so that several agents of one user live side by side."""
    directory = Path(settings.data_dir).expanduser() / "nodes" / settings.name
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"no place for this node's data: {error}; another place: --data-dir") from error
    return directory


async def _serve(
    live: LiveSettings[Settings],
    engines: Roster,
    gateway: Gateway,
    reporter: Reporter,
    link: Link,
    port: int,
    *,
    with_parent: bool,
) -> None:
    beating = asyncio.create_task(link.run(), name="link")
    starting = asyncio.create_task(_start(engines, link), name="engines")
    collect_seldom()
    names = ", ".join(engines) or "none"
    log.info("node %s: gateway on port %d, engines: %s", live.running.name, port, names)
    notify("READY")
    try:
        why = await told_to_stop(with_parent=with_parent, unless=beating)
        notify("STOPPING")
        log.info("stopping: %s; %d calls are running", why, gateway.running)
        await _drain(gateway, link, live.running.drain_timeout, with_parent=with_parent)
    finally:
        for task in (beating, starting):
            await cancelled(task)
        await link.say_goodbye(await reporter.beat(port, leaving=True))


async def _drain(gateway: Gateway, link: Link, timeout_s: float, *, with_parent: bool) -> None:
    """Until the running calls have ended, or somebody asks a second time."""
    draining = asyncio.create_task(gateway.drain(timeout_s), name="drain")
    link.wake()
    if gateway.running:
        log.info("draining for at most %.0f s; ask again to stop at once", timeout_s)
    asked_again = asyncio.create_task(told_to_stop(with_parent=with_parent), name="asked-again")
    await asyncio.wait({draining, asked_again}, return_when=asyncio.FIRST_COMPLETED)
    for task in (draining, asked_again):
        await cancelled(task)
    if gateway.running:
        log.warning("%d calls that still run are ended", gateway.running)
        gateway.cut()
        await gateway.drain(CUT_GRACE_S)


async def _start(engines: Roster, link: Link) -> None:
    async def one(engine: Engine) -> None:
        try:
            await engine.start()
        except OSError:
            log.exception("engine %s cannot be started", engine.name)
        link.wake()

    await asyncio.gather(*(one(engine) for engine in engines.values()))


def _choice(
    settings: Settings,
    session: aiohttp.ClientSession,
    data_dir: Path,
    gpu: GpuSensor,
    events: Events,
    account: Account,
) -> Choice:
    try:
        url = ollama_url(settings.ollama_host)
        return Choice(settings, session, data_dir, gpu, url, events, admission=account.admission)
    except NoAddress as error:
        raise StartError(str(error)) from error


async def _engines(choice: Choice) -> Roster:
    try:
        return Roster(await choice.engines())
    except WantedError as error:
        raise StartError(str(error)) from error
