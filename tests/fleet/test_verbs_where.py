"""Which coordinator a verb asks, and that flags of serving do not vanish before one."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fleet.harness import herd
from tests.fleet.verbs import verb


async def test_the_coordinator_of_this_machine_is_where_its_settings_say(tmp_path: Path) -> None:
    async with herd(tmp_path) as fleet:
        config = tmp_path / "config.toml"
        config.write_text(f"[herd]\nport = {urlsplit(fleet.address).port}\n")
        set_here = {"FLEET_CONFIG_FILE": str(config)}
        said = await verb("coordinator", "nodes", environment=set_here)
        assert (said.code, said.err) == (0, "")

        said = await verb("coordinator", "nodes", environment=set_here | {"OLLAMA_HOST": "127.0.0.1:9"})
        assert said.code == 0
        assert said.err == (
            f"herd: OLLAMA_HOST='127.0.0.1:9' answers as no coordinator; asking {fleet.address}\n"
        )

        (tmp_path / "env").write_text(f"FLEET_URL={fleet.address}\n")
        said = await verb("coordinator", "nodes", environment={"FLEET_ENV_FILE": str(tmp_path / "env")})
        assert (said.code, said.err) == (0, "")


@pytest.mark.parametrize("flags", [("--port=0",), ("--host=9.9.9.9", "--data-dir=/d")])
async def test_flags_of_serving_before_a_verb_are_wrong_usage(flags: tuple[str, ...]) -> None:
    said = await verb("coordinator", *flags, "ps", "--url=http://127.0.0.1:9")
    assert said.code == 2
    assert ", ".join(each.partition("=")[0] for each in flags) + " before a verb" in said.err


async def test_what_herd_would_serve_with_heeds_the_flags_before_it() -> None:
    said = await verb("coordinator", "--port", "5", "config", "show", "port", "-o", "json")
    assert (said.code, json.loads(said.out)) == (0, {"FLEET_PORT": {"value": 5, "origin": "flag"}})
    said = await verb("coordinator", "--port", "70000", "config", "show")
    assert said.code == 2
