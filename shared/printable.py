"""Text from elsewhere, made harmless for a terminal."""

import unicodedata

STAYS = "\n\t"
TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What makes letters run the other way: a text could show another one than it is."""


def printable(text: str) -> str:
    """One line: what cannot be printed, line ends too, as escapes."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


def printable_lines(text: str) -> str:
    """Likewise, and line ends stay."""
    return text if text.isprintable() else "\n".join(map(printable, text.split("\n")))


def harmless(text: str) -> str:
    """A model's words as a terminal may have them: without what steers it; every script and every blank stays."""
    if text.isprintable():
        return text
    return "".join(letter for letter in text if letter in STAYS or not _steers(letter))


def _steers(letter: str) -> bool:
    return letter in TURNS or unicodedata.category(letter) in ("Cc", "Cs")
