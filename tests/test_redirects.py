"""Who answers with a redirect says where a program is to go next: nobody here goes."""

import ast
from collections import Counter
from pathlib import Path

import pytest
from aiohttp import web

from agent.engines.asking import Ask
from agent.engines.engine import EngineError
from agent.sessions import engine_session
from coordinator.models.registry import Registry, RegistryDown
from shared.doctor.looks import ask
from shared.names import normalise
from tests.fakes.listening import listening

ROOT = Path(__file__).parent.parent
ASKED = {"get", "post", "put", "delete", "head", "patch", "request", "ws_connect"}


def requests_of(path: Path) -> list[ast.Call]:
    """Calls such as `session.get(...)` and `self._session.post(...)`."""
    return [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ASKED
        and ast.unparse(node.func.value).endswith("session")
    ]


def refuses(call: ast.Call) -> bool:
    given = {each.arg: each.value for each in call.keywords}
    value = given.get("allow_redirects")
    return isinstance(value, ast.Constant) and value.value is False


def test_every_request_says_that_it_follows_none() -> None:
    found: Counter[bool] = Counter()
    for package in ("coordinator", "agent", "shared"):
        for path in (ROOT / package).rglob("*.py"):
            for call in requests_of(path):
                found[refuses(call)] += 1
                assert refuses(call), f"{path}:{call.lineno}"
    assert found[True] >= 10, "the test looks at nothing"


@pytest.fixture
async def pointing() -> object:
    """A server whose every answer points to its /elsewhere; gives its address and what was asked."""
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    async with listening(app, "127.0.0.1", 0) as (host, port):
        yield f"http://{host}:{port}", seen


async def test_a_registry_that_points_elsewhere_is_down(pointing: tuple[str, list[str]]) -> None:
    url, seen = pointing
    registry = Registry(url, (), 2.0)
    try:
        with pytest.raises(RegistryDown, match="redirects are not followed"):
            await registry.size(normalise("m"))
    finally:
        await registry.close()
    assert seen == ["/v2/library/m/manifests/latest"]


async def test_an_engine_that_does_tells_nothing(pointing: tuple[str, list[str]]) -> None:
    url, seen = pointing
    async with engine_session(2.0) as session:
        with pytest.raises(EngineError):
            await Ask(session, url, {}).get("/v1/models", dict)
    assert seen == ["/v1/models"]


async def test_doctor_takes_it_as_an_answer(pointing: tuple[str, list[str]]) -> None:
    import asyncio  # noqa: PLC0415

    url, seen = pointing
    answer = await asyncio.to_thread(ask, f"{url}/health")
    assert (answer.status, seen) == (307, ["/health"])
