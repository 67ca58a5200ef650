"""mDNS for both programs: advertises and browses over one Zeroconf, for ever, whatever the network does.

Addresses are looked at every few seconds; when they change everything is set up anew, so that the new ones are
announced and everybody is asked again. A failure is reported and tried again; it never ends a program.

The library is imported when it first is needed, in a thread: 0.12 s of a start that need not wait for it, and 4 MB that
a program on loopback never holds.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection
from importlib import import_module
from typing import TYPE_CHECKING

from shared.adverts import Advert, Found, fields_of
from shared.interfaces import Address, in_use, own_addresses
from shared.serving import cancelled

if TYPE_CHECKING:
    from zeroconf import ServiceInfo, ServiceStateChange, Zeroconf
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

LOOK_EVERY_S = 3.0
"""At this machine's addresses."""
RESOLVE_MS = 3000
RESOLVE_TRIES = 3
"""A name that nobody answers for is asked so often, and again when it is announced anew."""
MOST_FOUND = 4096
"""Adverts kept; more than so many on one network are somebody's mistake or malice."""
MOST_NETWORKS = 20
"""As many as Linux lets one socket listen to (net.ipv4.igmp_max_memberships)."""

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
        self.here: list[Address] = []
        """This machine's addresses that are used, as last looked at; those of real cards first."""
        self.problem = ""
        """What does not work now; empty: all does."""
        self._browse = list(browse)
        self._changed = changed
        self._addresses = addresses
        self._advert: Advert | None = None
        self._only: str | None = None
        self._zeroconf: AsyncZeroconf | None = None
        self._browser: AsyncServiceBrowser | None = None
        self._info: ServiceInfo | None = None
        self._resolving: dict[str, asyncio.Task[None]] = {}
        self._unresolved: dict[str, tuple[str, int]] = {}
        """Name -> its service type, and how often it was asked for."""
        self._anew = False
        self._stir = asyncio.Event()

    def advertise(self, advert: Advert, *, only: str | None = None) -> None:
        """Says this from now on instead of what was said before. `only`: the one address that is listened on."""
        if (advert, only) == (self._advert, self._only):
            return
        before, self._advert = self._advert, advert
        self._anew |= before is not None and (advert.name, only) != (before.name, self._only)
        self._only = only
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
        try:
            here = in_use(await asyncio.to_thread(self._addresses))
            if self._zeroconf is None or here != self.here or self._anew:
                await self._close()
                await self._open(here)
            else:
                # Picks up an address that could not be bound yet when it appeared; else does nothing.
                await self._zeroconf.async_update_interfaces()
                await self._announce(self._zeroconf)
            self._resolve_again()
        except Exception as error:  # a library meets a network in any state: reported, and tried again
            self._tell(f"it does not work now and is tried again: {str(error) or type(error).__name__}")
            await self._close()
        else:
            self._tell(_left_out(self.here))

    async def _open(self, here: list[Address]) -> None:
        await asyncio.to_thread(import_module, "zeroconf.asyncio")
        from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

        self.here, self._anew = here, False
        if self.found:
            self.found.clear()
            self._changed()
        if not here:
            raise OSError("no network interface is up")
        ipv4 = [address.ip for address in here if address.value.version == 4][:MOST_NETWORKS]
        ipv6 = dict.fromkeys(address.index for address in here if address.value.version == 6)
        self._zeroconf = AsyncZeroconf(interfaces=[*ipv4, *list(ipv6)[:MOST_NETWORKS]])
        self._browser = AsyncServiceBrowser(self._zeroconf.zeroconf, self._browse, handlers=[self._heard])
        await self._announce(self._zeroconf)

    async def _announce(self, zeroconf: "AsyncZeroconf") -> None:
        if self._advert is None:
            return
        made = _service(self._advert, [self._only] if self._only else [each.ip for each in self.here])
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
        self, zeroconf: "Zeroconf", service_type: str, name: str, state_change: "ServiceStateChange"
    ) -> None:
        from zeroconf import ServiceStateChange

        if state_change is ServiceStateChange.Removed:
            self._unresolved.pop(name, None)
            if self.found.pop(name, None) is not None:
                self._changed()
        elif not self._is_own(name) and (name in self._unresolved or len(self._unresolved) < MOST_FOUND):
            self._unresolved[name] = service_type, 0
            self._resolve(name, zeroconf)

    def _is_own(self, name: str) -> bool:
        own = self._info.name if self._info else self._advert.name if self._advert else ""
        return name.lower() == own.lower()

    def _resolve_again(self) -> None:
        if self._zeroconf is not None:
            for name in list(self._unresolved):
                self._resolve(name, self._zeroconf.zeroconf)

    def _resolve(self, name: str, zeroconf: "Zeroconf") -> None:
        """One question at a time for each name, however often it changes."""
        if name in self._resolving:
            return
        kind, tries = self._unresolved[name]
        if tries >= RESOLVE_TRIES:
            del self._unresolved[name]
            return
        self._unresolved[name] = kind, tries + 1
        task = asyncio.create_task(self._resolved(kind, name, zeroconf), name="mdns-resolve")
        self._resolving[name] = task
        task.add_done_callback(lambda _: self._resolving.pop(name, None))

    async def _resolved(self, kind: str, name: str, zeroconf: "Zeroconf") -> None:
        from zeroconf import BadTypeInNameException
        from zeroconf.asyncio import AsyncServiceInfo

        try:
            info = AsyncServiceInfo(kind, name)
        except BadTypeInNameException as error:  # anybody may say anything; asking again would not mend it
            self._unresolved.pop(name, None)
            log.debug("%r is no name of a service: %s", name, error)
            return
        asked = self._unresolved.get(name)
        try:
            complete = await info.async_request(zeroconf, RESOLVE_MS)
        except Exception as error:  # as in _tend; asked again at the next look
            log.debug("%s cannot be resolved: %s", name, error)
            return
        if not complete or self._is_own(name) or info.port is None:
            return
        if self._unresolved.get(name) == asked:  # else it changed meanwhile, and is asked once more
            self._unresolved.pop(name, None)
        self._keep(Found(kind, name, _scoped(info), info.port, fields_of(info.properties)))

    def _keep(self, found: Found) -> None:
        known = found.name in self.found
        if self.found.get(found.name) != found and (known or len(self.found) < MOST_FOUND):
            self.found[found.name] = found
            self._changed()

    async def _close(self) -> None:
        zeroconf, browser = self._zeroconf, self._browser
        self._zeroconf = self._browser = self._info = None
        for end in (browser.async_cancel if browser else None, zeroconf.async_close if zeroconf else None):
            try:
                if end is not None:
                    await end()
            except Exception as error:  # as in _tend; it is given up anyway
                log.debug("mDNS did not close well: %s", error)
        self._unresolved.clear()
        await cancelled(*self._resolving.values())

    def _tell(self, problem: str) -> None:
        if problem == self.problem:
            return
        self.problem = problem
        if problem:
            log.warning("mDNS: %s", problem)
        else:
            log.info("mDNS works")


def _left_out(here: list[Address]) -> str:
    beyond = [address.interface for address in here if address.value.version == 4][MOST_NETWORKS:]
    if not beyond:
        return ""
    return f"this machine is in more than {MOST_NETWORKS} networks; not used: {', '.join(beyond)}"


def _scoped(info: "ServiceInfo") -> tuple[str, ...]:
    return tuple(sorted(info.parsed_scoped_addresses()))


def _service(advert: Advert, addresses: list[str]) -> "ServiceInfo":
    from zeroconf import ServiceInfo

    return ServiceInfo(
        advert.kind,
        advert.name,
        port=advert.port,
        properties=advert.fields,
        parsed_addresses=addresses,
        server=f"{advert.label}.local.",
    )
