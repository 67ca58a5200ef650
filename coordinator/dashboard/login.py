"""The way to the dashboard for a browser on another machine: a page that asks for a key, and a cookie for it.

A stranger is given this page and nothing that it would have to load.
"""

import asyncio
import base64
import hashlib
import html
from importlib import resources
from urllib.parse import parse_qs, urlsplit

import msgspec
from aiohttp import web

from coordinator.access.cookies import forgotten, kept, token_in
from coordinator.access.logins import Logins
from coordinator.access.routes import Route
from coordinator.dashboard.asked import answer
from coordinator.dashboard.page import HEADERS
from coordinator.requests import CallerRequest, caller_of
from shared.errors import BodyTooLarge, CallerPaused, FleetError, Forbidden, LimitReached, NoAccess
from shared.http1.faults import TooLarge

FORM_LIMIT = 4_096
"""Bytes: a key has sixty."""
FORM_S = 10.0
"""How long a stranger may take to send it."""
DASHBOARD = "/dashboard"


class Who(msgspec.Struct, frozen=True):
    """What the dashboard shows of whoever looks at it."""

    kind: str
    name: str
    scopes: list[str]
    session: bool
    """Logged in with the key of that name: there is something to log out of."""


class Login:
    """Reads its files once."""

    def __init__(self, logins: Logins) -> None:
        self._logins = logins
        here = resources.files(__package__)
        style, icon = (here.joinpath(name).read_text() for name in ("page.css", "icon.svg"))
        icon = icon.replace("<svg ", '<svg width="28" height="28" aria-hidden="true" ', 1)
        page = here.joinpath("login.html").read_text()
        self._page = page.replace("{style}", style).replace("{icon}", icon)
        self._headers = HEADERS | {
            "Content-Security-Policy": f"default-src 'none'; style-src {_source(style)}; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'",
            "Cache-Control": "no-store",
        }

    def routes(self) -> list[web.RouteDef]:
        """Its addresses."""
        return [
            web.get("/dashboard/login", self.again),
            web.post("/dashboard/login", self.log_in),
            web.post("/dashboard/logout", self.log_out),
            web.get("/dashboard/session", self.who),
        ]

    def welcome(self, caller: CallerRequest, route: Route | None) -> web.Response | None:
        """For a stranger whose browser opens the dashboard; None: for anybody else, and for scripts."""
        if route is None or not route.page or not route.path.startswith(DASHBOARD):
            return None
        mode = caller.headers.get(
            "Sec-Fetch-Mode", "navigate"
        )  # told only where the browser trusts the network
        opens = mode == "navigate" and "text/html" in (caller.headers.get("Accept") or "")
        return self._shown(401) if opens else None

    async def again(self, _request: web.Request) -> web.Response:
        """GET /dashboard/login, by whom the dashboard is open to."""
        return _to_dashboard()

    async def log_in(self, request: web.Request) -> web.Response:
        """POST /dashboard/login, a form with `key`."""
        caller = caller_of(request)
        try:
            token = self._logins.log_in(await _key_in(caller), caller.exchange.peer)
        except (NoAccess, Forbidden, LimitReached) as error:
            return self._shown(error.status, error)
        cookies = caller.exchange.head.get(b"cookie")
        self._logins.log_out(token_in(cookies))
        return _to_dashboard(kept(token, self._logins.lives_s, secure=_is_secure(caller)))

    async def log_out(self, request: web.Request) -> web.Response:
        """POST /dashboard/logout, a form with nothing in it."""
        self._logins.log_out(token_in(caller_of(request).exchange.head.get(b"cookie")))
        return _to_dashboard(*forgotten())

    async def who(self, request: web.Request) -> web.Response:
        """GET /dashboard/session"""
        principal = caller_of(request).principal
        return answer(
            Who(principal.kind, principal.name, sorted(principal.scopes), session=principal.by_session)
        )

    def _shown(self, status: int, error: FleetError | None = None) -> web.Response:
        notice = f'<p class="notice bad" role="alert">{html.escape(str(error))}</p>' if error else ""
        headers = dict(self._headers)
        if status == NoAccess.status:
            headers["WWW-Authenticate"] = 'Bearer realm="herd"'
        if error is not None and error.retry_after is not None:
            headers["Retry-After"] = str(error.retry_after)
        return web.Response(
            status=status,
            text=self._page.replace("{notice}", notice),
            content_type="text/html",
            headers=headers,
        )


async def _key_in(caller: CallerRequest) -> str:
    """Whatever is there; empty: nothing that could be one. Raises BodyTooLarge, CallerPaused."""
    try:
        async with asyncio.timeout(FORM_S):
            body = await caller.exchange.body(FORM_LIMIT)
    except TimeoutError as pause:
        raise CallerPaused(f"the form did not come within {FORM_S:.0f} s") from pause
    except TooLarge as fault:
        raise BodyTooLarge(f"the form has at most {FORM_LIMIT} bytes") from fault
    try:
        fields = parse_qs(body.decode("ascii", "replace"), max_num_fields=8)
    except ValueError:
        return ""
    return fields.get("key", [""])[0].strip()


def _is_secure(caller: CallerRequest) -> bool:
    """Whether the browser sees a page over TLS, from here or from a proxy before it."""
    return caller.exchange.secure or urlsplit(caller.headers.get("Origin") or "").scheme == "https"


def _to_dashboard(*cookies: str) -> web.Response:
    response = web.Response(status=303, headers={"Location": DASHBOARD, "Cache-Control": "no-store"})
    for each in cookies:
        response.headers.add("Set-Cookie", each)
    return response


def _source(style: str) -> str:
    """How a policy names what stands in the page itself."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'"
