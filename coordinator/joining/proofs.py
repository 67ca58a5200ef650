"""What is kept of keys and certificates, and whether who asks has the key that it names."""

import hashlib
import ssl

from shared.errors import CallerFault
from shared.joining_wire import JoinRequest
from shared.trust import possession
from shared.trust.certified import fingerprint


def check_proof(request: JoinRequest, spki: bytes) -> None:
    """Anybody can read a node's public key off its gateway. Raises CallerFault."""
    said = (spki, request.node_id, bytes.fromhex(request.commitment))
    try:
        good = possession.proved(request.public_key.encode(), *said, bytes.fromhex(request.proof))
    except ValueError as error:
        raise CallerFault(f"no certificate can be made: {error}") from error
    if not good:
        raise CallerFault("whoever asks has not shown that it has this key")


def key_hash(public_pem: bytes) -> str:
    """64 hexadecimal digits."""
    return hashlib.sha256(public_pem).hexdigest()


def fingerprint_of(certificate_pem: bytes) -> str:
    """As of a certificate that is shown."""
    return fingerprint(ssl.PEM_cert_to_DER_cert(certificate_pem.decode()))
