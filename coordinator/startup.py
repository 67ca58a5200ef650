"""What is read before the first call: whose keys have which class, what earlier calls took. And the door is opened."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from shlex import quote
from typing import NamedTuple
from urllib.parse import urlsplit

from coordinator.access import key_file, last_use
from coordinator.access.allowances import Allowances
from coordinator.access.bad_tries import BadTries
from coordinator.access.binding import refuse_public
from coordinator.access.cors import Cors
from coordinator.access.decision import Mode
from coordinator.access.gate import Gate
from coordinator.access.hosts import Hosts
from coordinator.access.key_ring import KeyRing
from coordinator.access.key_watch import KeyWatch
from coordinator.access.logins import Logins
from coordinator.access.sessions import Sessions
from coordinator.access.slow_down import SlowDown
from coordinator.access.under_keys import UnderKeys
from coordinator.config import Settings
from coordinator.core.desk import Desk
from coordinator.core.latencies import KEPT
from coordinator.core.usage import HOUR_S, WEEK_HOURS
from coordinator.dashboard.login import Login
from coordinator.dialects.callers import BadLine, KeyOwner, owners_of
from coordinator.forward import Forwarder
from coordinator.joining.beginning import Joining
from coordinator.members import Members
from coordinator.server import Server
from coordinator.trace_reader import TraceReader
from shared import __version__
from shared.adverts import coordinator_advert
from shared.destinations.rules import CONFIGURED, Gateways
from shared.destinations.urls import BadDestination, read
from shared.errors import Unavailable
from shared.interfaces import own_addresses
from shared.mdns import Mdns
from shared.private import is_open
from shared.serving import serving
from shared.settings import SettingsError
from shared.sockets import only_address, url_of
from shared.trust.names import node_of

CLOSE_GRACE_S = 2.0
"""After a stop: how long open answers may still be written."""

log = logging.getLogger("herd")


def owners(settings: Settings) -> dict[str, KeyOwner]:
    """API keys and their classes. Raises SettingsError for a file that cannot be read or understood."""
    path = settings.priorities()
    try:
        if is_open(path):
            log.warning("others may say whose calls go first: chmod go-w %s", quote(str(path)))
        return owners_of(path.read_text(errors="replace"))
    except FileNotFoundError as error:
        if settings.priority_keys:
            raise SettingsError(f"FLEET_PRIORITY_KEYS: {path}: {error.strerror}") from error
        return {}
    except OSError as error:
        raise SettingsError(f"FLEET_PRIORITY_KEYS: {path}: {error.strerror}") from error
    except BadLine as error:
        raise SettingsError(f"FLEET_PRIORITY_KEYS: {path}: {error}") from error


class Keys(NamedTuple):
    """Callers' keys, what their calls may take, and who keeps them as the file has them."""

    ring: KeyRing
    allowances: Allowances
    under: UnderKeys
    watch: KeyWatch
    slow_down: SlowDown
    logins: Logins
    login: Login


def keys(settings: Settings, clock: Callable[[], float]) -> Keys:
    """None is known before `watch.start`."""
    directory = settings.directory()
    used = last_use.LastUse(directory / last_use.FILE)
    ring = KeyRing(used=used.used)
    allowances, under = Allowances(ring.limits, clock), UnderKeys()
    slow_down = SlowDown(BadTries(settings.bad_keys, settings.bad_key_addresses), clock)
    logins = Logins(ring, Sessions(settings.sessions, settings.session_hours * HOUR_S), slow_down)

    def gone(key_ids: set[str]) -> None:
        under.cut(key_ids)
        allowances.forget(ring.knows)
        logins.forget()

    watch = KeyWatch(key_file.KeyFile(directory / key_file.FILE), ring, used, gone)
    return Keys(ring, allowances, under, watch, slow_down, logins, Login(logins))


def gate(settings: Settings, keys: Keys) -> Gate:
    """Who may do what, as this machine and its settings say."""
    hosts = Hosts(socket.gethostname(), settings.hostnames, lambda: (each.ip for each in own_addresses()))
    mode = Mode(open=settings.open)
    return Gate(
        *(keys.ring, hosts, Cors(settings.origins), mode),
        slow_down=keys.slow_down,
        sessions=keys.logins.find,
    )


def speak(forwarder: Forwarder, members: Members, joining: Joining) -> None:
    """With nodes that have joined, over TLS; with one that was removed no more, from that moment on."""
    certificates, reception = joining

    def shows() -> None:
        forwarder.speaks(certificates.calling, lambda peer: reception.node_of(peer) is not None)

    shows()
    certificates.changed.append(shows)

    def shown_out(name: str) -> None:
        forwarder.cut(name)
        if (node_id := node_of(name)) is not None:
            members.dismiss(node_id)

    reception.removed.append(shown_out)


async def refuse_open_to_all(settings: Settings) -> None:
    """Raises SettingsError where open mode would listen on a public address."""
    if not settings.open:
        return
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            settings.host or None, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError):
        return  # a name that stands for nothing: listening on it fails, and says so
    own = [each.ip for each in await asyncio.to_thread(own_addresses)]
    refuse_public((str(bound[0]) for *_, bound in found), own)


async def remember(desk: Desk, reader: TraceReader, clock: Callable[[], float]) -> None:
    """What earlier calls took, and which models answered in the last week, as far as the file tells."""
    unix = time.time()
    try:
        known = await asyncio.to_thread(reader.latencies, KEPT)
        served = await asyncio.to_thread(reader.served, unix - WEEK_HOURS * HOUR_S, unix)
    except Unavailable as error:
        log.warning("nothing is remembered of earlier calls: %s", error.summary)
        return
    for node_id, model, seconds in known:
        desk.remember(node_id, model, seconds)
    for model, hour, calls in served:
        desk.remember_use(model, clock() - (unix - hour), calls)


def advertise(mdns: Mdns, settings: Settings, identity: str, address: str) -> None:
    """Over mDNS, from now on."""
    advert = coordinator_advert(
        settings.mdns_service_type,
        settings.mdns_service_name or socket.gethostname(),
        identity,
        __version__,
        urlsplit(address).port or settings.port,
        int(time.time()),
    )
    mdns.advertise(advert, only=only_address(settings.host))


@asynccontextmanager
async def opened(server: Server, settings: Settings) -> AsyncIterator[str]:
    """The base URL under which `server` answers until the block ends. Raises OSError where the port is taken."""
    made = await server.start()
    try:
        async with serving(made, settings.host, settings.port, CLOSE_GRACE_S) as (host, port):
            yield url_of(host, port)
    finally:
        await server.close()


def destinations(settings: Settings) -> Gateways:
    """Where nodes may be. Raises SettingsError, also for a registry that is none to be asked."""
    try:
        place = read(settings.registry_url)
        if place.address is not None and (why := CONFIGURED.why_not(place.address)):
            raise BadDestination(why)
    except BadDestination as error:
        raise SettingsError(f"FLEET_REGISTRY_URL: {error}") from error
    return Gateways(settings.networks())
