"""A handshake in memory: two contexts, no socket."""

import contextlib
import ssl

Ends = tuple[ssl.SSLObject, ssl.SSLObject]


def shaken(client: ssl.SSLContext, server: ssl.SSLContext) -> Ends:
    """Both ends after it. Raises the ssl.SSLError of whichever end refused."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    calling = client.wrap_bio(to_client, to_server)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (calling, answering):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    with contextlib.suppress(ssl.SSLWantReadError):  # a refusal of the client's certificate comes behind
        calling.read(1)
    return calling, answering
