"""A program's own key, and when its certificate is due for a new one."""

import contextlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.trust.held import Held

RENEWED_AT = 2 / 3
"""Of a certificate's life: a third is left for a coordinator that is away."""


def new_key() -> bytes:
    """A private key on P-256, as PEM."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def public_of(private_pem: bytes) -> bytes:
    """The public key of a private one; both PEM. Raises ValueError where it is none."""
    return (
        serialization.load_pem_private_key(private_pem, password=None)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def key_on_p256(public_pem: bytes) -> ec.EllipticCurvePublicKey:
    """Raises ValueError where it is none, or another."""
    with contextlib.suppress(ValueError, UnsupportedAlgorithm):
        key = serialization.load_pem_public_key(public_pem)
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            return key
    raise ValueError("a certificate is for a key on P-256")


def renew_due(certificate_pem: bytes, now: float) -> bool:
    """Whether two thirds of its life are over; `now` in seconds of the epoch. Raises ValueError where it is none."""
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    begins = certificate.not_valid_before_utc.timestamp()
    ends = certificate.not_valid_after_utc.timestamp()
    return now >= begins + RENEWED_AT * (ends - begins)


def has_ended(certificate_pem: bytes, now: float) -> bool:
    """Whether its life is over; `now` in seconds of the epoch. Raises ValueError where it is none."""
    return now >= x509.load_pem_x509_certificate(certificate_pem).not_valid_after_utc.timestamp()


def belongs(key_pem: bytes, certificate_pem: bytes) -> bool:
    """Whether the certificate is for this key. Raises ValueError where either is none."""
    shown = x509.load_pem_x509_certificate(certificate_pem).public_key()
    return public_of(key_pem) == shown.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def stands(held: Held, name: str) -> bool:
    """Whether these belong together: the certificate is for this key, says this name, and the authority signed it.

    Raises ValueError where one is none.
    """
    certificate = x509.load_pem_x509_certificate(held.certificate_pem)
    try:
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(held.authority_pem))
        called = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (InvalidSignature, TypeError, ValueError, x509.ExtensionNotFound):
        return False
    said = called.get_values_for_type(x509.UniformResourceIdentifier)
    return said == [name] and belongs(held.key_pem, held.certificate_pem)
