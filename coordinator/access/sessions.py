"""Browsers in which somebody logged in with a key: who shows a token of these stands for that key. Pure, but for the
tokens, with `now` in seconds of any clock.
"""

import secrets
from collections.abc import Callable, Iterable
from typing import NamedTuple

from coordinator.access.keys import SECRET_BYTES, sha256_of


class _Session(NamedTuple):
    key_id: str
    ends: float


class Sessions:
    """In memory alone, so that a restart ends them all, and as hashes: what is read out of memory opens nothing."""

    def __init__(self, per_key: int, lives_s: float) -> None:
        """`per_key`: with one key at once; a further one ends the oldest of that key, and no other's."""
        self._per_key = per_key
        self.lives_s = lives_s
        self._known: dict[bytes, _Session] = {}
        self._of_key: dict[str, list[bytes]] = {}
        """The oldest first."""

    def __len__(self) -> int:
        return len(self._known)

    def begin(self, key_id: str, now: float) -> str:
        """A new one's token, which is kept nowhere."""
        token = secrets.token_urlsafe(SECRET_BYTES)
        kept = sha256_of(token)
        self._drop([each for each in self._of_key.get(key_id, ()) if now >= self._known[each].ends])
        self._known[kept] = _Session(key_id, now + self.lives_s)
        there = self._of_key.setdefault(key_id, [])
        there.append(kept)
        self._drop(there[: -self._per_key])
        return token

    def key_of(self, token: str, now: float) -> str:
        """The id of its key; empty: it is no session's, or of one that has ended."""
        kept = sha256_of(token)
        found = self._known.get(kept)
        if found is None:
            return ""
        if now >= found.ends:
            self._drop([kept])
            return ""
        return found.key_id

    def end(self, token: str) -> None:
        """If it is one's."""
        kept = sha256_of(token)
        if kept in self._known:
            self._drop([kept])

    def forget(self, known: Callable[[str], bool]) -> None:
        """Those of keys that are no more."""
        for key_id in [each for each in self._of_key if not known(each)]:
            self._drop(list(self._of_key[key_id]))

    def _drop(self, gone: Iterable[bytes]) -> None:
        for kept in gone:
            key_id = self._known.pop(kept).key_id
            there = self._of_key[key_id]
            there.remove(kept)
            if not there:
                del self._of_key[key_id]
