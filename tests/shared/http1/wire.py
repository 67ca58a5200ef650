"""A transport without a socket: what a protocol does to it is written down."""

import asyncio


class Wire(asyncio.Transport):
    """`feed` gives its protocol bytes, but none while it wants none."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.protocol = protocol
        self.out = bytearray()
        self.ended = False
        """Whether our side was ended."""
        self.lost = False
        self.held = False
        self.waiting: list[bytes] = []
        protocol.connection_made(self)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self.protocol = protocol

    def feed(self, *pieces: bytes) -> None:
        """As they come."""
        self.waiting.extend(pieces)
        while self.waiting and not self.held and not self.lost:
            self.protocol.data_received(self.waiting.pop(0))

    def end(self) -> None:
        """The peer's side ends."""
        if not self.lost and not self.protocol.eof_received():
            self.close()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended
        self.out += data

    def pause_reading(self) -> None:
        self.held = True

    def resume_reading(self) -> None:
        self.held = False
        asyncio.get_running_loop().call_soon(self.feed)

    def is_closing(self) -> bool:
        return self.lost

    def close(self) -> None:
        if not self.lost:
            self.lost = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass
