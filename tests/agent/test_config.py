"""The agent's settings: its name, and the bounds of the others."""

import os
import re

import pytest

from agent.cli import main
from agent.config import PREFIX, Settings
from shared.settings import SettingsError, resolve
from tests.fakes.builders import a_beat

NOWHERE = {"FLEET_ENV_FILE": "/nonexistent/env", "FLEET_CONFIG_FILE": os.devnull}


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


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        *(
            ("ADVERTISE", value, "a host name or address, without http:// and port")
            for value in ("http://10.0.0.7", "10.0.0.7:11436", "[fd00::7]", "a..b", "my host", "h" * 254)
        ),
        ("MDNS_SERVICE_TYPE", "fleet", "a type such as _fleet-manager._tcp.local."),
    ],
)
def test_where_a_pattern_does_not_fit_words_say_what_would(setting: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsError) as raised:
        resolve(Settings, PREFIX, {setting.lower(): value}, NOWHERE)
    assert str(raised.value) == f"FLEET_NODE_{setting}={value!r} (from flag): expected {expected}"


@pytest.mark.parametrize("value", ["laptop", "laptop.example.", "10.0.0.7", "fd00::7", "fe80::1%eth0"])
def test_what_a_node_may_be_advertised_as(value: str) -> None:
    assert resolve(Settings, PREFIX, {"advertise": value}, NOWHERE).values.advertise == value


def test_engines_may_be_named_more_than_once() -> None:
    assert resolve(Settings, PREFIX, {"engine": ("ollama", "embedded")}, NOWHERE).values.engine == (
        "ollama",
        "embedded",
    )
    environment = {**NOWHERE, "FLEET_NODE_ENGINE": "ollama,embedded"}
    assert resolve(Settings, PREFIX, {"engine": ()}, environment).values.engine == ("ollama", "embedded")


@pytest.mark.parametrize(
    ("arguments", "environment", "learns"),
    [
        ([], {}, False),
        ([], {"FLEET_NODE_ENABLE_CAPACITY_LEARNING": "true"}, True),
        (["--learn-capacity"], {}, True),
        (["--learn-capacity"], {"FLEET_NODE_ENABLE_CAPACITY_LEARNING": "false"}, True),
    ],
)
def test_a_flag_that_is_left_out_hides_no_environment(
    arguments: list[str], environment: dict[str, str], learns: bool
) -> None:
    flags = main.make_context("herd-node", arguments).params
    del flags["with_parent"]
    assert resolve(Settings, PREFIX, flags, NOWHERE | environment).values.enable_capacity_learning is learns
