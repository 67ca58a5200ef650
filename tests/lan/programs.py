"""`herd`, `herd-node` and a fake Ollama on the hosts of a lab, started as a person starts them: without a flag."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from shared.sockets import url_of
from tests.fakes.control import FakeEngine
from tests.fleet.asking import Dialect, Reply, ask
from tests.fleet.harness import READY_S, REPOSITORY, TURNS, Herd, Program, program
from tests.lan.lab import Host

PORT = 11435
OLLAMA_PORT = 11434
ANSWER_S = 12.0
AT_ONCE = 4
"""Calls that each Ollama takes, as its own variable in the environment says."""


@contextlib.asynccontextmanager
async def coordinator(
    host: Host, *flags: str, address: str = "", closed: bool = False
) -> AsyncIterator[Herd]:
    """`herd` on this host, once it listens; asked from there, at `address` or else at the host's own.

    `closed`: as it is without a word; else in open mode.
    """
    environment = _environment(host, closed=closed)
    started = program("coordinator", flags, host.home / "herd.log", environment, inside=host.namespace.enter)
    async with started as (process, log):
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), READY_S)).decode()
        assert " listening on " in line, f"{line!r}: {log.read_text()}"
        yield Herd(process, log, url_of(address or host.address, PORT), host.session)


@contextlib.asynccontextmanager
async def agent(host: Host, *flags: str, closed: bool = False) -> AsyncIterator[Program]:
    """`herd-node` on this host, right after its start; not `closed`: with whichever open coordinator it finds."""
    environment = _environment(host, closed=closed)
    started = program("agent", flags, host.home / "herd-node.log", environment, inside=host.namespace.enter)
    async with started as (process, log):
        yield Program(process, log)


@contextlib.asynccontextmanager
async def ollama(host: Host) -> AsyncIterator[FakeEngine]:
    """A fake Ollama where `herd-node` looks for one; its answers carry the host's name."""
    async with FakeEngine.run(
        ["m"],
        loaded=["m"],
        slots=64,
        name=host.name,
        port=OLLAMA_PORT,
        inside=host.namespace.enter,
        connector=host.connector(),
    ) as fake:
        yield fake


async def said(host: Host, *arguments: str) -> tuple[int, str, str]:
    """A verb of `herd` on this host, without any address: exit code, data, talk."""
    process = await asyncio.create_subprocess_exec(
        *(*host.namespace.enter, sys.executable, "-m", "coordinator", *arguments),
        cwd=REPOSITORY,
        env=_environment(host),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


def url(host: Host) -> str:
    """Of a coordinator on this host, by its first address."""
    return url_of(host.address, PORT)


def seen_from(host: Host, herd: Herd, address: str = "") -> Herd:
    """The same coordinator, asked from another host or at another address."""
    return Herd(herd.process, herd.log, address or herd.address, host.session)


async def online(herd: Herd, *, heard_within_s: float | None = None) -> set[str]:
    """Names of the nodes that are; with `heard_within_s` those alone whose last beat is no older.

    Nobody, where the coordinator cannot be reached just now.
    """
    try:
        nodes = await herd.nodes()
    except aiohttp.ClientConnectionError:
        return set()
    return {
        name
        for name, told in nodes.items()
        if told["status"] == "online"
        and (heard_within_s is None or told["heartbeat_age_s"] <= heard_within_s)
    }


async def status_of(herd: Herd, node_id: str) -> str:
    """`online`, `degraded` or `offline`; empty where the coordinator does not know it."""
    return str((await herd.nodes()).get(node_id, {}).get("status", ""))


async def answered(herd: Herd, dialect: Dialect = "ollama", *, stream: bool = False) -> Reply:
    """A good answer within ANSWER_S, from the node that it says it is from."""
    async with asyncio.timeout(ANSWER_S):
        reply = await ask(herd, dialect, stream=stream)
    assert reply.status == 200, (reply.status, reply.raw)
    reply.must_be_from(reply.node)
    return reply


def logged(host: Host, name: str) -> list[dict[str, Any]]:
    """The records in the log file of `herd` or `herd-node` on this host, oldest first."""
    path: Path = host.home / ".fleet-manager" / "logs" / f"{name}.jsonl"
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [msgspec.json.decode(line) for line in lines if line.endswith(b"}")]


def _environment(host: Host, *, closed: bool = False) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLEET_", "OLLAMA_"))}
    kept |= {"FLEET_CONFIG_FILE": os.devnull, "FLEET_POLICY": TURNS}
    if not closed:
        kept |= {"FLEET_OPEN": "true", "FLEET_NODE_OPEN": "true"}
    return kept | {"HOME": str(host.home), "OLLAMA_NUM_PARALLEL": str(AT_ONCE)}
