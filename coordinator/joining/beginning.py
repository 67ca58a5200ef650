"""What the coordinator has of joining as it starts: its authority, who had joined, and the file for its neighbours."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from coordinator.config import Settings
from coordinator.joining.certificates import Certificates
from coordinator.joining.joined_file import JoinedFile
from coordinator.joining.local_join import offered
from coordinator.joining.reception import Reception, Rules

DIRECTORY = "fleet"

log = logging.getLogger("herd.joining")


class Joining(NamedTuple):
    """Who is let in, and what is shown to them."""

    certificates: Certificates
    reception: Reception


async def joining_of(
    settings: Settings,
    coordinator_id: str,
    clock: Callable[[], float],
    wall_clock: Callable[[], float] = time.time,
) -> Joining:
    """Raises SettingsError where what is kept cannot be used."""
    directory = settings.directory() / DIRECTORY
    certificates = await asyncio.to_thread(Certificates, directory, coordinator_id, wall_clock)
    rules = Rules(open=settings.open, tokens=settings.tokens, pending=settings.pending_limit)
    authority = certificates.authority
    reception = Reception(authority, coordinator_id, JoinedFile(directory), rules, clock, wall_clock)
    await reception.read()
    try:
        reception.local = await asyncio.to_thread(offered, settings.directory(), authority.spki)
    except OSError as error:
        log.warning("agents of this machine join by a token or an approval only: %s", error)
    return Joining(certificates, reception)
