"""`herd swap`: a new file takes the old one's place under calls, and none fails. The real llama.cpp, real programs."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.random_model import RANDOM_MODEL_NAME, ensure_random_model, write_random_model
from tests.fakes.waiting import eventually
from tests.fleet.asking import ask
from tests.fleet.harness import Herd, fleet_of_fakes, herd, node, real_fleet
from tests.fleet.swapping import Clients
from tests.fleet.verbs import Said, Verb, verb


async def said_by(fleet: Herd, model: str = RANDOM_MODEL_NAME) -> str:
    """What the model says without chance."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "hello"}],
        "temperature": 0,
        "max_tokens": 16,
    }
    async with fleet.session.post(f"{fleet.address}/v1/chat/completions", json=body) as answer:
        assert answer.status == 200, await answer.text()
        told: str = (await answer.json())["choices"][0]["message"]["content"]
        return told


async def events(fleet: Herd, node_id: str = "node-1") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await fleet.nodes())[node_id]["events"]
    return found


def replaced(path: Path, seed: int) -> None:
    """Another model under the same name, all at once."""
    new = path.with_name("new.partial")
    write_random_model(new, seed)
    new.replace(path)


async def swapped(fleet: Herd, *more: str) -> Said:
    return await verb("coordinator", "swap", RANDOM_MODEL_NAME, f"--url={fleet.address}", *more)


def newest_answer(how: str) -> str:
    return f"node-1 swapped: embedded: the new one was started {how} the old\n"


def engine_files(data_dir: Path, node_id: str = "node-1") -> list[Path]:
    """Of the engines that run there: who each of them is."""
    files = (data_dir / node_id).glob("nodes/*/engines/embedded*.json")
    return [path for path in files if not path.name.endswith(".rungs.json")]


@pytest.mark.real_engine
@pytest.mark.parametrize("beside", [True, False])
async def test_a_new_file_serves_and_no_call_fails(tmp_path: Path, beside: bool) -> None:
    path = ensure_random_model(tmp_path / "models")
    async with real_fleet(tmp_path, agents={"swap_beside": beside}) as fleet:
        before = await said_by(fleet)
        said = await swapped(fleet)
        assert (said.code, said.out) == (0, "node-1 already the newest: embedded: it is already the newest\n")
        clients = Clients(fleet, RANDOM_MODEL_NAME)
        async with clients.calling():
            await clients.more()
            replaced(path, seed=7)
            said = await swapped(fleet)
            await clients.more()
        assert clients.bad == []
        assert (said.code, said.out) == (0, newest_answer("beside" if beside else "after")), said
        assert await said_by(fleet) != before
        assert [(each["engine"], each["kind"]) for each in await events(fleet)] == [("embedded", "swapped")]
        described = await verb("coordinator", "describe", "node", "node-1", f"--url={fleet.address}")
        assert "embedded: swapped" in described.out
        assert len(engine_files(tmp_path)) == 1
        sys.stdout.write(f"\nswap {'beside' if beside else 'after'}: {clients.good} calls, none failed\n")


@pytest.mark.real_engine
async def test_a_bad_file_is_not_swapped_in_and_the_old_one_serves_on(tmp_path: Path) -> None:
    path = ensure_random_model(tmp_path / "models")
    async with real_fleet(tmp_path) as fleet:
        before = await said_by(fleet)
        short = path.with_name("short")
        short.write_bytes(path.read_bytes()[:-1000])
        short.replace(path)
        clients = Clients(fleet, RANDOM_MODEL_NAME)
        async with clients.calling():
            said = await swapped(fleet)
            await clients.more()
        assert clients.bad == []
        assert (said.code, said.out) == (1, "")
        assert "node-1 failed: embedded: the old one goes on: " in said.err
        assert "it did not arrive whole" in said.err
        assert await said_by(fleet) == before
        assert [each["kind"] for each in await events(fleet)] == ["not swapped"]
        said = await verb("coordinator", "swap", "herd-randm", f"--url={fleet.address}")
        assert (said.code, said.out) == (3, "")
        assert "did you mean herd-random" in said.err
        assert (await swapped(fleet, "--node=nobody")).code == 3


@pytest.mark.real_engine
async def test_a_stream_ends_on_the_old_one_and_is_cut_where_it_outstays_the_drain(tmp_path: Path) -> None:
    path = ensure_random_model(tmp_path / "models")
    agents = {"drain_timeout": 3, "embedded_context": 30_000}
    async with real_fleet(tmp_path, agents=agents) as fleet:
        body = {
            "model": RANDOM_MODEL_NAME,
            "messages": [{"role": "user", "content": "hello"}],
            "stream": True,
        }
        url = f"{fleet.address}/v1/chat/completions"
        async with (
            fleet.session.post(url, json=body | {"max_tokens": 29_000}) as endless,
            fleet.session.post(url, json=body | {"max_tokens": 60}) as short,
        ):
            await endless.content.readany()
            began = await short.content.readany()
            replaced(path, seed=7)
            begun = await Verb.begin("coordinator", "swap", RANDOM_MODEL_NAME, f"--url={fleet.address}")
            assert (await begun.first_line()).startswith("node-1: ")
            begun.interrupt()
            said = await begun.ended()
            assert (said.code, said.out) == (130, "")
            assert f"the swap of {RANDOM_MODEL_NAME} goes on" in said.err
            assert (began + await short.read()).rstrip().endswith(b"[DONE]")
            assert b"[DONE]" not in await endless.read()
        await eventually(lambda: events(fleet), 10)
        assert (await events(fleet))[0]["then"].endswith("; its last calls outstayed the drain and were cut")
        assert (await swapped(fleet)).out.startswith("node-1 already the newest: ")
        await eventually(fleet.idle, 5)
        assert len(engine_files(tmp_path)) == 1


@pytest.mark.real_engine
async def test_nodes_have_their_turn_one_after_another(tmp_path: Path) -> None:
    path = ensure_random_model(tmp_path / "models")
    async with real_fleet(tmp_path, 2, agents={"swap_beside": False}) as fleet:
        clients = Clients(fleet, RANDOM_MODEL_NAME)
        async with clients.calling():
            await clients.more()
            replaced(path, seed=7)
            begun = await Verb.begin("coordinator", "swap", RANDOM_MODEL_NAME, f"--url={fleet.address}")
            down = 0
            while len(await events(fleet, "node-2")) < 1:
                engines = [each["engines"][0]["up"] for each in (await fleet.nodes()).values()]
                down = max(down, engines.count(False))
                await asyncio.sleep(0.02)
            said = await begun.ended()
        assert clients.bad == []
        assert down == 1
        assert [line.partition(":")[0] for line in said.out.splitlines()] == [
            "node-1 swapped",
            "node-2 swapped",
        ]


@pytest.mark.real_engine
async def test_the_next_agent_adopts_the_one_that_was_swapped_in(tmp_path: Path) -> None:
    path = ensure_random_model(tmp_path / "models")
    options: dict[str, Any] = {"embedded_model": path, "embedded_threads": 1}
    async with herd(tmp_path) as fleet:
        async with node(tmp_path, fleet.address, "node-1", **options) as agent:
            await fleet.ready("node-1")
            replaced(path, seed=7)
            assert (await swapped(fleet)).code == 0
            after = await said_by(fleet)
            (file,) = engine_files(tmp_path)
            assert file.name == "embedded~2.json"
            pid = json.loads(file.read_bytes())["pid"]
            await agent.kill()
        async with node(tmp_path, fleet.address, "node-1", **options):

            async def adopted() -> bool:
                return [each["kind"] for each in await events(fleet)][-1:] == ["adopted"]

            await eventually(adopted, 20)
            assert await said_by(fleet) == after
            assert [json.loads(each.read_bytes())["pid"] for each in engine_files(tmp_path)] == [pid]
            replaced(path, seed=8)
            assert (await swapped(fleet)).out == newest_answer("beside")
            assert [each.name for each in engine_files(tmp_path)] == ["embedded.json"]


async def test_an_ollama_pulls_the_newest_and_lets_the_old_one_go(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m:latest"], loaded=["m:latest"], newer=["m:latest"], name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake]) as fleet,
    ):
        said = await verb("coordinator", "swap", "m", f"--url={fleet.address}")
        assert said.code == 0
        assert said.out.startswith("node-1 swapped: ollama: ")
        assert " gave way to " in said.out
        loaded = [each for each in (await fake.state()).calls if each.path == "/api/generate"]
        assert [json.loads(each.body) for each in loaded] == [{"model": "m:latest", "keep_alive": 0}]
        said = await verb("coordinator", "swap", "m", f"--url={fleet.address}", "-ojson")
        (told,) = json.loads(said.out)["nodes"]
        assert (said.code, told["state"]) == (0, "already the newest")
        await fake.switch(pull_error="no space left on device")
        said = await verb("coordinator", "swap", "m", f"--url={fleet.address}")
        assert (said.code, said.out) == (1, "")
        assert "no space left on device" in said.err
        (await ask(fleet)).must_be_from("node-1")
        assert [(each["engine"], each["kind"]) for each in await events(fleet)] == [
            ("ollama", "swapped"),
            ("ollama", "not swapped"),
        ]
