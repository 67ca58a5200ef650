"""Commands of findings. Pure."""

from collections.abc import Mapping
from shlex import quote
from typing import Any

_OTHER_NAMES = {"console_log_level": "log_level", "enable_capacity_learning": "learn_capacity"}
"""Settings whose flag is called otherwise."""


def started(program: str, given: Mapping[str, Any] | None = None, /, **instead: Any) -> str:
    """The program with the flags that doctor was given, and `instead` of some of them others.

    `~` at the front of a value is left to the shell.
    """
    words = [program]
    for name, value in {**(given or {}), **instead}.items():
        flag = f"--{_OTHER_NAMES.get(name, name).replace('_', '-')}"
        for each in value if isinstance(value, tuple | list) else (value,):
            if each is True:
                words.append(flag)
            elif each is not None and each is not False:
                words += [flag, _quoted(str(each))]
    return " ".join(words)


def _quoted(text: str) -> str:
    return f"~/{quote(text[2:])}" if text.startswith("~/") and len(text) > 2 else quote(text)
