"""Who has shown wrong tokens lately, by address, and has to wait. Pure; bounded, whoever tries from how many places."""

from collections import OrderedDict

FREE = 5
"""Wrong ones that cost nothing: people mistype."""
WAIT_S = 2.0
"""After one more; doubled by each further one."""
MOST_WAIT_S = 300.0


class WrongTries:
    """`most`: addresses that are remembered; the one that was quiet longest is forgotten first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tries: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """Wrong ones, and until when nothing is looked at."""

    def wait_s(self, address: str, now: float) -> float:
        """Seconds until a token from there is looked at again; 0: now."""
        _, until = self._tries.get(address, (0, 0.0))
        return max(0.0, until - now)

    def wrong(self, address: str, now: float) -> None:
        """One more."""
        count, until = self._tries.pop(address, (0, now))
        count = 1 if now - until > MOST_WAIT_S else count + 1
        over = count - FREE
        wait = min(MOST_WAIT_S, WAIT_S * 2 ** min(over - 1, 16)) if over > 0 else 0.0
        self._tries[address] = (count, now + wait)
        while len(self._tries) > self._most:
            self._tries.popitem(last=False)

    def right(self, address: str) -> None:
        """Somebody there has a token after all."""
        self._tries.pop(address, None)

    def __len__(self) -> int:
        return len(self._tries)
