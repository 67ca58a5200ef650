"""What the coordinator proves itself by: the fleet's authority and its own certificate, in `fleet/` of its data."""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from shared.settings import SettingsError
from shared.trust.authority import Authority
from shared.trust.contexts import calling, listening
from shared.trust.held import Held
from shared.trust.leaf import new_key, public_of, renew_due, stands
from shared.trust.names import coordinator_name
from shared.trust.private_files import NotPrivate, private_directory, read_private, write_private

LOOK_EVERY_S = 60.0
"""Of a clock that stands while the machine sleeps."""

log = logging.getLogger("herd.joining")


class _Shown(NamedTuple):
    """A certificate, and TLS with it: milliseconds of work, for a thread."""

    held: Held
    listening: ssl.SSLContext
    calling: ssl.SSLContext

    @classmethod
    def of(cls, held: Held) -> "_Shown":
        """Raises OSError."""
        return cls(held, listening(held, required=False), calling(held))


class Certificates:
    """`authority` stays for the fleet's life; the contexts are made anew with each certificate."""

    def __init__(self, directory: Path, coordinator_id: str, now: Callable[[], float] = time.time) -> None:
        """Blocks for the disk, and makes what is not there. `directory`: of the fleet. Raises SettingsError."""
        self._directory = directory
        self._coordinator_id = coordinator_id
        self._now = now
        self.changed: list[Callable[[], None]] = []
        """Told when the contexts are others."""
        try:
            self._made(directory)
            self.authority = self._authority()
            self._take(_Shown.of(self._kept_leaf() or self._new_leaf()))
        except (OSError, ValueError) as error:
            raise SettingsError(f"the fleet's certificates cannot be used: {error}") from error

    async def run(self) -> None:
        """For ever: a certificate that is due is replaced."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not renew_due(self.held.certificate_pem, self._now()):
                continue
            try:
                self._take(await asyncio.to_thread(lambda: _Shown.of(self._new_leaf())))
            except (OSError, ValueError) as error:
                log.warning("this coordinator's certificate could not be renewed yet: %s", error)
                continue
            for each in self.changed:
                each()

    def _made(self, directory: Path) -> None:
        try:
            private_directory(directory)
        except NotPrivate:
            raise
        except OSError as error:
            _tell_unkept(error)

    def _keep(self, name: str, content: bytes) -> None:
        """A disk that takes nothing keeps nobody from being served now."""
        try:
            write_private(self._directory / name, content)
        except OSError as error:
            _tell_unkept(error)

    def _take(self, shown: _Shown) -> None:
        self.held, self.listening, self.calling = shown

    def _authority(self) -> Authority:
        certificate, key = (
            read_private(self._directory / name) for name in ("authority.pem", "authority.key")
        )
        if certificate is not None and key is not None:
            return Authority.load(certificate, key)
        if (
            certificate is not None
        ):  # a key alone is of a first start that was cut short: it signed nothing yet
            raise ValueError(
                f"{self._directory} has half of an authority; take it away: every node joins anew then"
            )
        made = Authority.create(self._now())
        self._keep("authority.key", made.private_pem())
        self._keep("authority.pem", made.certificate_pem)
        log.info("this fleet has an authority of its own now, in %s", self._directory)
        return made

    def _kept_leaf(self) -> Held | None:
        certificate, key = (read_private(self._directory / name) for name in ("own.pem", "own.key"))
        if certificate is None or key is None:
            return None
        held = Held(key, certificate, self.authority.certificate_pem)
        good = stands(held, coordinator_name(self._coordinator_id)) and not renew_due(
            certificate, self._now()
        )
        return held if good else None

    def _new_leaf(self) -> Held:
        key = new_key()
        name = coordinator_name(self._coordinator_id)
        certificate = self.authority.sign(public_of(key), name, now=self._now())
        self._keep("own.key", key)
        self._keep("own.pem", certificate)
        return Held(key, certificate, self.authority.certificate_pem)


def _tell_unkept(error: OSError) -> None:
    log.warning("the fleet's certificates cannot be kept: %s; nodes cannot join before they can", error)
