"""What is drawn beside words: symbols of states and phases, bars, a line of past figures. Pure."""

from collections.abc import Mapping, Sequence

from msgspec import Struct


class Glyphs(Struct, frozen=True):
    """One set. Each symbol is one column wide."""

    states: dict[str, str]
    other: str
    full: str
    parts: str
    """Of one cell of a bar, from a little to nearly full."""
    empty: str
    steps: str
    """Of a line of figures, from nothing to the most."""
    more: str
    up: str
    down: str
    dot: str


UNICODE = Glyphs(
    states={
        **{"ready": "●", "busy": "▶", "draining": "▼", "drained": "▽", "cordoned": "◌", "paused": "◇"},
        **{
            "lost": "✖",
            "left": "✖",
            "no engine": "✖",
            "held": "…",
            "loading": "↑",
            "prefill": "»",
            "decode": "▶",
        },
        **{"join": "+", "leave": "✖", "crash": "✖", "drain": "▼", "retry": "↻", "error": "!", "engine": "●"},
        **{"degraded": "◐", "state": "●"},
    },
    other="◐",
    full="█",
    parts="▏▎▍▌▋▊▉",
    empty="░",
    steps=" ▁▂▃▄▅▆▇█",
    more="…",
    up="▲",
    down="▼",
    dot="·",
)
ASCII = Glyphs(
    states={
        **{"ready": "*", "busy": ">", "draining": "v", "drained": "_", "cordoned": "o", "paused": "z"},
        **{
            "lost": "x",
            "left": "x",
            "no engine": "x",
            "held": ".",
            "loading": "^",
            "prefill": "=",
            "decode": ">",
        },
        **{"join": "+", "leave": "x", "crash": "x", "drain": "v", "retry": "r", "error": "!", "engine": "*"},
        **{"degraded": "~", "state": "*"},
    },
    other="~",
    full="#",
    parts="",
    empty=".",
    steps=" .:-=+*#@",
    more="~",
    up="^",
    down="v",
    dot="|",
)

PLAIN_LOCALES = ("C", "POSIX")
ASCII_TERMINALS = ("dumb", "linux")


def fitting(encoding: str, environment: Mapping[str, str], platform: str) -> Glyphs:
    """What a terminal can show, by its own word. `encoding`: of standard output; `platform` as in sys.

    In a C locale Python writes UTF-8 all the same: the locale itself is asked. Windows has none.
    """
    if not encoding.lower().replace("-", "").startswith("utf"):
        return ASCII
    if platform == "win32":
        return UNICODE
    names = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next(filter(None, names), PLAIN_LOCALES[0])
    plain = locale in PLAIN_LOCALES or environment.get("TERM") in ASCII_TERMINALS
    return ASCII if plain else UNICODE


STYLES = {
    **dict.fromkeys(("ready", "busy", "decode", "join", "engine", "state"), "green"),
    **dict.fromkeys(("draining", "drained", "cordoned", "paused", "loading", "drain", "retry"), "yellow"),
    **dict.fromkeys(("lost", "left", "no engine", "leave", "crash", "error"), "bold red"),
    **{"prefill": "cyan", "held": "magenta"},
}
"""Colours say nothing that symbol and word do not say."""
OTHER_STYLE = "yellow"
HIGH, FULL = 0.75, 0.9
"""From here on a bar is yellow, or red."""


def symbol(word: str, glyphs: Glyphs) -> str:
    """Of a state, a phase or a kind of event."""
    return glyphs.states.get(word, glyphs.other)


def style_of(word: str) -> str:
    """Its colour."""
    return STYLES.get(word, OTHER_STYLE)


def bar(share: float, width: int, glyphs: Glyphs) -> str:
    """`share` from 0 to 1 in so many cells."""
    share = min(1.0, max(0.0, share))
    steps = len(glyphs.parts) + 1
    whole, part = divmod(round(share * width * steps), steps)
    drawn = glyphs.full * whole + (glyphs.parts[part - 1] if part else "")
    return drawn + glyphs.empty * (width - len(drawn))


def load_style(share: float) -> str:
    """Of a bar."""
    return "red" if share >= FULL else "yellow" if share >= HIGH else "green"


def sparkline(values: Sequence[float], width: int, glyphs: Glyphs) -> str:
    """The newest `width` values, the highest of them at full height, newest to the right."""
    newest = list(values)[-width:] if width > 0 else []
    most = max(newest, default=0.0)
    top = len(glyphs.steps) - 1
    drawn = "".join(glyphs.steps[_step(value, most, top)] for value in newest)
    return drawn.rjust(width)


def _step(value: float, most: float, top: int) -> int:
    """Anything above nothing is seen."""
    return 0 if value <= 0 or most <= 0 else max(1, round(value / most * top))
