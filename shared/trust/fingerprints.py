"""The short value that stands for a key: what tokens carry, and what members pin."""

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import serialization

_PEM = b"-----BEGIN"


def certificate_of(certificate: bytes) -> x509.Certificate:
    """From DER or PEM. Raises ValueError where it is none."""
    if certificate.lstrip().startswith(_PEM):
        return x509.load_pem_x509_certificate(certificate)
    return x509.load_der_x509_certificate(certificate)


def spki_of(certificate: bytes) -> bytes:
    """SHA-256 (32 bytes) of the public key in a certificate, DER or PEM: it outlives the certificate.

    Raises ValueError where it is none.
    """
    key = certificate_of(certificate).public_key()
    written = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(written).digest()
