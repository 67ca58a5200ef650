"""Times as people type them: `90`, `30s`, `10m`, `1h30m`, as Ollama's keep_alive is written."""

import re

UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
LONGEST_S = 366 * 86_400.0

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_PLAIN = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


def seconds(text: str) -> float:
    """A number alone means seconds. Raises ValueError, with words for a person, for anything else and over a year."""
    typed = text.strip().lower()
    if _PLAIN.fullmatch(typed):
        total = float(typed)
    elif typed and _PART.sub("", typed) == "":
        total = sum(float(number) * UNITS_S[unit] for number, unit in _PART.findall(typed))
    else:
        raise ValueError(f"{text!r} is no time; write it as 30s, 10m or 1h30m")
    if total > LONGEST_S:
        raise ValueError(f"{text!r} is more than a year")
    return total


def told(number: float) -> str:
    """The other way, in whole seconds: 5400 is `1h30m`."""
    left = max(0, round(number))
    parts = []
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, int(UNITS_S[unit]))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
