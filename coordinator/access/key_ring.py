"""The keys that callers may show, as they are known now."""

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from coordinator.access.allowances import KeyLimits
from coordinator.access.keys import Key, id_in, same, sha256_of
from coordinator.access.principal import Principal


class _Known(NamedTuple):
    key: Key
    sha256: bytes
    principal: Principal
    limits: KeyLimits


NOBODY = bytes(32)
"""No key's hash: what an unknown id is compared with, so that it takes as long as a known one."""


class KeyRing:
    """Microseconds, and no disk."""

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        used: Callable[[str, float], None] = lambda _key_id, _now: None,
    ) -> None:
        """`clock` in seconds of Unix time; `used` is told the id of each key that is found, and when."""
        self._clock = clock
        self._used = used
        self._known: dict[str, _Known] = {}

    def __len__(self) -> int:
        return len(self._known)

    def take(self, keys: Iterable[Key]) -> set[str]:
        """These and no others, from now on. The ids of those that went."""
        before = set(self._known)
        self._known = {
            each.id: _Known(
                each,
                bytes.fromhex(each.sha256),
                each.principal(),
                KeyLimits(each.requests_per_minute, each.tokens_per_minute, each.parallel),
            )
            for each in keys
        }
        return before - set(self._known)

    def find(self, secret: str) -> Principal | None:
        """Who shows it; None for an unknown, revoked or expired key."""
        key_id = id_in(secret)
        known = self._known.get(key_id)
        fits = same(known.sha256 if known else NOBODY, sha256_of(secret))
        return self.holder(key_id) if fits else None

    def holder(self, key_id: str) -> Principal | None:
        """Who has shown it before, as it stands now; None for a revoked or expired key."""
        known = self._known.get(key_id)
        now = self._clock()
        if known is None or known.key.has_expired(now):
            return None
        self._used(key_id, now)
        return known.principal

    def limits(self, key_id: str) -> KeyLimits | None:
        """None where there is no such key."""
        known = self._known.get(key_id)
        return known.limits if known else None

    def knows(self, key_id: str) -> bool:
        """Whether there is such a key, expired or not."""
        return key_id in self._known

    def admits(self, key_id: str) -> bool:
        """Whether there is one that has not expired."""
        known = self._known.get(key_id)
        return known is not None and not known.key.has_expired(self._clock())
