"""Which coordinator a verb asks that was told none: this machine's, else the one that mDNS shows."""

from pathlib import Path

import pytest

from tests.lan.home import home
from tests.lan.lab import Lab
from tests.lan.measuring import Within
from tests.lan.programs import said, url

pytestmark = pytest.mark.alone


async def test_a_verb_finds_the_coordinator_of_the_network(tmp_path: Path, within: Within) -> None:
    async with home(tmp_path, within) as there:
        alpha, delta = there.hosts["alpha"], there.hosts["delta"]
        code, out, err = await said(delta, "nodes", "-q")
        assert (code, out.split()) == (0, ["beta", "gamma"])
        assert err == f"herd: asking the coordinator at {url(alpha)}, found over mDNS\n"
        assert await said(alpha, "nodes", "-q") == (0, "beta\ngamma\n", "")
        code, out, _ = await said(delta, "connect", "aider")
        assert (code, out.splitlines()[0]) == (0, f"export OLLAMA_API_BASE={url(alpha)}")
        code, out, err = await said(alpha, "connect", "aider")
        assert (code, out.splitlines()[0]) == (0, f"export OLLAMA_API_BASE={url(alpha)}")


async def test_a_network_without_a_coordinator(tmp_path: Path) -> None:
    async with Lab.open(tmp_path) as lab:
        (alpha,) = await lab.hosts("alpha", on=await lab.switch())
        code, out, err = await said(alpha, "ps")
        assert (code, out) == (1, "")
        assert err == "herd: no coordinator answers at http://127.0.0.1:11435: Connection refused\n"
