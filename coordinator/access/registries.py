"""From where a model may be pulled, and by whom. Pure."""

from collections.abc import Iterable

from coordinator.access.principal import Principal
from shared.errors import Forbidden
from shared.names import ModelName

OLLAMAS = ("registry.ollama.ai", "ollama.com")
"""Names of the registry that a model without one comes from."""
_SHOWN = 100


class Registries:
    """`trusted`: further ones that the owner named (FLEET_REGISTRY_HOSTS)."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted = frozenset((*OLLAMAS, *(each.lower() for each in trusted)))

    def check(self, principal: Principal, model: ModelName) -> None:
        """Raises Forbidden: anybody may run a registry, and its models are files that engines read."""
        host = registry_of(model)
        if host and host not in self._trusted and "admin" not in principal.scopes:
            raise Forbidden(
                f"pulls from {host[:_SHOWN]} need the scope admin: ask from the coordinator's own machine, with a key "
                f"(herd key create --scope admin), or trust that registry: FLEET_REGISTRY_HOSTS={host[:_SHOWN]}"
            )


def registry_of(model: ModelName) -> str:
    """[HOST/][NAMESPACE/]NAME:TAG; empty: the default one. What looks like a host in doubt is one."""
    first, slash, rest = model.lower().partition("/")
    return first if slash and ("/" in rest or "." in first or ":" in first) else ""
