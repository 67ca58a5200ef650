"""What the calls of a key may take: so many a minute, so many tokens a minute, so many at once. Pure, but for the
clock it is given.
"""

import math
from collections.abc import Callable

from msgspec import Struct

from coordinator.access.principal import Principal
from coordinator.access.token_bucket import TokenBucket
from shared.errors import LimitReached
from shared.http1.heads import Header

PARALLEL_RETRY_S = 1
"""When a place may be free again is not known."""


class KeyLimits(Struct, frozen=True):
    """None: no such limit."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    parallel: int | None = None

    def __bool__(self) -> bool:
        return not (self.requests_per_minute is self.tokens_per_minute is self.parallel is None)


class _Account:
    """Of one key."""

    __slots__ = ("limits", "requests", "running", "tokens")

    def __init__(self, limits: KeyLimits, now: float) -> None:
        self.limits = limits
        self.running = 0
        self.requests = _bucket(limits.requests_per_minute, now)
        self.tokens = _bucket(limits.tokens_per_minute, now)


class Use:
    """One call that runs. End it once; further ends do nothing."""

    __slots__ = ("_account", "_clock", "_ended")

    def __init__(self, account: _Account, clock: Callable[[], float]) -> None:
        self._account = account
        self._clock = clock
        self._ended = False

    def end(self, tokens: int) -> None:
        """`tokens`: of prompt and answer together, as they were really used."""
        if self._ended:
            return
        self._ended = True
        self._account.running -= 1
        if self._account.tokens is not None:
            self._account.tokens.charge(tokens, self._clock())


class Allowances:
    """By key. A caller without key, or whose key has no limits, costs a look at an attribute or two."""

    def __init__(self, limits_of: Callable[[str], KeyLimits | None], clock: Callable[[], float]) -> None:
        """`limits_of`: by a key's id; None: it has none. `clock` in seconds, never back."""
        self._limits_of = limits_of
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    def begin(self, principal: Principal) -> Use | None:
        """A call. None: nothing limits it. Raises LimitReached, and has taken nothing then."""
        account = self._account(principal)
        if account is None:
            return None
        limits, now = account.limits, self._clock()
        if limits.parallel is not None and account.running >= limits.parallel:
            raise _reached(principal, f"{limits.parallel} calls at once", PARALLEL_RETRY_S)
        if account.tokens is not None and (wait := account.tokens.seconds_until(1.0, now)):
            raise _reached(principal, f"{account.tokens.limit} tokens a minute", wait)
        if account.requests is not None and not account.requests.take(now):
            wait = account.requests.seconds_until(1.0, now)
            raise _reached(principal, f"{account.requests.limit} calls a minute", wait)
        account.running += 1
        return Use(account, self._clock)

    def headers(self, principal: Principal) -> list[Header]:
        """OpenAI's x-ratelimit-*, of the limits by the minute that the key has."""
        account = self._account(principal)
        if account is None:
            return []
        now = self._clock()
        return [
            *_told(b"requests", account.requests, now),
            *_told(b"tokens", account.tokens, now),
        ]

    def forget(self, known: Callable[[str], bool]) -> None:
        """Keys that are no more."""
        for key_id in [each for each in self._accounts if not known(each)]:
            del self._accounts[key_id]

    def __len__(self) -> int:
        return len(self._accounts)

    def _account(self, principal: Principal) -> _Account | None:
        if not principal.key_id:
            return None
        limits = self._limits_of(principal.key_id)
        if not limits:
            return None
        account = self._accounts.get(principal.key_id)
        if account is None:
            account = self._accounts[principal.key_id] = _Account(limits, self._clock())
        elif account.limits != limits:
            _changed(account, limits, self._clock())
        return account


def _changed(account: _Account, limits: KeyLimits, now: float) -> None:
    """What runs still counts."""
    account.limits = limits
    account.requests = _bucket(limits.requests_per_minute, now)
    account.tokens = _bucket(limits.tokens_per_minute, now)


def _bucket(limit: int | None, now: float) -> TokenBucket | None:
    return None if limit is None else TokenBucket(limit, now)


def _reached(principal: Principal, limit: str, wait_s: float) -> LimitReached:
    return LimitReached(
        f'the key "{principal.name}" has reached its limit of {limit}', retry_after=max(1, math.ceil(wait_s))
    )


def _told(kind: bytes, bucket: TokenBucket | None, now: float) -> list[Header]:
    if bucket is None:
        return []
    left = max(0, math.floor(bucket.level(now)))
    return [
        (b"x-ratelimit-limit-" + kind, b"%d" % bucket.limit),
        (b"x-ratelimit-remaining-" + kind, b"%d" % left),
        (b"x-ratelimit-reset-" + kind, _duration(bucket.seconds_until(bucket.limit, now))),
    ]


def _duration(seconds: float) -> bytes:
    """As OpenAI writes it: 20ms, 1.5s, 6m0s."""
    if seconds < 1.0:
        return b"%dms" % math.ceil(seconds * 1000)
    minutes, rest = divmod(round(seconds, 3), 60.0)
    told = f"{rest:.3f}".rstrip("0").rstrip(".")
    return (f"{minutes:.0f}m{told}s" if minutes else f"{told}s").encode()
