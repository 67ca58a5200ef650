"""Every bound of the protocol, as one value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """For one server or one pool. Sizes in bytes, times in seconds."""

    head: int = 32 * 2**10
    """A head from its first byte to its empty line; trailers likewise."""
    headers: int = 128
    """Header lines of one head."""
    buffered: int = 64 * 2**10
    """A body in pieces that nobody has read yet: above it, reading stops. Also what a transport may hold unsent."""
    head_s: float = 15.0
    """From a head's first byte to its last; an upstream's head may take as long as it takes."""
    body_s: float = 60.0
    """Without a byte of a request's body that is waited for."""
    idle_s: float = 75.0
    """A connection without a request: a client's between two, a pooled one until its next."""
    linger_s: float = 5.0
    """For the last bytes of an answer to be read after its connection was given up."""
    linger: int = 64 * 2**20
    """What is read and thrown away meanwhile of a request that was answered before its end."""
    handshake_s: float = 10.0
    """From a client's first byte of TLS until both sides know each other."""
    handshakes: int = 512
    """Of clients, under way at once: above it, the oldest gives way."""
    doors: int = 4_096
    """Connections that have not said yet what they will be, handshakes too: above it, the oldest gives way."""
    connect_s: float = 5.0
    """Name, connection and TLS together."""
    per_address: int = 0
    """Connections that one client's address may have open; 0: any number."""
    connections: int = 4_096
    """Open to one upstream address at once."""
    pooled: int = 512
    """Kept of these while idle."""
