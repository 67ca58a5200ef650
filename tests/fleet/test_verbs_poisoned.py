"""No verb lets a coordinator steer the terminal, whatever it is that is told. A real fleet, poisoned on its way."""

import asyncio
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coordinator.cli import main
from tests.fakes.control import FakeEngine
from tests.fleet.harness import fleet_of_fakes
from tests.fleet.poisoned import poisoning
from tests.fleet.terminal import Terminal

STEERING = frozenset("\x1b\x07\x9b")
CALL = {"X-Request-Id": "call-1"}
VERBS = (
    *("ps", "ps -o wide", "ps -q", "ps -o json", "ps -o yaml", "list", "list -o wide", "list -q"),
    *("nodes", "nodes -o wide", "nodes -q", "nodes -o yaml", "get models -o wide", "get models -q"),
    *("get requests", "get requests --last 5", "stats", "stats -o json", "version", "version -o json"),
    *("logs", "logs -o json", "describe node node-1", "describe node node-1 -o json", "describe model m"),
    *("describe request call-1", "explain call-1", "explain call-1 -o json", "explain --model m"),
    *("explain --replay", "explain --replay -o json", "show m", "show m -o json"),
    *("connect openai", "connect aider", "connect continue", "connect ollama -o json"),
    *("pull new --node node-1", "pull new -o json", "stop m", "stop m -o json", "swap m", "swap m --no-wait"),
    *("cordon node-1", "uncordon node-1", "drain node-1", "drain node-1 -o json", "uncordon node-1 -o json"),
    *("remove node-1", "rm new", "rm nosuch", "show nosuch", "describe node nosuch", "get nodes nosuch"),
)


def said(line: str, url: str) -> Result:
    """Escapes are left in it, as on a terminal."""
    return CliRunner().invoke(main, [*shlex.split(line), "--url", url], color=True)


@pytest.mark.parametrize(
    "spared",
    [
        frozenset(),
        frozenset({"status", "state", "kind", "name", "model", "node_id", "digest", "outcome", "policy"}),
    ],
    ids=["all", "what verbs compare"],
)
async def test_no_verb_lets_it_through(spared: frozenset[str], tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=4, name="node-1", version="0.1.20") as fake,
        fleet_of_fakes(tmp_path, [fake]) as fleet,
        poisoning(fleet.address, spared) as url,
    ):
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": False}
        async with fleet.session.post(f"{fleet.address}/api/chat", json=body, headers=CALL) as answer:
            assert answer.status == 200
        told = 0
        for line in VERBS:
            result = await asyncio.to_thread(said, line, url)
            assert result.exception is None or isinstance(result.exception, SystemExit), (
                line,
                result.exception,
            )
            assert not STEERING & set(result.output), (line, result.output)
            told += result.output.count("\\x1b]0;OWNED")
    assert told > len(VERBS)


async def test_nor_does_an_engine_whose_pull_fails(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(
            ["m"], slots=4, name="node-1", pull_delay_s=0.1, pull_error="boom \x1b]0;OWNED\x07"
        ) as fake,
        fleet_of_fakes(tmp_path, [fake]) as fleet,
    ):
        terminal = await Terminal.begin(tmp_path, "pull", "new", "--url", fleet.address)
        await terminal.shows("herd: node-1: boom \\x1b]0;OWNED\\x07")
        assert await terminal.ended() == 1
    assert b"node-1  boom \\x1b]0;OWNED" in terminal.shown
    assert not [harm for harm in (b"\x1b]0;", b"\x07") if harm in terminal.shown]
