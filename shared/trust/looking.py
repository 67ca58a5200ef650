"""What a stranger shows of itself, before anything is told to it."""

import asyncio
import contextlib
import ssl
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from shared.trust.contexts import looking
from shared.trust.fingerprints import spki_of

CHAIN = 4
"""Certificates of a stranger that are looked at."""


class Shown(NamedTuple):
    """Certificates as DER: the one whose key the stranger has, and the authority that signed it."""

    leaf: bytes
    authority: bytes
    spki: bytes
    """SHA-256 of the authority's public key."""


async def look(host: str, port: int, patience_s: float) -> Shown | None:
    """Who answers there with TLS. None: it shows no authority that signed its certificate.

    Nothing of it is trusted yet: compare `spki`, then speak with `contexts.trusting(authority)`, on a connection that
    is verified. Raises OSError (TimeoutError and ssl.SSLError are such).
    """
    async with asyncio.timeout(patience_s):
        _, writer = await asyncio.open_connection(host, port, ssl=looking(), server_hostname="")
        try:
            return shown(chain(writer.get_extra_info("ssl_object")))
        finally:
            writer.transport.abort()


def chain(connection: Any) -> list[bytes]:
    """All certificates that the peer sent, its own first, as DER. Before Python 3.13 the library has no word for it."""
    if hasattr(connection, "get_unverified_chain"):
        return list(connection.get_unverified_chain())[:CHAIN]
    sent = connection._sslobj.get_unverified_chain() or ()
    return [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in sent[:CHAIN]]


def shown(certificates: list[bytes]) -> Shown | None:
    """The leaf, and the authority among the others that signed it and itself; None where there is none."""
    with contextlib.suppress(ValueError, TypeError, InvalidSignature):
        leaf, *others = map(x509.load_der_x509_certificate, certificates)
        for other, written in zip(others, certificates[1:], strict=True):
            if other.subject == leaf.issuer and other.subject == other.issuer:
                other.verify_directly_issued_by(other)
                leaf.verify_directly_issued_by(other)
                return Shown(certificates[0], written, spki_of(written))
    return None


def pem_of(certificate_der: bytes) -> bytes:
    """As files and messages carry it."""
    return ssl.DER_cert_to_PEM_cert(certificate_der).encode("ascii")
