"""Proof that whoever asks for a certificate has its private key: the public one is shown to all who begin TLS. Pure.

It is for one authority, one name and one commitment, so nobody shows it elsewhere or for another question.
"""

from typing import cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.trust.leaf import key_on_p256, public_of

_ALGORITHM = ec.ECDSA(hashes.SHA256())


def proof(private_pem: bytes, spki: bytes, node_id: str, committed: bytes) -> bytes:
    """A signature by that key, at most 72 bytes. `spki`: of the authority that is asked. Raises ValueError."""
    key_on_p256(public_of(private_pem))
    key = cast(ec.EllipticCurvePrivateKey, serialization.load_pem_private_key(private_pem, password=None))
    return key.sign(_said(spki, node_id, committed), _ALGORITHM)


def proved(public_pem: bytes, spki: bytes, node_id: str, committed: bytes, shown: bytes) -> bool:
    """Whether `shown` is that. Raises ValueError for a key that is none, or not on P-256."""
    try:
        key_on_p256(public_pem).verify(shown, _said(spki, node_id, committed), _ALGORITHM)
    except InvalidSignature:
        return False
    return True


def _said(spki: bytes, node_id: str, committed: bytes) -> bytes:
    """Each part with its length: what ends one cannot begin the next."""
    parts = (b"herd join", spki, node_id.encode(), committed)
    return b"".join(len(part).to_bytes(4) + part for part in parts)
