"""What `herd-node engines` makes of the sections of engines.toml: real files, real servers on loopback."""

import json
import socket
import stat
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest

from agent.config import Settings
from agent.engines.kinds import KINDS
from agent.engines.survey import Line, Seen, offer_of, surveyed
from agent.engines.wanted import FILE
from agent.verbs.engines import EMBEDDED, OLLAMA, table
from agent.verbs.sections import told
from tests.fakes.control import FakeEngine
from tests.fleet.verbs import verb

LINUX = Seen(system="linux", machine="x86_64", programs={"embedded": "/x/xllamacpp"})


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A data directory in which an agent named n ran."""
    (tmp_path / "nodes" / "n").mkdir(parents=True)
    return tmp_path


async def lines(directory: Path, text: str, seen: Seen = LINUX) -> list[Line]:
    (directory / FILE).write_text(text)
    kinds = {each.engine: each for each in surveyed([OLLAMA, EMBEDDED, *map(offer_of, KINDS.values())], seen)}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
        return await told(Settings(data_dir=str(directory)), seen, session, kinds)


async def line(directory: Path, text: str, seen: Seen = LINUX) -> tuple[str, str, str, str]:
    (only,) = await lines(directory, text, seen)
    assert only.section
    return only.engine, only.state, only.where, only.next


def script(path: Path) -> Path:
    path.write_text("#!/bin/sh\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


async def test_one_that_answers_and_one_that_does_not(own: Path) -> None:
    async with FakeEngine.run() as fake:
        found = await line(own, f'[big]\nkind = "vllm"\nurl = "{fake.address}"\n')
    assert found == ("big", "runs", fake.address, "--engine big, or no --engine")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        found = await line(own, f'[big]\nkind = "vllm"\nurl = "{url}/v1"\n')
    assert found == ("big", "silent", url, "nobody answers there now; it is used once somebody does")


async def test_one_that_is_installed_and_one_that_is_not(own: Path) -> None:
    program = script(own / "vllm-of-mine")
    found = await line(own, f'[vllm]\nmodel = "m"\nprogram = "{program}"\n')
    assert found == ("vllm", "installed", str(program), "--engine vllm, or no --engine")
    name, state, where, why = await line(own, '[vllm]\nmodel = "m"\nprogram = "/none/there"\n')
    assert (name, state, where) == ("vllm", "missing", "")
    assert why.startswith("vllm is not installed here: ")
    assert (await line(own, "[vllm]\n"))[3] == "vllm is started for a model: give model="


async def test_one_elsewhere_is_not_asked_but_its_key_is_looked_for(own: Path) -> None:
    text = '[cloud]\nkind = "openai"\nurl = "https://api.example.invalid/v1"\n'
    found = await line(own, text)
    assert found == ("cloud", "ready", "https://api.example.invalid", "--engine cloud, or no --engine")
    state, why = (await line(own, text + 'key_file = "/none/key"\n'))[1::2]
    assert (state, "the key file /none/key cannot be read" in why) == ("missing", True)


async def test_one_that_cannot_run_here(own: Path) -> None:
    found = await line(own, '[krasis]\nmodel = "/m/moe"\n')
    assert found[1::2] == ("impossible", "it needs a GPU of NVIDIA, and none is seen here")


async def test_what_is_built_in(own: Path) -> None:
    found = await line(own, "[embedded]\n")
    assert found == ("embedded", "installed", "/x/xllamacpp", "--engine embedded, or no --engine")
    assert (await line(own, "[ollama]\n"))[1::2] == ("missing", OLLAMA.how)


@pytest.mark.parametrize(
    ("text", "names", "why"),
    [
        ("[vllm]\nmodle = 'x'\n", ["vllm"], "did you mean 'model'?"),
        ("[x]\nkind = 'vlm'\n", ["x"], "did you mean 'vllm'?"),
        ("[embedded]\nslots = 2\n", ["embedded"], "FLEET_NODE_EMBEDDED_"),
        ("[vllm\n", [FILE], "engines.toml: "),
        (
            "[a]\nkind='vllm'\nurl='http://127.0.0.1:9'\nname='c'\n[b]\nkind='vllm'\nurl='http://127.0.0.1:9'\nname='c'\n",
            ["c", "c", FILE],
            "two engines are called 'c'",
        ),
    ],
)
async def test_nonsense_is_told_and_hides_nothing_else(
    own: Path, text: str, names: list[str], why: str
) -> None:
    found = await lines(own, text)
    assert [each.engine for each in found] == names
    assert (found[-1].state, why in found[-1].next) == ("wrong", True), found[-1]


async def test_a_nodes_own_file_goes_before_the_general_one(own: Path) -> None:
    (own / "nodes" / "n" / FILE).write_text("[ollama]\n")
    assert (await line(own, "[embedded]\n"))[0] == "ollama"


async def test_without_a_file_there_is_nothing_to_tell(own: Path) -> None:
    kinds: Mapping[str, Line] = {}
    async with aiohttp.ClientSession() as session:
        assert await told(Settings(data_dir=str(own)), LINUX, session, kinds) == []


async def test_the_verb_tells_what_herd_knows_and_then_the_sections(own: Path) -> None:
    (own / FILE).write_text('[cloud]\nkind = "openai"\nurl = "https://api.example.invalid"\n[vllm]\nx = 1\n')
    said = await verb("agent", "--ollama-host=127.0.0.1:9", "engines", "-o", "json", f"--data-dir={own}")
    assert (said.code, said.err) == (0, "")
    told_of = json.loads(said.out)
    assert [each["engine"] for each in told_of] == ["ollama", "embedded", *KINDS, "cloud", "vllm"]
    assert [each["section"] for each in told_of[-3:]] == [False, True, True]
    text = table([Line(**each) for each in told_of])
    assert "cloud         ready       section of engines.toml, kind openai" in text
    assert "vllm          wrong       cannot be used" in text
