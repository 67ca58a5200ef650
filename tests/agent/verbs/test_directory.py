"""Which agent of this machine a verb means."""

import os
from pathlib import Path

import pytest

from agent.presence import own, tell
from agent.verbs.directory import NOT_FOUND, USAGE, NoNode, directory_of, settings_of


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FLEET_ENV_FILE", str(tmp_path / "no-env-file"))
    monkeypatch.setenv("FLEET_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("FLEET_NODE_NODE_ID", raising=False)


def chosen(data_dir: Path, node_id: str | None = None) -> str:
    return directory_of(settings_of({"data_dir": str(data_dir), "node_id": node_id})).name


def nodes(data_dir: Path, *names: str) -> None:
    for name in names:
        (data_dir / "nodes" / name).mkdir(parents=True)


def test_the_only_one_is_meant(tmp_path: Path) -> None:
    nodes(tmp_path, "pi")
    assert chosen(tmp_path) == "pi"


def test_else_the_one_that_runs(tmp_path: Path) -> None:
    nodes(tmp_path, "old-name", "pi")
    tell(tmp_path / "nodes" / "pi", own())
    assert chosen(tmp_path) == "pi"
    assert chosen(tmp_path, "old-name") == "old-name"


def test_else_it_has_to_be_named(tmp_path: Path) -> None:
    nodes(tmp_path, "a", "b")
    with pytest.raises(NoNode, match=r"which one\? give --node-id; .*/nodes has: a, b") as raised:
        chosen(tmp_path)
    assert raised.value.code == USAGE
    with pytest.raises(NoNode, match=r"c never ran here; .*/nodes has: a, b") as raised:
        chosen(tmp_path, "c")
    assert raised.value.code == NOT_FOUND


def test_nobody_ever_ran_here(tmp_path: Path) -> None:
    with pytest.raises(NoNode, match="no agent ever ran here") as raised:
        chosen(tmp_path)
    assert raised.value.code == NOT_FOUND


def test_a_setting_that_is_wrong_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FLEET_NODE_GATEWAY_PORT", "none")
    with pytest.raises(NoNode, match="FLEET_NODE_GATEWAY_PORT") as raised:
        chosen(tmp_path)
    assert raised.value.code == USAGE
