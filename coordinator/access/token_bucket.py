"""A bucket of tokens: so many at once, and as many again within a minute. Pure, with `now` in seconds of any clock."""

MINUTE_S = 60.0
_HAIR = 1e-9
"""What sums of fractions may be off by: who waits as long as it was told must not be refused for it."""


class TokenBucket:
    """Within any t seconds it gives at most `limit` x (1 + t / 60)."""

    __slots__ = ("_at", "_level", "limit")

    def __init__(self, limit: int, now: float) -> None:
        """Full. `limit` at least 1."""
        self.limit = limit
        self._level = float(limit)
        self._at = now

    def level(self, now: float) -> float:
        """What is in it; below 0 where more was charged than there was. A clock that goes back adds nothing."""
        if now > self._at:
            self._level = min(self.limit, self._level + (now - self._at) * self.limit / MINUTE_S)
            self._at = now
        return self._level

    def take(self, now: float) -> bool:
        """One, if there is one."""
        if self.level(now) < 1.0 - _HAIR:
            return False
        self._level -= 1.0
        return True

    def charge(self, amount: int, now: float) -> None:
        """What has been used already, whether it is there or not."""
        self._level = self.level(now) - amount

    def seconds_until(self, amount: float, now: float) -> float:
        """Until it holds that much; 0: it does now. `amount` at most `limit`."""
        missing = amount - self.level(now)
        return missing * MINUTE_S / self.limit if missing > _HAIR else 0.0
