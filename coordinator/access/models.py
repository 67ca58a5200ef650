"""Which models a principal may ask for. Pure."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TypeVar

from coordinator.access.principal import Principal
from shared.errors import Forbidden
from shared.names import ModelName, normalise

Entry = TypeVar("Entry")


def may_ask(principal: Principal, model: str) -> bool:
    """By name, with or without `:latest`, or by a pattern such as `qwen3*`."""
    if principal.models is None:
        return True
    name = normalise(model)
    return any(name == normalise(each) or fnmatchcase(name, each) for each in principal.models)


def check_models(principal: Principal, *models: str) -> None:
    """Raises Forbidden for the first that it may not ask, in the same words whether the fleet has it or not."""
    if principal.models is None:
        return
    for model in models:
        if not may_ask(principal, model):
            raise Forbidden(
                f'the key "{principal.name}" may not ask for model "{model}";'
                f" one that may: herd key create --name NAME --model {model}"
            )


def askable(principal: Principal, entries: Mapping[ModelName, Entry]) -> list[Entry]:
    """Of a list of models, by normalised name, what it may ask for."""
    if principal.models is None:
        return list(entries.values())
    return [entry for name, entry in entries.items() if may_ask(principal, name)]
