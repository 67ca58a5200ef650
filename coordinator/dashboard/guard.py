"""Orders come from the dashboard's own page or from a script, never from a web page of somebody else's."""

from urllib.parse import urlsplit

from aiohttp import web

from shared.errors import CallerFault, Forbidden


def refuse_foreign_pages(request: web.Request) -> None:
    """Raises CallerFault for a body that a form could have sent, Forbidden for a page of another origin.

    A browser says with every order where its page came from, and asks before it sends JSON elsewhere; nobody here
    ever says yes. A page whose name was made to point here (DNS rebinding) is of this origin to a browser, and passes.
    """
    if request.content_type != "application/json":
        raise CallerFault("an order is JSON: send it with Content-Type: application/json")
    origin = request.headers.get("Origin")
    if origin is not None and not _same_host(origin, request.host):
        raise Forbidden(f"orders are not taken from pages of {_shown(origin)}")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("orders are not taken from pages of other sites")


def _same_host(origin: str, host: str) -> bool:
    try:
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _shown(origin: str) -> str:
    return origin if len(origin) <= 100 and origin.isprintable() else "another origin"
