"""TLS 1.3 with the fleet's own certificates. Who the peer is, is decided by its name after the handshake."""

import secrets
import ssl
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from shared.trust.held import Held


def listening(held: Held, *, required: bool) -> ssl.SSLContext:
    """For a server. A certificate that is shown must be our authority's; `required`: nobody comes without.

    Blocks for the disk. Raises OSError and ssl.SSLError.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, held.authority_pem)
    context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    _show(context, held)
    return context


def calling(held: Held) -> ssl.SSLContext:
    """For a client that shows its own certificate. Blocks for the disk. Raises OSError and ssl.SSLError."""
    context = trusting(held.authority_pem)
    _show(context, held)
    return context


def trusting(authority_pem: bytes) -> ssl.SSLContext:
    """For a client without a certificate that knows the authority. Raises ssl.SSLError where that is none."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT, authority_pem)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def looking() -> ssl.SSLContext:
    """For a look at what a stranger shows, and nothing else: nothing is verified, so nothing may be told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _context(kind: int, authority_pem: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(kind)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cadata=authority_pem.decode("ascii"))
    return context


def _show(context: ssl.SSLContext, held: Held) -> None:
    """The authority goes along: a stranger that has its hash can check it.

    The library reads keys from files only: this one is encrypted with a password that is forgotten at once.
    """
    password = secrets.token_bytes(16).hex()
    key = serialization.load_pem_private_key(held.key_pem, password=None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode()),
    )
    with tempfile.TemporaryDirectory() as directory:
        shown = Path(directory, "shown.pem")
        shown.write_bytes(b"\n".join((key, held.certificate_pem, held.authority_pem)))
        context.load_cert_chain(shown, password=password)
