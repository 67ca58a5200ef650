"""Verbs that move and use models, as processes of their own, against a live fleet of fake engines."""

from pathlib import Path

import msgspec

from shared.names import normalise
from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd, fleet_of_fakes
from tests.fleet.verbs import Said, Verb, verb


async def herd(fleet: Herd, *arguments: str, stdin: str = "") -> Said:
    """The verb, of this fleet."""
    return await verb("coordinator", *arguments, "--url", fleet.address, stdin=stdin)


async def having(fleet: Herd, model: str) -> list[str]:
    """Nodes that have it, by the coordinator."""
    nodes = await fleet.nodes()
    return [
        name
        for name, node in nodes.items()
        if normalise(model) in map(normalise, node["ollama"]["models_available"])
    ]


async def are_having(fleet: Herd, model: str, *nodes: str) -> bool:
    """Whether exactly these have it."""
    return await having(fleet, model) == list(nodes)


async def test_pull_onto_one_some_or_all(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], slots=4, name="node-1", pull_delay_s=0.1) as first,
        FakeEngine.run(["m"], slots=4, name="node-2") as second,
        fleet_of_fakes(tmp_path, [first, second], settle_time=0) as fleet,
    ):
        said = await herd(fleet, "pull", "new", "--node", "node-1")
        assert (said.code, said.out) == (0, "pulled 'new' onto node-1\n")
        assert "node-1: pulling manifest\n" in said.err
        assert "50 %\n" in said.err or "70 %\n" in said.err
        await eventually(lambda: are_having(fleet, "new", "node-1"))

        said = await herd(fleet, "pull", "new", "--replicas", "2", "-o", "json")
        assert msgspec.json.decode(said.out) == {
            "model": "new",
            "nodes": [{"node_id": "node-2", "pulled": True, "error": ""}],
            "had": ["node-1"],
        }
        await eventually(lambda: are_having(fleet, "new", "node-1", "node-2"))
        said = await herd(fleet, "pull", "new", "--replicas", "2")
        assert (said.code, said.out) == (0, "'new' is on node-1, node-2 already\n")

        said = await herd(fleet, "pull", "another", "--all")
        assert (said.code, sorted(said.out.splitlines())) == (
            0,
            ["pulled 'another' onto node-1", "pulled 'another' onto node-2"],
        )
        said = await herd(fleet, "pull", "third")
        assert said.code == 0
        assert said.out.startswith("pulled 'third' onto node-")


async def test_pulls_that_fail(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], slots=4, name="node-1", pull_error="disk full") as first,
        FakeEngine.run(["m"], slots=4, name="node-2") as second,
        fleet_of_fakes(tmp_path, [first, second], settle_time=0) as fleet,
    ):
        said = await herd(fleet, "pull", "new", "--all")
        assert (said.code, said.out) == (1, "pulled 'new' onto node-2\n")
        assert said.err.endswith("herd: node-1: disk full\n")
        said = await herd(fleet, "pull", "new", "--node", "node-3")
        assert (said.code, said.out) == (3, "")
        assert 'no node is named "node-3"' in said.err
        said = await herd(fleet, "pull", "new", "--replicas", "3")
        assert (said.code, said.out) == (1, "")
        assert (await herd(fleet, "pull", "new", "--all", "--node", "node-1")).code == 2
        await first.switch(pull_error="pull model manifest: file does not exist")
        assert (await herd(fleet, "pull", "nosuch", "--node", "node-1")).code == 3


async def test_ctrl_c_ends_a_pull(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], slots=4, name="node-1", pull_delay_s=1) as fake,
        fleet_of_fakes(tmp_path, [fake], settle_time=0) as fleet,
    ):
        pull = await Verb.begin("coordinator", "pull", "new", "--node", "node-1", "--url", fleet.address)
        assert await pull.first_line() == "node-1: pulling manifest\n"
        pull.interrupt()
        said = await pull.ended()
        assert (said.code, said.out) == (130, "")
        assert await having(fleet, "new") == []


async def test_stop_and_rm(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m", "x"], loaded=["m"], slots=4, name="node-1") as first,
        FakeEngine.run(["m", "x"], loaded=["m"], slots=4, name="node-2") as second,
        fleet_of_fakes(tmp_path, [first, second], settle_time=0) as fleet,
    ):
        said = await herd(fleet, "stop", "m", "--node", "node-1")
        assert said == Said(0, "stopped 'm' on node-1\n", "")
        assert ((await first.switches()).loaded, (await second.switches()).loaded) == ([], ["m"])
        await eventually(lambda: is_loaded_on(fleet, "node-2"))
        said = await herd(fleet, "stop", "m", "-o", "json")
        assert msgspec.json.decode(said.out) == {"model": "m", "nodes": ["node-2"], "failed": []}
        await eventually(lambda: is_loaded_on(fleet))
        assert (await herd(fleet, "stop", "m")) == Said(0, "", "'m' is loaded on no Ollama\n")
        assert (await herd(fleet, "stop", "nosuch")).code == 3
        assert (await herd(fleet, "stop", "m", "--node", "node-3")).code == 3

        said = await herd(fleet, "rm", "nosuch", "x", "--node", "node-1")
        assert (said.code, said.out) == (3, "deleted 'x'\n")
        assert 'model "nosuch" not found' in said.err
        assert ((await first.switches()).models, (await second.switches()).models) == (["m"], ["m", "x"])
        said = await herd(fleet, "rm", "m", "-o", "json")
        assert msgspec.json.decode(said.out) == {"models": [{"model": "m", "deleted": True, "error": ""}]}
        assert (await first.switches()).models == []


async def is_loaded_on(fleet: Herd, *nodes: str) -> bool:
    """Whether exactly these have something loaded, by /api/ps."""
    return [each["fleet_node"] for each in (await fleet.get("/api/ps"))["models"]] == list(nodes)


async def test_show_and_one_answer(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"], slots=4, name="node-1") as fake,
        fleet_of_fakes(tmp_path, [fake], settle_time=0) as fleet,
    ):
        said = await herd(fleet, "show", "m")
        assert (said.code, said.err) == (0, "")
        assert [line for line in said.out.splitlines() if line.startswith("  ") and line[2] != " "] == [
            "  Model",
            "  Capabilities",
            "  Parameters",
        ]
        assert (await herd(fleet, "show", "m", "--modelfile")).out == "FROM m\n"
        shown = msgspec.json.decode((await herd(fleet, "show", "m", "-o", "json")).out)
        assert shown["details"]["quantization_level"] == "Q4_K_M"
        assert (await herd(fleet, "show", "nosuch")).code == 3

        said = await herd(fleet, "run", "m", "hello", "there", "--verbose")
        assert (said.code, said.out) == (0, "node-1 says hello 1 2\n")
        assert "node:                node-1\n" in said.err
        said = await herd(fleet, "run", "m", "--think", stdin="from a pipe\n")
        assert (said.code, said.out) == (0, "node-1 says hello 1 2\n")
        assert said.err
        assert await last_asked(fake) == ["from a pipe"]
        said = await herd(fleet, "run", "nosuch", "hello")
        assert (said.code, said.out) == (3, "")
        assert "nosuch" in said.err
        assert (await herd(fleet, "run", "m")).code == 2
        await fake.switch(close_after_chunks=2)
        said = await herd(fleet, "run", "m", "hello")
        assert said.code == 1
        assert said.err.startswith("herd: ")


async def last_asked(fake: FakeEngine) -> list[str]:
    """What the messages of the last chat say."""
    chats = [each for each in (await fake.state()).calls if each.path == "/api/chat"]
    return [each["content"] for each in msgspec.json.decode(chats[-1].body)["messages"]]
