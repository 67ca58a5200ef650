"""A vocabulary in the manner of SentencePiece as llama.cpp reads it: pieces with scores, bytes for the rest.

A text is cut into characters; then, as long as two neighbours make a piece of the vocabulary, the two whose piece has
the highest score (the leftmost, if several have it) become one. A character without a piece is spelled in bytes.
"""

import functools
import itertools
import random
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

SPACE = "\u2581"
"""How a piece spells a space."""
UNKNOWN, START, END, TURN_START, TURN_END = "<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"
SPECIAL = (UNKNOWN, START, END, TURN_START, TURN_END)
CHARACTERS = (SPACE, "\n", *map(chr, range(0x21, 0x7F)))
ROLES = ("system\n", "user\n", "assistant\n")
WORD = re.compile(rf"{SPACE}?[A-Za-z]+|\d|{SPACE}?[^\sA-Za-z\d{SPACE}]|{SPACE}|\n")


@dataclass(frozen=True)
class Tokenizer:
    """`pieces` in the order of their numbers: SPECIAL, 256 bytes, CHARACTERS, then what was learned, best first."""

    learned: tuple[str, ...]

    @functools.cached_property
    def pieces(self) -> tuple[str, ...]:
        """All of them, bytes as <0x..>."""
        return (*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *CHARACTERS, *self.learned)

    @functools.cached_property
    def numbers(self) -> dict[str, int]:
        """Piece -> number."""
        return {piece: number for number, piece in enumerate(self.pieces)}

    @functools.cached_property
    def scores(self) -> list[float]:
        """By number. What was learned first has the highest; other pieces are no result of joining."""
        return [0.0] * (len(self.pieces) - len(self.learned)) + [
            -float(at) for at in range(len(self.learned))
        ]

    @functools.cached_property
    def _words(self) -> dict[str, list[int]]:
        return {}

    def encode(self, text: str, source: random.Random | None = None, dropout: float = 0.0) -> list[int]:
        """Numbers of `text`, which holds no special token. With `dropout` some words are left in smaller pieces."""
        numbers: list[int] = []
        for word in re.findall(rf"{SPACE}[^{SPACE}]*|[^{SPACE}]+", text.replace(" ", SPACE)):
            if source is not None and source.random() < dropout:
                numbers += self._spelled(joined(word, self._rank, source))
                continue
            if word not in self._words:
                self._words[word] = self._spelled(joined(word, self._rank))
            numbers += self._words[word]
        return numbers

    def decode(self, numbers: Iterable[int]) -> str:
        """The text; special tokens as they are written."""
        data = bytearray()
        for number in numbers:
            piece = self.pieces[number]
            byte = number - len(SPECIAL)
            data += bytes([byte]) if 0 <= byte < 256 else piece.replace(SPACE, " ").encode()
        return data.decode(errors="replace")

    @functools.cached_property
    def _rank(self) -> dict[str, int]:
        return {piece: rank for rank, piece in enumerate(self.learned)}

    def _spelled(self, symbols: list[str]) -> list[int]:
        numbers: list[int] = []
        for symbol in symbols:
            known = self.numbers.get(symbol)
            numbers += [len(SPECIAL) + byte for byte in symbol.encode()] if known is None else [known]
        return numbers


def joined(word: str, rank: dict[str, int], source: random.Random | None = None) -> list[str]:
    """The symbols of `word`; with a `source` of chance a third of the joins is left out."""
    symbols = list(word)
    skipped: set[str] = set()
    while True:
        pairs = [(rank.get(a + b, -1), at) for at, (a, b) in enumerate(itertools.pairwise(symbols))]
        possible = [(r, at) for r, at in pairs if r >= 0 and symbols[at] + symbols[at + 1] not in skipped]
        if not possible:
            return symbols
        _, at = min(possible)
        if source is not None and source.random() < 1 / 3:
            skipped.add(symbols[at] + symbols[at + 1])
            continue
        symbols[at : at + 2] = [symbols[at] + symbols[at + 1]]


def trained(texts: Iterable[str], size: int) -> Tokenizer:
    """A tokenizer of `size` pieces, learned by joining the most frequent pair of neighbours over and over."""
    counts = Counter(word for text in texts for word in WORD.findall(text.replace(" ", SPACE)))
    words = [(list(word), count) for word, count in sorted(counts.items())]
    learned = list(dict.fromkeys(role[:end] for role in ROLES for end in range(2, len(role) + 1)))
    pairs = _Pairs(words)
    for piece in learned:
        pairs.join(piece)
    while len(learned) < size - len(SPECIAL) - 256 - len(CHARACTERS) and (best := pairs.most_frequent()):
        learned.append(best)
        pairs.join(best)
    return Tokenizer(tuple(learned))


class _Pairs:
    """Counts of neighbours, kept up to date while words are joined."""

    def __init__(self, words: list[tuple[list[str], int]]) -> None:
        self._words = words
        self._counts: Counter[str] = Counter()
        self._where: dict[str, set[int]] = {}
        for at in range(len(words)):
            self._count(at, 1)

    def _count(self, at: int, sign: int) -> None:
        symbols, count = self._words[at]
        for a, b in itertools.pairwise(symbols):
            self._counts[a + b] += sign * count
            self._where.setdefault(a + b, set()).add(at)

    def most_frequent(self) -> str:
        """The piece that two neighbours make most often; empty where no two are left."""
        piece, count = max(self._counts.items(), key=lambda entry: (entry[1], entry[0]), default=("", 0))
        return piece if count else ""

    def join(self, piece: str) -> None:
        """Makes one of the two wherever they stand side by side."""
        for at in self._where.pop(piece, ()):
            symbols, count = self._words[at]
            self._count(at, -1)
            self._words[at] = (_merge(symbols, piece), count)
            self._count(at, 1)
        self._counts.pop(piece, None)


def _merge(symbols: list[str], piece: str) -> list[str]:
    merged: list[str] = []
    for symbol in symbols:
        if merged and merged[-1] + symbol == piece:
            merged[-1] = piece
        else:
            merged.append(symbol)
    return merged
