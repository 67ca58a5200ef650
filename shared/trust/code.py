"""The six digits that a person compares on both sides before an agent without a token is let in. Pure.

Six digits can be searched through in a moment, so the agent first commits itself to a number that it tells only after
the coordinator has told its own: who sits between the two has to choose before knowing what the digits will be, and
meets the right ones once in a million tries.
"""

import hashlib
import hmac

NONCE_BYTES = 16
DIGITS = 6


def commitment(nonce: bytes, public_key: bytes) -> bytes:
    """What the agent tells first: 32 bytes."""
    return _hash(b"herd join commitment", nonce, public_key)


def kept(committed: bytes, nonce: bytes, public_key: bytes) -> bool:
    """Whether that is what the agent had committed itself to."""
    return len(nonce) == NONCE_BYTES and hmac.compare_digest(committed, commitment(nonce, public_key))


def code(spki: bytes, public_key: bytes, agents: bytes, coordinators: bytes) -> str:
    """The digits, from the hash of the authority's key, the agent's key, and the number of each side."""
    digest = _hash(b"herd join code", spki, public_key, agents, coordinators)
    return f"{int.from_bytes(digest[:8]) % 10**DIGITS:0{DIGITS}d}"


def _hash(*parts: bytes) -> bytes:
    """Each with its length: what ends one part cannot begin the next."""
    made = hashlib.sha256()
    for part in parts:
        made.update(len(part).to_bytes(4))
        made.update(part)
    return made.digest()
