"""How many connections one address has open: no stranger takes all that there are."""

from collections import Counter
from collections.abc import Hashable

_OURS = ("127.", "::1", "::ffff:127.")


class Crowd:
    """`most` of one address; this machine's own are not counted. 0: any number."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_address: Counter[str] = Counter()
        self._addresses: dict[Hashable, str] = {}

    def enters(self, connection: Hashable, address: str) -> bool:
        """Whether there is room for it."""
        if not self._most or address.startswith(_OURS):
            return True
        if self._by_address[address] >= self._most:
            return False
        self._by_address[address] += 1
        self._addresses[connection] = address
        return True

    def leaves(self, connection: Hashable) -> None:
        """It has ended; also for one that was never let in."""
        address = self._addresses.pop(connection, "")
        if not address:
            return
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]
