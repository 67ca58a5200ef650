"""The fleet's own authority: whoever it signed belongs to the fleet, and nobody else does."""

import datetime
import ipaddress
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.trust.fingerprints import spki_of
from shared.trust.leaf import key_on_p256

YEARS = 10
LEAF_DAYS = 30
EARLIER = datetime.timedelta(days=1)
"""A certificate begins before it was made: clocks of machines at home differ."""

_COMMON_NAME = "herd fleet authority"
_ALGORITHM = hashes.SHA256()


class Authority:
    """A key on P-256 and the certificate that it signed for itself: browsers and `curl` take no Ed25519."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        """By `create` or `load`."""
        self._certificate = certificate
        self._key = key
        self.certificate_pem: bytes = certificate.public_bytes(serialization.Encoding.PEM)
        self.spki: bytes = spki_of(self.certificate_pem)
        """SHA-256 of its public key, 32 bytes: what tokens carry and members pin."""

    @classmethod
    def create(cls, now: float) -> "Authority":
        """A new one, for ten years; `now` in seconds of the epoch."""
        key = ec.generate_private_key(ec.SECP256R1())
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        begins = _time(now) - EARLIER
        named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _COMMON_NAME)])
        certificate = (
            _builder(named, named, key.public_key(), begins, begins + datetime.timedelta(days=365 * YEARS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(own, critical=False)
            .sign(key, _ALGORITHM)
        )
        return cls(certificate, key)

    @classmethod
    def load(cls, certificate_pem: bytes, key_pem: bytes) -> "Authority":
        """As it was kept. Raises ValueError where these are none, or do not belong together."""
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        key = serialization.load_pem_private_key(key_pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise ValueError("the authority's key and its certificate do not belong together")
        return cls(certificate, key)

    def private_pem(self) -> bytes:
        """The private key, for the one file that keeps it."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(
        self,
        public_key_pem: bytes,
        name: str,
        addresses: Iterable[str] = (),
        *,
        now: float,
        days: float = LEAF_DAYS,
    ) -> bytes:
        """A certificate (PEM) that says whose key it is, by one of `shared.trust.names`, for both ends of a connection.

        `addresses`: hosts and IP addresses that callers who know no names may check. `now` in seconds of the epoch.
        Raises ValueError for a key that is none, or not on P-256.
        """
        key = key_on_p256(public_key_pem)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name.partition(":")[0])])
        called = [x509.UniformResourceIdentifier(name), *map(_address, addresses)]
        begins, ends = _time(now) - EARLIER, _time(now) + datetime.timedelta(days=days)
        both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
        ours = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            _builder(subject, self._certificate.subject, key, begins, ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(both, critical=False)
            .add_extension(x509.SubjectAlternativeName(called), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(ours, critical=False)
            .sign(self._key, _ALGORITHM)
            .public_bytes(serialization.Encoding.PEM)
        )


def _time(now: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(now, datetime.UTC)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    begins: datetime.datetime,
    ends: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _address(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return x509.DNSName(text)
