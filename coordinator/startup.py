"""What is read before the first call: whose keys have which class, and what earlier calls took."""

import asyncio
import logging
import time
from collections.abc import Callable

from coordinator.config import Settings
from coordinator.core.desk import Desk
from coordinator.core.latencies import KEPT
from coordinator.core.usage import HOUR_S, WEEK_HOURS
from coordinator.dialects.callers import BadLine, KeyOwner, owners_of
from coordinator.trace_reader import TraceReader
from shared.errors import Unavailable
from shared.settings import SettingsError

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
