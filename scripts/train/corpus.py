"""The text that herd-guide is trained on: questions in many spellings, their answers, and whole conversations.

Everything is made from intents.toml and other.toml, written for this, and from a seed. No torch here.
"""

import random
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from scripts.train.phrases import Phrase, Words, parse, parse_list, say, squeezed

HERE = Path(__file__).parent
UNKNOWN, CONFUSED, LANGUAGE = "unknown", "confused", "language"
UNKNOWN_SHARE, CONFUSED_SHARE = 0.27, 0.04
"""Of all questions."""
ALIEN_SHARE = 0.2
"""Of the questions about languages: in another script."""
LONG_SHARE = 0.05
"""Of the questions of both: as long as the model ever sees one."""
QUESTION_LENGTH, ANSWER_LENGTH, SYSTEM_LENGTH, HISTORY = 240, 280, 240, 5
"""What the model sees: characters of a question, an answer and a system prompt, and how many of the last messages."""
NONSENSE = ("x", "a", "ha", "la ", "!", "?", ".", "-", "1", "x ", "no ", "1 2 ", "\n", "#", "bla ", "asdf ")
WEIGHTS = {
    "hello": 2.5,
    "who": 2.5,
    "herd": 2.5,
    "add_machine": 3.0,
    "pull": 3.0,
    "help": 1.5,
    "language": 1.5,
    "how_are_you": 1.5,
}
"""How often an intent is asked, where not once."""
_DROPPABLE = "a an the to do i is my of in on for can you me it please that this are does how what with"
DROPPABLE = frozenset(_DROPPABLE.split())
"""Words that a question can do without."""
KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


@dataclass(frozen=True)
class Intent:
    """One thing that is asked: its answer, phrasings to train on, and phrasings kept for the evaluation."""

    name: str
    answer: str
    questions: tuple[Phrase, ...]
    held_out: tuple[str, ...]


@dataclass(frozen=True)
class Corpus:
    """All that is known. `kept_back`: squeezed phrasings that training must not show."""

    intents: dict[str, Intent]
    words: Words
    before: tuple[str, ...]
    after: tuple[str, ...]
    system: tuple[str, ...]
    kept_back: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True)
class Turn:
    """A message. `learned`: whether training asks for it."""

    role: str
    content: str
    learned: bool = False


def load(directory: Path = HERE) -> Corpus:
    """Reads both files. Raises ValueError for a phrase that is written wrong."""
    known = tomllib.loads((directory / "intents.toml").read_text())
    other = tomllib.loads((directory / "other.toml").read_text())
    rows = [*known["intent"], *({"name": name} | other[name] for name in (UNKNOWN, CONFUSED))]
    intents = {
        row["name"]: Intent(
            row["name"], row["answer"], tuple(map(parse, row["questions"])), tuple(row["held_out"])
        )
        for row in rows
    }
    lists = known["words"] | other["words"]
    wrapping = other["wrapping"]
    return Corpus(
        intents,
        {name: parse_list(text) for name, text in lists.items()},
        *(tuple(wrapping[name]) for name in ("before", "after", "system")),
        frozenset(squeezed(text) for intent in intents.values() for text in intent.held_out),
    )


def question(corpus: Corpus, intent: Intent, source: random.Random) -> str:
    """A phrasing of the intent, varied, and none that is kept back."""
    if intent.name in (UNKNOWN, CONFUSED) and source.random() < LONG_SHARE:
        return _long(corpus, intent, source)
    if intent.name == LANGUAGE and source.random() < ALIEN_SHARE:
        return _alien(source)
    while True:
        plain = say(source.choice(intent.questions), corpus.words, source)
        if len(plain) > 3 and squeezed(plain) in corpus.kept_back:
            continue
        text = (
            plain if not squeezed(plain) else varied(plain, corpus, source, wrapped=intent.name != CONFUSED)
        )
        if text and squeezed(text) not in corpus.kept_back:
            return text


def _long(corpus: Corpus, intent: Intent, source: random.Random) -> str:
    """Sentence after sentence of what is not known, or the same nonsense over and over."""
    if intent.name == UNKNOWN:
        said = [
            say(source.choice(intent.questions), corpus.words, source) for _ in range(source.randint(2, 12))
        ]
        return ". ".join(said)[:QUESTION_LENGTH]
    piece = source.choice(NONSENSE)
    return (piece * source.randint(4, QUESTION_LENGTH))[:QUESTION_LENGTH].strip() or "?"


def varied(text: str, corpus: Corpus, source: random.Random, *, wrapped: bool) -> str:
    """With fillers, words dropped, typing errors and other punctuation, each now and then. All lower case."""
    words = text.lower().split()
    if len(words) > 3 and source.random() < 0.08:
        words = [word for word in words if word not in DROPPABLE] or words
    elif len(words) > 3 and source.random() < 0.12:
        gone = source.choice([at for at, word in enumerate(words) if word in DROPPABLE] or [-1])
        words = [word for at, word in enumerate(words) if at != gone]
    if wrapped and source.random() < 0.25:
        words = source.choice(corpus.before).split() + words
    if wrapped and source.random() < 0.12:
        words += source.choice(corpus.after).split()
    if source.random() < 0.3:
        for _ in range(source.choice([1, 1, 1, 2, 3])):
            at = source.randrange(len(words))
            words[at] = mistyped(words[at], source)
    return punctuated(" ".join(words), source)


def mistyped(word: str, source: random.Random) -> str:
    """With one typing error; a short word stays."""
    if len(word) < 3:
        return word
    at = source.randrange(len(word) - 1)
    here, following = word[at], word[at + 1]
    return source.choice(
        [
            word[:at] + following + here + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + here + word[at:],
            word[:at] + _beside(here, source) + word[at + 1 :],
            word[: at + 1] + source.choice("abcdefghijklmnopqrstuvwxyz") + word[at + 1 :],
            word[:at] + here + " " + word[at + 1 :] if source.random() < 0.2 else word.replace("'", ""),
        ]
    )


def _beside(letter: str, source: random.Random) -> str:
    """A key beside that of the letter."""
    for row in KEYBOARD:
        if (at := row.find(letter)) >= 0:
            return source.choice(row[max(0, at - 1) : at + 2])
    return letter


def punctuated(text: str, source: random.Random) -> str:
    """Its end as people write it."""
    end = source.choice(["", "", "", "?", "?", "?", ".", "!", "??", "...", " ?", "?!"])
    if source.random() < 0.15:
        text = text.replace(",", "")
    return text if text.endswith(("?", "!", ".")) else text + end


def _alien(source: random.Random) -> str:
    """Letters of another script, as many as fit."""
    first = source.choice(
        [0xE0, 0x391, 0x410, 0x5D0, 0x627, 0x905, 0xE01, 0x3042, 0x4E00, 0x6C34, 0xAC00, 0x1F400]
    )
    letters = [
        chr(first + source.randrange(source.choice([1, 20]))) for _ in range(source.choice([1, 4, 12, 40]))
    ]
    return "".join(letters) * source.choice([1, 1, 1, 2, 3])


def chosen(corpus: Corpus, source: random.Random) -> Intent:
    """An intent, as often as people would ask for it."""
    draw = source.random()
    if draw < UNKNOWN_SHARE:
        return corpus.intents[UNKNOWN]
    if draw < UNKNOWN_SHARE + CONFUSED_SHARE:
        return corpus.intents[CONFUSED]
    known = [intent for name, intent in corpus.intents.items() if name not in (UNKNOWN, CONFUSED)]
    return source.choices(known, [WEIGHTS.get(intent.name, 1.0) for intent in known])[0]


def conversation(corpus: Corpus, source: random.Random) -> list[Turn]:
    """One to four questions and their answers, with or without a system prompt."""
    turns = [Turn("system", _system(corpus, source))] if source.random() < 0.25 else []
    asked = source.choices([1, 2, 3, 4], [0.74, 0.15, 0.08, 0.03])[0]
    for number in range(asked):
        intent = chosen(corpus, source)
        turns.append(Turn("user", question(corpus, intent, source)))
        if number < asked - 1 and source.random() < 0.25:
            turns.append(Turn("assistant", _somebody_elses(corpus, intent, source)))
        else:
            turns.append(Turn("assistant", intent.answer, learned=True))
    if asked > 1 and source.random() < 0.2:  # a long history is cut anywhere
        del turns[: source.choice([1, 2])]
    return turns


def _system(corpus: Corpus, source: random.Random) -> str:
    if source.random() < 0.15:
        return question(corpus, chosen(corpus, source), source)
    said = " ".join(source.sample(corpus.system, source.choice([1, 1, 1, 2, 3]))).lower()
    return (said + " ") * (SYSTEM_LENGTH // len(said)) if source.random() < 0.1 else said


def _somebody_elses(corpus: Corpus, intent: Intent, source: random.Random) -> str:
    """What may stand in a history: an answer that was cut, nothing, or another model's words."""
    if source.random() < 0.4:
        return intent.answer[: source.randrange(len(intent.answer))].strip()
    said = [question(corpus, chosen(corpus, source), source) for _ in range(source.randint(0, 4))]
    return " ".join(sentence.capitalize() for sentence in said)[:ANSWER_LENGTH]
