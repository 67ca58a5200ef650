"""What the table can say of a field, and how a request is made from what it says."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeGuard

from msgspec import Struct

from shared.errors import CallerFault, EngineLacks


class Source(Struct, frozen=True):
    """The whole call, for conversions that look beside their own field."""

    body: Mapping[str, Any]
    context_length: int | None = None
    """Tokens that the loaded model offers the call; None: unknown."""


Conversion = Callable[[Any, Source], Any]
"""A field's value in the other API's words; None: nothing is to be said. Raises CallerFault."""


def unchanged(value: Any, _source: Source) -> Any:
    """Both APIs say it alike."""
    return value


class Mapped(Struct, frozen=True):
    """Said as field `to` (dots for fields inside fields)."""

    to: str
    by: Conversion = unchanged


class Spread(Struct, frozen=True):
    """Said as several fields; `by` gives an object with them. `to` is empty where a table of its own names them."""

    to: tuple[str, ...]
    by: Conversion


class Joined(Struct, frozen=True):
    """Said by another field's conversion, which reads it."""

    field: str
    check: Conversion = unchanged
    """Raises CallerFault for a value that is wrong whether or not the other field is there."""


class Answered(Struct, frozen=True):
    """Heeded when the answer is written."""

    how: str
    check: Conversion = unchanged
    """Raises CallerFault for a value that cannot be heeded."""


class Satisfied(Struct, frozen=True):
    """These values ask for what is so anyway; any other is refused."""

    values: tuple[Any, ...]
    why: str


class Inert(Struct, frozen=True):
    """Cannot change the answer: it asks for how a model is loaded, for speed, or for bookkeeping elsewhere."""

    why: str


class Ours(Struct, frozen=True):
    """For the coordinator, which has read it."""

    why: str


class Refused(Struct, frozen=True):
    """The engine cannot be told. An empty value asks for nothing."""

    why: str


class Passed(Struct, frozen=True):
    """Unknown here: under its own name."""


Rule = Mapped | Spread | Joined | Answered | Satisfied | Inert | Ours | Refused | Passed


class Table(Struct, frozen=True):
    """What becomes of each field of one kind of object."""

    rules: Mapping[str, Rule]
    unknown: Rule
    """For fields that are not listed."""
    inside: str = ""
    """How an error names the object: `options.`, or empty for the body."""

    def rule(self, name: str) -> Rule:
        """Of one field."""
        return self.rules.get(name, self.unknown)


def translated(table: Table, fields: Any, source: Source) -> dict[str, Any]:
    """The request that `fields` become. Raises CallerFault that names the field which cannot be said."""
    if not isinstance(fields, Mapping):
        raise CallerFault(f"{table.inside.rstrip('.') or 'the body'}: expected an object")
    made: dict[str, Any] = {}
    for name, value in fields.items():
        if value is None:
            continue  # an explicit null is the caller's way of leaving a field out
        for path, said in _said(table, name, value, source):
            _put(made, path, said, table.inside + name)
    return made


def _said(table: Table, name: str, value: Any, source: Source) -> Iterator[tuple[list[str], Any]]:
    rule = table.rule(name)
    if isinstance(rule, Mapped):
        yield rule.to.split("."), rule.by(value, source)
    elif isinstance(rule, Spread):
        yield from (([each], said) for each, said in rule.by(value, source).items())
    elif isinstance(rule, Passed):
        yield [name], value
    elif isinstance(rule, Answered | Joined):
        rule.check(value, source)
    elif _refuses(rule, value):
        raise EngineLacks(f"{table.inside}{name}: {rule.why}")


def _refuses(rule: Rule, value: Any) -> TypeGuard[Satisfied | Refused]:
    if isinstance(rule, Satisfied):
        return value not in rule.values
    return isinstance(rule, Refused) and bool(value)


def _put(made: dict[str, Any], path: list[str], value: Any, name: str) -> None:
    """Objects are joined. Raises CallerFault where two fields say different things."""
    first, *rest = path
    known = made.get(first)
    if value is None:
        return
    if rest:
        _put(made.setdefault(first, {}), rest, value, name)
    elif isinstance(known, dict) and isinstance(value, Mapping):
        made[first] = joined = dict(known)  # what is inside is the caller's own as yet
        for inner, each in value.items():
            _put(joined, [inner], each, name)
    elif first in made and known != value:
        raise CallerFault(f"{name}: another field says something else of {first}")
    else:
        made[first] = (
            dict(value) if isinstance(value, Mapping) else value
        )  # the caller's own is never changed
