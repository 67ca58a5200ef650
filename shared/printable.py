"""Text from elsewhere, made harmless for a terminal."""


def printable(text: str) -> str:
    """One line: what cannot be printed, line ends too, as escapes."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )
