"""/dashboard/api/context-usage: how much of their contexts models use."""

from functools import partial

from aiohttp import web

from coordinator.contexts import WINDOW_DAYS, Contexts
from coordinator.dashboard.asked import answer, number
from coordinator.dashboard.reads import Reads

MOST_DAYS = 3650


class ContextUsage:
    """Its address."""

    def __init__(self, contexts: Contexts, reads: Reads) -> None:
        self._contexts = contexts
        self._read = reads

    def routes(self) -> list[web.RouteDef]:
        """Its address."""
        return [web.get("/dashboard/api/context-usage", self.usage)]

    async def usage(self, request: web.Request) -> web.Response:
        """GET /dashboard/api/context-usage?days=7"""
        days = number(request, "days", WINDOW_DAYS, MOST_DAYS)
        used = await self._read(partial(self._contexts.uses, days))
        return answer({"days": days, "models": self._contexts.shown(used)})
