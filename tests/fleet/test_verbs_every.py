"""What every verb does alike, against a live fleet: tables and JSON, what does not exist, and whoever may not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from tests.fakes.control import FakeEngine
from tests.fakes.listening import listening
from tests.fleet.asking import ask
from tests.fleet.harness import Herd, fleet_of_fakes
from tests.fleet.looking import traced
from tests.fleet.test_verbs_nobody import AT_ONCE, VERBS
from tests.fleet.verbs import Said, verb

TABLES = {
    "ps": "NAME",
    "list": "NAME",
    "nodes": "NAME",
    "get nodes": "NAME",
    "get models": "NAME",
    "get requests": "ID",
    "get requests --last 3": "ID",
}
"""Verbs that list, and the first heading."""
OBJECTS = (
    *("describe node node-1", "describe model m", "describe request one", "explain one", "show m"),
    *("stats", "version", "connect openai", "doctor --wait 0", "config show", "pull m", "stop m"),
)
"""Others that tell something."""
STRANGERS = (
    *("get nodes n", "get models n", "get requests n", "describe node n", "describe model n"),
    *("describe request n", "explain n", "show n", "rm n", "stop n", "run n hello", "swap n", "cordon n"),
    *("uncordon n", "drain n", "remove n", "pull m --node n", "rm m --node n", "config show n"),
)
"""Verbs about what is not there."""
FORBIDDEN = "this key may only look"


async def all_said(lines: Iterable[str], url: str, check: Callable[[str, Said], None]) -> None:
    """Each of these verbs, of that coordinator; a few at once."""
    turns = asyncio.Semaphore(AT_ONCE)
    wrong: list[str] = []

    async def one(line: str) -> None:
        local = line.startswith(("config", "doctor"))
        async with turns:
            said = await verb("coordinator", *line.split(), *(() if local else ("--url", url)))
        try:
            check(line, said)
        except (AssertionError, ValueError, IndexError) as error:
            wrong.append(f"herd {line}: {said}: {error}")

    await asyncio.gather(*map(one, lines))
    assert not wrong, "\n".join(wrong)


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Herd]:
    """One node, and one call that ended."""
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=4, name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake], settle_time=0) as running,
    ):
        await ask(running, call_id="one")
        await traced(tmp_path, 1)
        yield running


def is_json(line: str, said: Said) -> None:
    """One document, and no talk between. doctor: the machine of a test may have faults of its own."""
    assert said.code == 0 or (said.code == 1 and line.startswith("doctor"))
    assert isinstance(msgspec.json.decode(said.out), dict)


@pytest.mark.timeout(240)
async def test_tables_and_json(fleet: Herd) -> None:
    def is_table(line: str, said: Said) -> None:
        assert said.code == 0
        assert said.out.split()[0] == TABLES[line]

    def is_bare(_line: str, said: Said) -> None:
        assert said.code == 0
        assert not {*said.out.split()} & {"NAME", "ID"}

    await all_said(TABLES, fleet.address, is_table)
    await all_said([f"{line} --no-headers" for line in TABLES], fleet.address, is_bare)
    await all_said([f"{line} -o json" for line in (*TABLES, *OBJECTS)], fleet.address, is_json)


async def test_what_is_not_there(fleet: Herd) -> None:
    """Exit code 3, the reason on standard error, and nothing for a program to read."""

    def is_told(_line: str, said: Said) -> None:
        assert (said.code, said.out) == (3, "")
        assert said.err.startswith("herd")
        assert len(said.err.splitlines()) == 1

    await all_said(STRANGERS, fleet.address, is_told)


@contextlib.asynccontextmanager
async def a_closed_door() -> AsyncIterator[str]:
    """A coordinator that lets this caller do nothing: its address."""

    async def refuse(_request: web.Request) -> web.Response:
        return web.json_response({"error": FORBIDDEN}, status=403)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", refuse)
    async with listening(app, "127.0.0.1", 0, shutdown_timeout=0.1) as (
        host,
        port,
    ):
        yield f"http://{host}:{port}"


async def test_who_may_not_is_told_so() -> None:
    """Exit code 1 and the coordinator's reason."""

    def is_told(_line: str, said: Said) -> None:
        assert (said.code, said.out) == (1, "")
        assert FORBIDDEN in said.err
        assert len(said.err.splitlines()) == 1

    async with a_closed_door() as url:
        await all_said(VERBS, url, is_told)
