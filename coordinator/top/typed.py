"""What a person types after the colon. Pure."""

from msgspec import Struct

from coordinator.top.views import VIEWS, View, named
from shared.durations import seconds
from shared.names import near

INTERVALS_S = (0.5, 1.0, 2.0, 5.0, 10.0)
"""How often the screen is drawn."""


class Command(Struct, frozen=True):
    """One of these is set; none where nothing was typed."""

    view: str = ""
    sort: str = ""
    every_s: float = 0.0
    leave: bool = False
    keys: bool = False
    wrong: str = ""
    """What was not understood."""


def command(typed: str, view: View) -> Command:
    """`nodes`, `sort RUN`, `every 2s`, `help`, `q`. `view`: the one that is seen."""
    word, _, rest = typed.strip().lower().partition(" ")
    if not word:
        return Command()
    if word in ("q", "quit", "exit", "q!"):
        return Command(leave=True)
    if word in ("help", "keys", "h", "?"):
        return Command(keys=True)
    if word == "sort":
        return _sort(rest.strip(), view)
    if word == "every":
        return _every(rest.strip())
    found = named(word)
    if found is not None:
        return Command(view=found.name)
    known = [*(each.name for each in VIEWS), "sort", "every", "help", "quit"]
    hint = f"; did you mean {' or '.join(near(word, known))}?" if near(word, known) else ""
    return Command(wrong=f"no command {word!r}{hint}")


def _sort(wanted: str, view: View) -> Command:
    titles = [each.title for each in view.columns if wanted and each.title.lower().startswith(wanted)]
    if titles:
        return Command(sort=titles[0])
    if not wanted:
        return Command(wrong="sort NAME: by the column that begins so; w shows all of them")
    close = near(wanted.upper(), [each.title for each in view.columns])
    hint = f"did you mean {' or '.join(close)}?" if close else "w shows all of them"
    return Command(wrong=f"no column {wanted!r}; {hint}")


def _every(wanted: str) -> Command:
    try:
        told = seconds(wanted)
    except ValueError as error:
        return Command(wrong=str(error))
    return Command(every_s=min(INTERVALS_S[-1], max(INTERVALS_S[0], told)))
