"""Whom the other end of a connection proved to be."""

import hashlib
import ssl
from typing import Any, NamedTuple


class Certified(NamedTuple):
    """By a certificate that an authority of ours signed, and the key that belongs to it."""

    name: str
    """As `shared.trust.names` writes them."""
    fingerprint: str
    """Of the certificate: SHA-256, 64 hexadecimal digits."""


def fingerprint(certificate_der: bytes) -> str:
    """SHA-256 of one certificate, as 64 hexadecimal digits."""
    return hashlib.sha256(certificate_der).hexdigest()


def certified(connection: ssl.SSLObject | ssl.SSLSocket | None) -> Certified | None:
    """None: no TLS, no certificate, one that nobody verified, or one that does not say exactly one name."""
    if connection is None or not (certificate := connection.getpeercert(binary_form=True)):
        return None
    said: Any = (connection.getpeercert() or {}).get("subjectAltName", ())
    names = [value for kind, value in said if kind == "URI"]
    return Certified(names[0], fingerprint(certificate)) if len(names) == 1 else None
