"""The tree at the top of shared/errors.py is what the classes below it are."""

import inspect
import re

import pytest

from shared import errors
from shared.errors import BodyTooLarge, EngineBusy, EngineFault, FleetError, MethodNotAllowed, ModelNotFound

LINE = re.compile(r"^(?P<lead>[│├└─ ]*)(?P<name>[A-Z]\w+)\s+(?P<status>\d{3}|\S+)?\s*(?P<rest>.*)$")


def drawn() -> dict[str, tuple[str | None, str | None, str]]:
    """Name -> parent, status and what follows, as drawn."""
    found: dict[str, tuple[str | None, str | None, str]] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines()[2:]:
        if match := LINE.match(line):
            del above[len(match["lead"]) // 4 :]
            found[match["name"]] = (above[-1] if above else None, match["status"], match["rest"])
            above.append(match["name"])
    return found


CLASSES = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, FleetError) and kind is not FleetError
}


def test_every_error_is_drawn() -> None:
    assert set(drawn()) == {"FleetError", *CLASSES}


@pytest.mark.parametrize("name", sorted(CLASSES.keys() & drawn().keys()))
def test_parent_status_and_elsewhere_are_as_drawn(name: str) -> None:
    parent, status, rest = drawn()[name]
    kind = CLASSES[name]
    assert kind.__bases__[0].__name__ == parent
    if status is not None and status.isdigit():
        assert kind.status == int(status)
    if rest.startswith("yes"):
        assert kind.elsewhere
    if rest.startswith(("no:", "later:")):
        assert not kind.elsewhere


def test_what_an_error_carries() -> None:
    error = EngineBusy("full", retry_after=3)
    assert (str(error), error.retry_after, error.status, error.code) == ("full", 3, 503, "engine_busy")
    assert ModelNotFound("x").retry_after is None
    assert MethodNotAllowed("x", allowed="GET, HEAD").allowed == "GET, HEAD"
    assert EngineFault("x", status=422).status == 422
    assert EngineFault.status == 400


def test_kinds_are_openais() -> None:
    assert BodyTooLarge("x").kind == "invalid_request_error"
    assert EngineBusy("x").kind == "server_error"
