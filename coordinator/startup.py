"""What is read before the first call: whose keys have which class, what earlier calls took. And the door is opened."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from coordinator.config import Settings
from coordinator.core.desk import Desk
from coordinator.core.latencies import KEPT
from coordinator.core.usage import HOUR_S, WEEK_HOURS
from coordinator.dialects.callers import BadLine, KeyOwner, owners_of
from coordinator.server import Server
from coordinator.trace_reader import TraceReader
from shared import __version__
from shared.adverts import coordinator_advert
from shared.destinations.rules import CONFIGURED, Gateways
from shared.destinations.urls import BadDestination, read
from shared.errors import Unavailable
from shared.mdns import Mdns
from shared.serving import serving
from shared.settings import SettingsError
from shared.sockets import only_address, url_of

CLOSE_GRACE_S = 2.0
"""After a stop: how long open answers may still be written."""

log = logging.getLogger("herd")


def owners(settings: Settings) -> dict[str, KeyOwner]:
    """API keys and their classes. Raises SettingsError for a file that cannot be read or understood."""
    path = settings.priorities()
    try:
        return owners_of(path.read_text(errors="replace"))
    except FileNotFoundError as error:
        if settings.priority_keys:
            raise SettingsError(f"FLEET_PRIORITY_KEYS: {path}: {error.strerror}") from error
        return {}
    except OSError as error:
        raise SettingsError(f"FLEET_PRIORITY_KEYS: {path}: {error.strerror}") from error
    except BadLine as error:
        raise SettingsError(f"FLEET_PRIORITY_KEYS: {path}: {error}") from error


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
