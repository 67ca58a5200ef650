"""Who calls, and in which class: header X-Fleet-Priority, and the file that gives API keys a class and a name."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple, get_args

from coordinator.access.facts import shown_key
from coordinator.core.call import Priority
from coordinator.core.open_call import LEVELS
from coordinator.requests import CallerRequest
from shared.errors import CallerFault

PRIORITY = "X-Fleet-Priority"
CLASSES: tuple[Priority, ...] = get_args(Priority)
STRANGERS = 16
"""Keys that are not in the file, by which the callers of one address are told apart."""
ADDRESSES = 4_096
"""Of which that is remembered."""
_SHOWN = 40
"""Characters of an unknown class that a refusal repeats."""
_LINE = re.compile(r"([0-9a-f]{64})\s+(\w+)(?:\s+([\w.@-]{1,64}))?")


class KeyOwner(NamedTuple):
    """What the file says of a key."""

    priority: Priority
    name: str


class BadLine(Exception):
    """A line of the file that says nothing; the text names its number, never its words."""


class Callers:
    """Keys are known by their SHA-256 only."""

    def __init__(self, owners: Mapping[str, KeyOwner], *, allow_restricted: bool = False) -> None:
        """`owners`: by the key's SHA-256 in small hexadecimal digits. `allow_restricted`: whether calls that say
        nothing of it may use engines that cost money or serve batches only.
        """
        self.owners = owners
        self.allow_restricted = allow_restricted
        self._strangers: OrderedDict[str, set[str]] = OrderedDict()
        """Keys that the file does not have, by the address from which they came, that of the last call at the end."""

    def of(self, request: CallerRequest) -> tuple[str, Priority]:
        """The client (its key's name, else its address with its key, if it has one) and the class of its call. A key's
        class is the highest that the header may ask for; that of a key of ours stands before that of the file. Raises
        CallerFault for a class that there is not.
        """
        asked = self._asked(request.headers.get(PRIORITY))
        principal = request.principal
        ours = principal.kind == "key"
        if ours and principal.priority is not None:
            return principal.name, _at_most(principal.priority, asked)
        key = _key_of(request.exchange.head.fields)
        if not key:
            return request.remote, asked or "interactive"
        owner = self.owners.get(key)
        if owner is None:
            client = principal.name if ours else self._stranger(request.remote, key)
            return client, asked or "interactive"
        return principal.name if ours else owner.name, _at_most(owner.priority, asked)

    def _stranger(self, address: str, key: str) -> str:
        """Several people behind one address are told apart by their keys; who makes up a key for each call gains
        nothing by it.
        """
        keys = self._strangers.setdefault(address, set())
        self._strangers.move_to_end(address)
        if len(self._strangers) > ADDRESSES:
            self._strangers.popitem(last=False)
        if key not in keys and len(keys) >= STRANGERS:
            return address
        keys.add(key)
        return f"{address} key-{key[:8]}"

    def _asked(self, header: str | None) -> Priority | None:
        if header is None:
            return None
        word = header.strip().lower()
        for each in CLASSES:
            if word == each:
                return each
        shown = ascii(header if len(header) <= _SHOWN else f"{header[:_SHOWN]}...")
        raise CallerFault(f"{PRIORITY} is {', '.join(CLASSES[:-1])} or {CLASSES[-1]}, not {shown}")


def _at_most(highest: Priority, asked: Priority | None) -> Priority:
    return max(highest, asked or highest, key=LEVELS.__getitem__)


def _key_of(fields: dict[bytes, bytes]) -> str:
    """The SHA-256 of the key that the gate judged, so that no other goes before it; empty: it has none."""
    key = shown_key(fields)
    return hashlib.sha256(key.encode(errors="replace")).hexdigest() if key else ""


def owners_of(text: str) -> dict[str, KeyOwner]:
    """The file's lines: SHA-256 of the key, class, and a name if wanted; # begins a comment. Raises BadLine."""
    owners: dict[str, KeyOwner] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.partition("#")[0].strip()
        if not bare:
            continue
        found = _LINE.fullmatch(bare.lower())
        word = found[2] if found else ""
        priority = next((each for each in CLASSES if each == word), None)
        if found is None or priority is None:
            classes = ", ".join(CLASSES)
            raise BadLine(
                f"line {number}: wanted are the SHA-256 of a key, its class ({classes}) and maybe a name"
            )
        owners[found[1]] = KeyOwner(priority, found[3] or f"key-{found[1][:8]}")
    return owners
