"""The agent's settings: its name, and the bounds of the others."""

import re

import pytest

from agent.config import PREFIX, Settings
from shared.settings import SettingsError, resolve
from tests.fakes.builders import a_beat

NOWHERE = {"FLEET_ENV_FILE": "/nonexistent/env"}


@pytest.mark.parametrize(
    ("node_id", "name"),
    [
        ("studio", "studio"),
        ("Müllers Mac", "M-llers-Mac"),
        ("a/b\n", "a-b-"),
        ("..hidden", "hidden"),
        ("---", "node"),
        ("x" * 200, "x" * 128),
    ],
)
def test_a_name_is_made_fit_for_headers_and_file_names(node_id: str, name: str) -> None:
    assert Settings(node_id=node_id).name == name


def test_without_a_name_the_hosts_is_taken() -> None:
    name = Settings().name
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", name)
    assert a_beat(name).node_id == name


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("GATEWAY_PORT", "65536"),
        ("GATEWAY_PORT", "-1"),
        ("HEARTBEAT_INTERVAL", "0"),
        ("EMBEDDED_SLOTS", "0"),
        ("EMBEDDED_CONTEXT", "63"),
        ("LOG_LEVEL", "LOUD"),
        ("DRAIN_TIMEOUT", "-1"),
    ],
)
def test_values_out_of_bounds_are_refused_by_name(setting: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^FLEET_NODE_{setting}="):
        resolve(Settings, PREFIX, {}, {**NOWHERE, f"FLEET_NODE_{setting}": value})


def test_engines_may_be_named_more_than_once() -> None:
    assert resolve(Settings, PREFIX, {"engine": ("ollama", "embedded")}, NOWHERE).values.engine == (
        "ollama",
        "embedded",
    )
    environment = {**NOWHERE, "FLEET_NODE_ENGINE": "ollama,embedded"}
    assert resolve(Settings, PREFIX, {"engine": ()}, environment).values.engine == ("ollama", "embedded")
