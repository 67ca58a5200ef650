"""mDNS for both programs: advertises and browses over one Zeroconf, for ever, whatever the network does.

Addresses are looked at every few seconds; when they change everything is set up anew, so that the new ones are
announced and everybody is asked again. A failure is reported and tried again; it never ends a program.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection

from zeroconf import BadTypeInNameException, ServiceInfo, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from shared.adverts import Advert, Found, fields_of
from shared.interfaces import Address, in_use, own_addresses
from shared.serving import cancelled

LOOK_EVERY_S = 3.0
"""At this machine's addresses."""
RESOLVE_MS = 3000
MOST_FOUND = 4096
"""Adverts kept; more than so many on one network are somebody's mistake or malice."""

log = logging.getLogger("herd.mdns")


class Mdns:
    """Run it as a task. `found` is what was heard of others; `changed` is called when that changes."""

    def __init__(
        self,
        browse: Collection[str],
        changed: Callable[[], None],
        addresses: Callable[[], frozenset[Address]] = own_addresses,
    ) -> None:
        """`browse`: service types."""
        self.found: dict[str, Found] = {}
        self.here: frozenset[Address] = frozenset()
        """This machine's addresses that are used, as last looked at."""
        self.problem = ""
        """Why it does not work now; empty: it does."""
        self._browse = list(browse)
        self._changed = changed
        self._addresses = addresses
        self._advert: Advert | None = None
        self._only: str | None = None
        self._zeroconf: AsyncZeroconf | None = None
        self._browser: AsyncServiceBrowser | None = None
        self._info: ServiceInfo | None = None
        self._resolving: set[asyncio.Task[None]] = set()
        self._unresolved: set[tuple[str, str]] = set()
        self._anew = False
        self._stir = asyncio.Event()

    def advertise(self, advert: Advert, *, only: str | None = None) -> None:
        """Says this from now on instead of what was said before. `only`: the one address that is listened on."""
        if (advert, only) != (self._advert, self._only):
            self._advert, self._only = advert, only
            self._stir.set()

    @property
    def advertised(self) -> list[str]:
        """The addresses that others are told now."""
        return self._info.parsed_addresses() if self._info else []

    def search(self) -> None:
        """Forgets what was heard and asks everybody again."""
        self._anew = True
        self._stir.set()

    async def run(self) -> None:
        """For ever; says goodbye at its end."""
        try:
            while True:
                self._stir.clear()
                await self._tend()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY_S):
                        await self._stir.wait()
        finally:
            await self._close()

    async def _tend(self) -> None:
        here = frozenset(in_use(self._addresses()))
        try:
            if self._zeroconf is None or here != self.here or self._anew:
                await self._close()
                await self._open(here)
            else:
                # Picks up an address that could not be bound yet when it appeared; else does nothing.
                await self._zeroconf.async_update_interfaces()
                await self._announce(self._zeroconf)
            self._resolve_again()
        except Exception as error:  # a library meets a network in any state: reported, and tried again
            self._tell(str(error) or type(error).__name__)
            await self._close()
        else:
            self._tell("")

    async def _open(self, here: frozenset[Address]) -> None:
        self.here, self._anew = here, False
        if self.found:
            self.found.clear()
            self._changed()
        if not here:
            raise OSError("no network interface is up")
        ipv4 = [address.ip for address in here if address.value.version == 4]
        ipv6 = sorted({address.index for address in here if address.value.version == 6})
        self._zeroconf = AsyncZeroconf(interfaces=[*ipv4, *ipv6])
        self._browser = AsyncServiceBrowser(self._zeroconf.zeroconf, self._browse, handlers=[self._heard])
        await self._announce(self._zeroconf)

    async def _announce(self, zeroconf: AsyncZeroconf) -> None:
        if self._advert is None:
            return
        made = _service(self._advert, [self._only] if self._only else sorted(each.ip for each in self.here))
        if self._info is None:
            announcing = await zeroconf.async_register_service(made, allow_name_change=True)
        elif (made.text, made.port) != (self._info.text, self._info.port):
            made.name = self._info.name  # it may have been renamed
            announcing = await zeroconf.async_update_service(made)
        else:
            return
        self._info = made
        await announcing

    def _heard(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        if state_change is ServiceStateChange.Removed:
            self._unresolved.discard((service_type, name))
            if self.found.pop(name, None) is not None:
                self._changed()
        elif not self._is_own(name) and len(self._unresolved) < MOST_FOUND:
            self._unresolved.add((service_type, name))
            self._resolve(service_type, name, zeroconf)

    def _is_own(self, name: str) -> bool:
        own = self._info.name if self._info else self._advert.name if self._advert else ""
        return name.lower() == own.lower()

    def _resolve_again(self) -> None:
        if self._zeroconf is not None and not self._resolving:
            for kind, name in list(self._unresolved):
                self._resolve(kind, name, self._zeroconf.zeroconf)

    def _resolve(self, kind: str, name: str, zeroconf: Zeroconf) -> None:
        task = asyncio.create_task(self._resolved(kind, name, zeroconf), name="mdns-resolve")
        self._resolving.add(task)
        task.add_done_callback(self._resolving.discard)

    async def _resolved(self, kind: str, name: str, zeroconf: Zeroconf) -> None:
        try:
            info = AsyncServiceInfo(kind, name)
        except BadTypeInNameException as error:  # anybody may say anything; asking again would not mend it
            self._unresolved.discard((kind, name))
            log.debug("%r is no name of a service: %s", name, error)
            return
        try:
            complete = await info.async_request(zeroconf, RESOLVE_MS)
        except Exception as error:  # as in _tend; asked again at the next look
            log.debug("%s cannot be resolved: %s", name, error)
            return
        if not complete or self._is_own(name) or info.port is None:
            return
        self._unresolved.discard((kind, name))
        addresses = tuple(sorted(info.parsed_scoped_addresses()))
        found = Found(kind, name, addresses, info.port, fields_of(info.properties))
        if self.found.get(name) != found and (name in self.found or len(self.found) < MOST_FOUND):
            self.found[name] = found
            self._changed()

    async def _close(self) -> None:
        zeroconf, browser = self._zeroconf, self._browser
        self._zeroconf = self._browser = self._info = None
        self._unresolved.clear()
        await cancelled(*self._resolving)
        try:
            if browser is not None:
                await browser.async_cancel()
            if zeroconf is not None:
                await zeroconf.async_close()
        except Exception as error:  # as in _tend; it is given up anyway
            log.debug("mDNS did not close well: %s", error)

    def _tell(self, problem: str) -> None:
        if problem == self.problem:
            return
        self.problem = problem
        if problem:
            log.warning("mDNS does not work now, it is tried again: %s", problem)
        else:
            log.info("mDNS works")


def _service(advert: Advert, addresses: list[str]) -> ServiceInfo:
    return ServiceInfo(
        advert.kind,
        advert.name,
        port=advert.port,
        properties=advert.fields,
        parsed_addresses=addresses,
        server=f"{advert.label}.local.",
    )
