"""What fits a setting, in words for a person: from its type and its Meta. Pure."""

from typing import Annotated, Any, Literal, get_args, get_origin

EXPECTED = "expected"
"""In the `extra` of a setting's Meta: what fits, in words; for a person a pattern is none."""
LARGEST = 2**53
"""No number of a setting is larger: beyond it JSON's readers and clocks take it for another one."""
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def expected(annotated: Any) -> str:
    """`expected a whole number from 0 to 65535`; empty: the type says nothing to a person."""
    kind, metas = _plain(annotated)
    told = [getattr(meta, "extra", None) or {} for meta in metas]
    if words := next((extra[EXPECTED] for extra in told if EXPECTED in extra), ""):
        return f"expected {words}"
    if get_origin(kind) is Literal:
        return f"expected {' or '.join(map(str, get_args(kind)))}"
    if get_origin(kind) is tuple:
        return 'expected a list of texts, as ["a", "b"], or a,b in an environment'
    if kind not in _KINDS or any(getattr(meta, "pattern", None) for meta in metas):
        return ""
    bounds = _bounds(metas) if kind in (int, float) else ""
    return f"expected {_KINDS[kind]}{bounds}"


def _plain(annotated: Any) -> tuple[Any, tuple[Any, ...]]:
    if get_origin(annotated) is not Annotated:
        return annotated, ()
    kind, *metas = get_args(annotated)
    return kind, tuple(metas)


def _bounds(metas: tuple[Any, ...]) -> str:
    """` from 0 to 10`, ` above 0`; numbers without a most have LARGEST, which few people need to be told."""
    found = {
        name: bound
        for meta in metas
        for name in ("ge", "gt", "le", "lt")
        if (bound := getattr(meta, name, None)) is not None
    }
    if "ge" in found and "le" in found:
        return f" from {found['ge']} to {found['le']}"
    words = {"ge": "of at least", "gt": "above", "le": "of at most", "lt": "below"}
    parts = [f"{words[name]} {bound}" for name, bound in found.items()]
    return f" {' and '.join(parts)}" if parts else ""
