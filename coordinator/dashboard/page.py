"""The page at /dashboard: three files of this package, and headers that let it load nothing else."""

from importlib import resources

from aiohttp import web

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
FILES = {
    "/dashboard": ("page.html", "text/html"),
    "/dashboard/": ("page.html", "text/html"),
    "/dashboard/page.css": ("page.css", "text/css"),
    "/dashboard/page.js": ("page.js", "text/javascript"),
    "/dashboard/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""Path -> file and type."""


class Page:
    """Reads its files once."""

    def __init__(self) -> None:
        here = resources.files(__package__)
        self._bodies = {name: here.joinpath(name).read_bytes() for name, _ in FILES.values()}

    def routes(self) -> list[web.RouteDef]:
        """Its addresses."""
        return [web.get(path, self.file) for path in FILES]

    async def file(self, request: web.Request) -> web.Response:
        """GET /dashboard and what it loads."""
        name, kind = FILES[request.path]
        return web.Response(body=self._bodies[name], content_type=kind, charset="utf-8", headers=HEADERS)
