"""Numbers and texts from the beginning of a file, one after another, and never more than a bound of it."""

import struct
from typing import BinaryIO

from agent.models.refusal import ModelRefused

HEADER_MOST = 64 * 2**20
"""Bytes of a header. Vocabularies of a million words stay below."""
ITEMS_MOST = 4_000_000
"""Items in all lists of a header that are looked at one by one: each costs a step, some are kept."""


class HeaderReader:
    """Little-endian. Every method raises ModelRefused where the file ends too early or the header is too large."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        """`file`: at its beginning. `size`: bytes in it."""
        self._file = file
        self._size = size
        self._items = 0
        self.at = 0
        """Bytes read or skipped."""

    @property
    def left(self) -> int:
        """Bytes of the file behind this place."""
        return self._size - self.at

    def bytes(self, count: int) -> bytes:
        """The next ones."""
        self._step(count)
        data = self._file.read(count)
        if len(data) != count:
            raise ModelRefused("the file ends inside its header")
        return data

    def skip(self, count: int) -> None:
        """Over bytes that nobody needs."""
        self._step(count)
        self._file.seek(count, 1)

    def skip_texts(self, count: int) -> None:
        """Over so many texts, each behind its length."""
        self._count(count)
        for _ in range(count):
            self.skip(int.from_bytes(self.bytes(8), "little"))

    def number(self, layout: str) -> int:
        """A whole number; `layout` is that of struct."""
        return int(self.value(layout))

    def value(self, layout: str) -> float:
        """One of whatever kind."""
        (value,) = struct.unpack("<" + layout, self.bytes(struct.calcsize("<" + layout)))
        return value  # type: ignore[no-any-return]

    def text(self, longest: int) -> str:
        """A text behind its length in bytes; one beyond `longest` is refused, bad UTF-8 is replaced."""
        length = self.number("Q")
        if length > longest:
            raise ModelRefused(f"its header has a name of {length:,} bytes")
        return self.bytes(length).decode("utf-8", "replace")

    def numbers(self, layout: str, count: int) -> list[float]:
        """So many in a row."""
        self._count(count)
        return [self.value(layout) for _ in range(count)]

    def _count(self, items: int) -> None:
        self._items += items
        if self._items > ITEMS_MOST:
            raise ModelRefused(f"its header has lists of more than {ITEMS_MOST:,} items")

    def _step(self, count: int) -> None:
        if count > self.left:
            raise ModelRefused("the file ends inside its header")
        if self.at + count > HEADER_MOST:
            raise ModelRefused(f"its header is larger than {HEADER_MOST >> 20} MiB")
        self.at += count
