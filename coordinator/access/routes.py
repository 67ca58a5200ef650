"""Every route of the coordinator and who may ask for it. A route without a row is nobody's: a test walks the router."""

from collections.abc import Iterable

from msgspec import Struct

from coordinator.access.principal import Scope


class Route(Struct, frozen=True):
    """`path` as the router writes it. A row of GET stands for HEAD too."""

    method: str
    path: str
    scopes: frozenset[Scope]
    """One of them is enough."""
    order: bool = False
    """It changes something: its body is JSON, whoever sends it, so that no form of a web page can be one."""
    page: bool = False
    """A link of another site may lead a person here; what it shows, that site cannot read."""
    form: bool = False
    """A form of our own page sends it, and no other page's."""

    @property
    def public(self) -> bool:
        """Whether it is for everyone."""
        return "public" in self.scopes


def _rows(
    method: str, scopes: str, paths: str, *, order: bool = False, page: bool = False, form: bool = False
) -> Iterable[Route]:
    wanted: frozenset[Scope] = frozenset(scopes.split("|"))  # type: ignore[arg-type]
    return (Route(method, path, wanted, order, page, form) for path in paths.split())


ROUTES: tuple[Route, ...] = (
    *_rows("GET", "public", "/health"),
    *_rows("POST", "infer", "/api/chat /api/generate /api/embed /api/embeddings"),
    *_rows("POST", "infer", "/v1/chat/completions /v1/completions /v1/embeddings"),
    *_rows("GET", "infer|read", "/", page=True),
    *_rows("GET", "infer|read", "/ready /api/tags /api/ps /api/version /v1/models /v1/models/{name}"),
    *_rows("POST", "infer|read", "/api/show"),
    *_rows("GET", "read", "/dashboard /dashboard/ /dashboard/login", page=True),
    *_rows("POST", "join", "/dashboard/login /dashboard/logout", form=True),
    *_rows("GET", "read", "/dashboard/session"),
    *_rows("GET", "read", "/dashboard/page.css /dashboard/page.js /dashboard/icon.svg"),
    *_rows("GET", "read", "/dashboard/api/traces /dashboard/api/overview /dashboard/api/usage"),
    *_rows("GET", "read", "/dashboard/api/trends /dashboard/api/models /dashboard/api/context-usage"),
    *_rows("GET", "read", "/dashboard/api/tags /dashboard/api/tags/daily"),
    *_rows("GET", "read", "/dashboard/api/apps /dashboard/api/apps/daily"),
    *_rows("GET", "read", "/dashboard/api/health /dashboard/api/recommendations /dashboard/api/settings"),
    *_rows("GET", "read", "/dashboard/api/model-management /dashboard/api/pinned-models"),
    *_rows("GET", "read", "/metrics /fleet/status /fleet/queue /fleet/requests /fleet/logs /fleet/events"),
    *_rows("GET", "read", "/fleet/decisions /fleet/explain/{request_id} /fleet/pin /fleet/swap/{order}"),
    *_rows("GET", "read", "/fleet/nodes/{node_id}"),
    *_rows("POST", "read", "/fleet/explain"),
    *_rows("POST", "operate", "/api/pull"),
    *_rows("POST", "operate", "/dashboard/api/pull /dashboard/api/pinned-models", order=True),
    *_rows("POST", "operate", "/dashboard/api/settings"),
    *_rows("POST", "operate", "/fleet/stop /fleet/swap /fleet/pin", order=True),
    *_rows("DELETE", "operate", "/fleet/pin", order=True),
    *_rows("POST", "operate", "/fleet/requests/{request_id}/cancel", order=True),
    *_rows("POST", "operate", "/fleet/nodes/{node_id}/cordon /fleet/nodes/{node_id}/uncordon", order=True),
    *_rows("POST", "operate", "/fleet/nodes/{node_id}/drain", order=True),
    *_rows("DELETE", "admin", "/api/delete"),
    *_rows("POST", "admin", "/dashboard/api/delete", order=True),
    *_rows("DELETE", "admin", "/fleet/nodes/{node_id}", order=True),
    *_rows("GET", "read", "/fleet/tokens /fleet/pending"),
    *_rows("POST", "admin", "/fleet/tokens", order=True),
    *_rows("DELETE", "admin", "/fleet/tokens/{token_id}", order=True),
    *_rows("POST", "admin", "/fleet/nodes/{node_id}/approve /fleet/nodes/{node_id}/deny", order=True),
    *_rows("POST", "node", "/heartbeat /join/renew", order=True),
    *_rows("POST", "join", "/join", order=True),
)

UNKNOWN = Route("GET", "", frozenset({"infer", "read", "operate", "admin"}))
"""What no row names. Who may do nothing here is not told whether it is there; the others learn that it is not."""
UNSERVED = Route("GET", "", frozenset({"admin"}))
"""Ollama's ways to change its models that no version of ours passes on: not even told to who may not."""

_BY_ADDRESS = {(each.method, each.path): each for each in ROUTES}
_CHANGING = ("/api/create", "/api/copy", "/api/push", "/api/blobs")


def route_of(method: str, pattern: str) -> Route | None:
    """The row of what the router found; None: there is none, and nobody may."""
    return _BY_ADDRESS.get(("GET" if method == "HEAD" else method, pattern))


def unknown(path: str) -> Route:
    """Of a path that the router does not know."""
    return UNSERVED if path.startswith(_CHANGING) else UNKNOWN
