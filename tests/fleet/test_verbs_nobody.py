"""Every verb where no coordinator answers: one clear line, exit code 1, nothing on standard output."""

import asyncio

import pytest

from tests.fleet.verbs import verb

NOBODY = "http://127.0.0.1:9"
VERBS = (
    "ps",
    "list",
    "nodes",
    "get nodes",
    "get models",
    "get requests",
    "describe model m",
    "describe request r",
    "show m",
    "pull m",
    "rm m",
    "stop m",
    "run m hello",
    "remove n",
    "logs",
    "stats",
    "connect openai",
    "cordon n",
    "uncordon n",
    "drain n",
    "explain r",
    "describe node n",
    "swap m",
    "top --once",
)
AT_ONCE = 3


async def test_nobody_answers() -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def asked(line: str) -> None:
        async with turns:
            said = await verb("coordinator", *line.split(), "--url", NOBODY)
        assert (said.code, said.out) == (1, ""), (line, said)
        assert f"no coordinator answers at {NOBODY}: Connection refused\n" in said.err, (line, said)
        assert len(said.err.splitlines()) == 1, (line, said)

    await asyncio.gather(*map(asked, VERBS))


async def test_of_this_program_the_version_is_told_all_the_same() -> None:
    said = await verb("coordinator", "version", "--url", NOBODY)
    assert (said.code, said.out) == (1, "herd 0.1.0\n")
    assert "no coordinator answers" in said.err
    assert (await verb("coordinator", "version", "--client")).code == 0


@pytest.mark.parametrize(
    "line", ["ps --nosuch", "ps -o xml", "pull", "rm", "connect", "nosuch", "ps --url ::"]
)
async def test_wrong_usage(line: str) -> None:
    said = await verb("coordinator", *line.split())
    assert (said.code, said.out) == (2, "")
    assert said.err
