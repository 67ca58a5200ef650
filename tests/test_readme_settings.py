"""README's words on config.toml, SIGHUP and doctor are those of the programs."""

import re
from pathlib import Path

import pytest

from agent import config as agent_config
from agent import live as agent_live
from coordinator import config as coordinator_config
from coordinator import live as coordinator_live
from shared.settings import resolve

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PROGRAMS = {"herd": coordinator_config, "herd-node": agent_config}
LIVE = {"herd": coordinator_live.LIVE, "herd-node": agent_live.LIVE}


def live_settings(text: str) -> dict[str, set[str]]:
    """By program, of the paragraph on SIGHUP."""
    paragraph = text.partition("At once change, of `herd`:")[2].partition("\n\n")[0]
    herd, _, node = paragraph.partition("of `herd-node`:")
    return {"herd": set(re.findall(r"`(\w+)`", herd)), "herd-node": set(re.findall(r"`(\w+)`", node))}


def test_readme_names_what_a_hangup_changes() -> None:
    assert live_settings(README) == {name: set(live) for name, live in LIVE.items()}


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_what_a_hangup_changes_are_settings(name: str) -> None:
    assert set(PROGRAMS[name].Settings.__struct_fields__) >= LIVE[name]


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_the_example_of_a_config_file_is_one(tmp_path: Path, name: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(README.partition("## Settings\n")[2].partition("```toml\n")[2].partition("```")[0])
    module = PROGRAMS[name]
    environment = {"FLEET_CONFIG_FILE": str(path), "FLEET_ENV_FILE": str(tmp_path / "none")}
    found = resolve(module.Settings, module.PREFIX, {}, environment)
    assert f"file {path}" in found.origins.values()


def test_readme_names_every_finding_of_doctor() -> None:
    places = ("shared/doctor", "coordinator/verbs", "agent/verbs")
    made = {
        check_id
        for place in places
        for path in (ROOT / place).glob("*.py")
        for check_id in re.findall(r'check_id="(\w+)"', path.read_text())
    }
    table = README.partition("| finding | what to do |")[2].partition("\n\n")[0]
    named = {each for row in table.splitlines() for each in re.findall(r"`(\w+)`", row.partition(" | ")[0])}
    assert named == made
