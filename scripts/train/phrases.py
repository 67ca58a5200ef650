"""Phrases with choices, as intents.toml and other.toml write them.

(a|b) is a choice, [a] may be missing, {name} is one of a word list. {number}, {nonsense} and {gibberish} are made up.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

_SYLLABLES = """
ba bo bri cro da dru fel fi gar glo ha hu ji ka kor la lin mo mur na nix ol pa plo qua ra rel sa sko ta thi tor
ul va vek wi wor xa ya zo zin st er ing ock um ia esh
"""
SYLLABLES = _SYLLABLES.split()
"""Of words that mean nothing."""

Words: TypeAlias = dict[str, list["Phrase"]]


@dataclass(frozen=True)
class Text:
    """Words as they are."""

    text: str


@dataclass(frozen=True)
class Choice:
    """One of several."""

    options: tuple["Phrase", ...]


@dataclass(frozen=True)
class Name:
    """One of a word list, or something made up."""

    name: str


Part: TypeAlias = Text | Choice | Name
Phrase: TypeAlias = tuple[Part, ...]


def parse(text: str) -> Phrase:
    """Raises ValueError for brackets that do not match, and for a choice outside brackets."""
    options = parse_list(text)
    if len(options) != 1:
        raise ValueError(f"a choice stands in brackets, to match: {text}")
    return options[0]


def parse_list(text: str) -> list[Phrase]:
    """a|b|c"""
    return _options(re.findall(r"[][(){}|]|[^][(){}|]+", text), "")[0]


def _options(tokens: list[str], end: str) -> tuple[list[Phrase], list[str]]:
    """Phrases up to the bracket `end`, and what follows it."""
    options: list[Phrase] = []
    parts: list[Part] = []
    while tokens:
        token, *tokens = tokens
        if token == end:
            return [*options, tuple(parts)], tokens
        if token == "|":
            options.append(tuple(parts))
            parts = []
        elif token in "([":
            inner, tokens = _options(tokens, ")" if token == "(" else "]")
            parts.append(Choice(tuple(inner if token == "(" else [*inner, ()])))
        elif token == "{":
            name, close, *tokens = tokens
            if close != "}":
                raise ValueError(f"no end of the name {name}")
            parts.append(Name(name))
        elif token in ")]}":
            raise ValueError(f"{token} closes nothing")
        else:
            parts.append(Text(token))
    if end:
        raise ValueError(f"{end} is missing")
    return [*options, tuple(parts)], tokens


def say(phrase: Phrase, words: Words, source: random.Random) -> str:
    """One of the texts that the phrase allows, with single spaces."""
    return " ".join("".join(_said(phrase, words, source)).split()).replace(" ,", ",").replace(" .", ".")


def _said(phrase: Phrase, words: Words, source: random.Random) -> list[str]:
    pieces: list[str] = []
    for part in phrase:
        match part:
            case Text(text):
                pieces.append(text)
            case Choice(options):
                pieces += _said(source.choice(options), words, source)
            case Name(name):
                made = MADE_UP.get(name)
                pieces += [made(source)] if made else _said(source.choice(words[name]), words, source)
    return pieces


def _number(source: random.Random) -> str:
    return str(source.randrange(10 ** source.choice([1, 2, 2, 3, 4])))


def _nonsense(source: random.Random) -> str:
    return "".join(source.choices(SYLLABLES, k=source.choice([2, 2, 3])))


def _gibberish(source: random.Random) -> str:
    letters = source.choice(["abcdefghijklmnopqrstuvwxyz", "asdfghjkl", "bcdfghjklmnpqrstvwxz", "qwertyuiop"])
    return "".join(source.choices(letters, k=source.randint(3, 9)))


MADE_UP: dict[str, Callable[[random.Random], str]] = {
    "number": _number,
    "nonsense": _nonsense,
    "gibberish": _gibberish,
}
MADE_UP_PATTERNS = {
    "number": r"\d+",
    "nonsense": f"(?:{'|'.join(SYLLABLES)}){{2,3}}",
    "gibberish": "[a-z]{3,9}",
}


def pattern(phrase: Phrase, words: Words) -> str:
    """A regular expression of all that the phrase allows, spaces and punctuation left out."""
    pieces = []
    for part in phrase:
        match part:
            case Text(text):
                pieces.append(re.escape(squeezed(text)))
            case Choice(options):
                pieces.append(_any(options, words))
            case Name(name):
                pieces.append(MADE_UP_PATTERNS.get(name) or _any(tuple(words[name]), words))
    return "".join(pieces)


def _any(options: tuple[Phrase, ...], words: Words) -> str:
    return f"(?:{'|'.join(pattern(option, words) for option in options)})"


def squeezed(text: str) -> str:
    """Lower case letters and digits alone: how phrasings are compared."""
    return "".join(character for character in text.lower() if character.isalnum())
