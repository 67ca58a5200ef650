"""A client of TLS 1.3 that changes its keys as often as it likes, which no library lets one do: records by hand."""

import asyncio
import contextlib
import hmac
import re
import socket
import ssl
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.http1.pool import Address
from tests.shared.http1.peers import LIMIT

HANDSHAKE, APPLICATION = 22, 23
_UPDATE = b"\x18\x00\x00\x01"
"""KeyUpdate, but for its last byte: whether one of the other side's is requested."""


def _expanded(secret: bytes, label: bytes, length: int) -> bytes:
    """HKDF-Expand-Label of RFC 8446 without a context; `length` is at most the hash's."""
    named = b"tls13 " + label
    info = length.to_bytes(2) + bytes((len(named),)) + named + b"\x00"
    return hmac.digest(secret, info + b"\x01", "sha384")[:length]


class Updating:
    """Records of the client's side, after a handshake with TLS_AES_256_GCM_SHA384."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._begin()

    def _begin(self) -> None:
        self._number = 0
        self._key = AESGCM(_expanded(self._secret, b"key", 32))
        self._iv = int.from_bytes(_expanded(self._secret, b"iv", 12))

    def record(self, kind: int, data: bytes) -> bytes:
        """One, with the present key."""
        head = b"\x17\x03\x03" + (len(data) + 17).to_bytes(2)
        nonce = (self._iv ^ self._number).to_bytes(12)
        self._number += 1
        return head + self._key.encrypt(nonce, data + bytes((kind,)), head)

    def update(self, *, asking: bool = True) -> bytes:
        """A record that changes our key; `asking`: and the server's, too."""
        made = self.record(HANDSHAKE, _UPDATE + bytes((asking,)))
        self._secret = _expanded(self._secret, b"traffic upd", 48)
        self._begin()
        return made


def _read(log: Path) -> str:
    return log.read_text()


async def shaken(context: ssl.SSLContext, address: Address, log: Path) -> tuple[socket.socket, Updating]:
    """A connection after its handshake. `log`: a file for its secrets."""
    context.keylog_filename = str(log)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing)
    loop = asyncio.get_running_loop()
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.setblocking(False)
    await loop.sock_connect(connection, (address.host, address.port))
    over = False
    while not over:
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
            over = True
        await loop.sock_sendall(connection, outgoing.read())
        if not over:
            incoming.write(await loop.sock_recv(connection, LIMIT))
    cipher = tls.cipher()
    assert cipher is not None
    assert cipher[0] == "TLS_AES_256_GCM_SHA384"
    (secret,) = re.findall(r"CLIENT_TRAFFIC_SECRET_0 \w+ (\w+)", _read(log))
    return connection, Updating(bytes.fromhex(secret))
