"""The client's part of TLS: nothing is asked of whoever is not the one that was looked for."""

import asyncio
import ssl
from collections.abc import Callable

from shared.http1.faults import WrongPeer
from shared.http1.secured import Secured
from shared.trust.certified import Certified


class Handshake:
    """On a connection that is about to be made."""

    def __init__(
        self,
        context: ssl.SSLContext,
        within: asyncio.Protocol,
        accepts: Callable[[Certified | None], bool],
        *,
        host: str | None,
    ) -> None:
        """`within`: what speaks after it. `accepts`: judges whom the other end proved to be. `host`: whom a public
        certificate must name.
        """
        self.secured = Secured(context, self._shaken, self._failed, server_side=False, host=host)
        """The connection's own protocol."""
        self._within = within
        self._accepts = accepts
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._over.add_done_callback(_heard)

    async def over(self) -> Certified | None:
        """Once it is: whom the other end proved to be. Raises WrongPeer, and OSError where there was none; cancelled,
        it ends the connection.
        """
        try:
            await self._over
        except BaseException:
            self.secured.abort()
            raise
        return self.secured.certified

    def _shaken(self, secured: Secured) -> asyncio.Protocol | None:
        if not self._accepts(secured.certified):
            self._tell(WrongPeer(f"it is {_called(secured.certified)}, and not who was looked for"))
            return None
        if not self._over.done():
            self._over.set_result(None)
        return self._within

    def _failed(self, why: Exception | None) -> None:
        if isinstance(why, OSError):
            self._tell(why)
        else:
            self._tell(ConnectionResetError("the connection was closed within the handshake of TLS"))

    def _tell(self, fault: Exception) -> None:
        if not self._over.done():
            self._over.set_exception(fault)


def _called(peer: Certified | None) -> str:
    return peer.name if peer else "nobody of this fleet"


def _heard(over: asyncio.Future[None]) -> None:
    """Whoever was cancelled while the connection was made asks no more how it went."""
    if not over.cancelled():
        over.exception()
