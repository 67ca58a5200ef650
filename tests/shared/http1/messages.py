"""Messages by chance: good ones with what they mean, spoiled ones, and none at all. The same seed gives the same."""

import random

METHODS = (b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"M-SEARCH")
TOKENS = (
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b" ",
        b"\t",
        b":",
        b";",
        b",",
        b"\r\n\r\n",
        b"\r\n ",
        b"\x0b",
        b"\xff",
        b"0",
    ),
    *(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n"),
    *(
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Expect: 100-continue\r\n",
        b"Expect: x\r\n",
        b"Connection: close\r\n",
    ),
    *(
        b"Connection: upgrade\r\nUpgrade: h2c\r\n",
        b" HTTP/1.0",
        b" HTTP/1.1",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 C",
    ),
    *(
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"0\r\n\r\n",
        b"5\r\nhello\r\n",
        b"ffffffff\r\n",
        b"-1\r\n",
        b"0x5\r\n",
    ),
    *(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n", b"x" * 700, b"A: b\r\n" * 40),
)
Asked = tuple[bytes, bytes]
"""Target and body of a request."""


class Messages:
    """`chance` decides."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def requests(self) -> tuple[bytes, list[Asked]]:
        """Some, one behind the other."""
        made = [self._request() for _ in range(self.chance.choice((1, 1, 2, 3)))]
        return b"".join(said for said, _ in made), [asked for _, asked in made]

    def response(self) -> tuple[bytes, bytes]:
        """One with its body; interim ones before it."""
        body, chance = self._bytes(900), self.chance
        interim = b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" * chance.choice((0, 0, 1, 2))
        head = b"%bHTTP/1.1 %d Said\r\n%b" % (interim, chance.choice((200, 201, 404, 500)), self._headers())
        how = chance.randrange(3)
        if how == 0:
            return head + b"Content-Length: %d\r\n\r\n" % len(body) + body, body
        if how == 1:
            return head + b"Transfer-Encoding: chunked\r\n\r\n" + self._chunked(body, extensions=True), body
        return head + b"\r\n" + body, body

    def spoiled(self, message: bytes) -> bytes:
        """With up to three changes."""
        chance = self.chance
        for _ in range(chance.choice((1, 1, 2, 3))):
            at = chance.randrange(len(message) + 1)
            how = chance.randrange(5)
            until = min(len(message), at + chance.choice((1, 1, 2, 9)))
            if how == 0:
                message = message[:at] + chance.choice(TOKENS) + message[at:]
            elif how == 1:
                message = message[:at] + message[until:]
            elif how == 2:
                message = message[:at] + chance.randbytes(1) + message[until:]
            elif how == 3:
                message = message[:at] + message[chance.randrange(at + 1) :]
            else:
                message = message[:at]
        return message

    def nonsense(self) -> bytes:
        """Words of the protocol in no order, or bytes."""
        if self.chance.random() < 0.3:
            return self.chance.randbytes(self.chance.randrange(200))
        return b"".join(self.chance.choices(TOKENS, k=self.chance.randrange(1, 9)))

    def cut(self, message: bytes) -> list[bytes]:
        """Into pieces, most often few."""
        chance = self.chance
        if chance.random() < 0.1:
            return [message[at : at + 1] for at in range(len(message))]
        number = min(chance.choice((0, 1, 2, 5)), len(message))
        places = sorted(chance.sample(range(len(message) + 1), number))
        pieces = [
            message[start:end] for start, end in zip([0, *places], [*places, len(message)], strict=True)
        ]
        return [piece for piece in pieces if piece]

    def _request(self) -> tuple[bytes, Asked]:
        chance = self.chance
        target = b"/" + bytes(chance.choices(b"abc/?=&%-", k=chance.randrange(6)))
        line = b"%b %b HTTP/1.1\r\nHost: a:%d\r\n" % (chance.choice(METHODS), target, chance.randrange(99))
        head, body = line + self._headers(), self._bytes(900)
        how = chance.randrange(3)
        if how == 0:
            return head + b"Content-Length: %d\r\n\r\n" % len(body) + body, (target, body)
        if how == 1:
            coded = self._chunked(body, extensions=False)
            return head + b"Transfer-Encoding: chunked\r\n\r\n" + coded, (target, body)
        return head + b"\r\n", (target, b"")

    def _headers(self) -> bytes:
        names = self.chance.choices((b"X-A", b"accept", b"Cookie", b"User-Agent"), k=self.chance.randrange(3))
        return b"".join(
            b"%b:%b%b\r\n" % (name, self.chance.choice((b"", b" ", b"\t ")), self._word()) for name in names
        )

    def _word(self) -> bytes:
        return bytes(self.chance.choices(b'abc ;=,"\xe9', k=self.chance.randrange(9)))

    def _bytes(self, most: int) -> bytes:
        return self.chance.randbytes(
            self.chance.choice((0, 1, self.chance.randrange(60), self.chance.randrange(most)))
        )

    def _chunked(self, body: bytes, *, extensions: bool) -> bytes:
        coded = b""
        while body:
            size = self.chance.randrange(1, len(body) + 1)
            extra = self.chance.choice((b"", b"", b";a=b", b' ; c="d"')) if extensions else b""
            coded += (
                self.chance.choice((b"%x", b"%X", b"00%x")) % size + extra + b"\r\n" + body[:size] + b"\r\n"
            )
            body = body[size:]
        return coded + b"0\r\n" + self.chance.choice((b"", b"", b"X-T: u\r\n")) + b"\r\n"
