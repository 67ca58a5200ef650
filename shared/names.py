"""Names that travel: nodes, models, calls. One spelling of a model name for comparing."""

import difflib
import re
from collections.abc import Iterable
from typing import NewType

NodeId = NewType("NodeId", str)
ModelName = NewType("ModelName", str)
"""A model name with its tag, as `normalise` writes it: `llama3.2:latest`, `hf.co/u/m:Q4_K_M`."""
CallId = NewType("CallId", str)

MODEL_NAME_LIMIT = 512
"""Characters. Longer than any registry's, short enough for a header and a log line."""

COMPARED = 100
"""Names that `near` compares one by one; of more, only those that begin alike."""

_CALL_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def normalise(name: str) -> ModelName:
    """The name with `:latest` where it has no tag. A colon before the last slash is a registry's port."""
    name = name.strip()
    return ModelName(name if ":" in name.rpartition("/")[2] else f"{name}:latest")


def is_model_name(name: str) -> bool:
    """Whether it can go into a header, a log line and a beat as it is."""
    return 0 < len(name) <= MODEL_NAME_LIMIT and name.isprintable() and bool(name.strip())


def near(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Up to `most` known names that look like this one, best first; none for what is too long to be a name."""
    if len(name) > MODEL_NAME_LIMIT:
        return []
    spelt = {each.removesuffix(":latest"): each for each in known}
    if len(spelt) > COMPARED:
        spelt = {short: each for short, each in spelt.items() if short[:2] == name[:2]}
    close = difflib.get_close_matches(name.removesuffix(":latest"), list(spelt), n=most, cutoff=0.5)
    return [spelt[each] for each in close]


def acceptable_call_id(text: str | None) -> CallId | None:
    """The caller's own request id, if it is one that can go into headers and logs as it is."""
    return CallId(text) if text and _CALL_ID.fullmatch(text) else None
