"""default < file < environment < flag, and words that help where a setting is wrong."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct

from shared.settings import Resolved, SettingsError, env_file, read_env_file, resolve


class Some(Struct, frozen=True, kw_only=True):
    """Settings of a program that does not exist."""

    host: str = "localhost"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 11435
    wait_s: float = 30.0
    engine: tuple[str, ...] = ()


def resolved(
    tmp_path: Path,
    *,
    file: str = "",
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Resolved[Some]:
    """Settings of `Some` from these sources and no others."""
    path = tmp_path / "env"
    path.write_text(file, encoding="utf-8")
    found = {"FLEET_ENV_FILE": str(path), "FLEET_CONFIG_FILE": os.devnull, **(environment or {})}
    return resolve(Some, "FLEET_", flags or {}, found, ("FLEET_NODE_",))


def test_defaults(tmp_path: Path) -> None:
    found = resolved(tmp_path)
    assert found.values == Some()
    assert set(found.origins.values()) == {"default"}
    assert found.warnings == ()


def test_each_source_outranks_the_one_before(tmp_path: Path) -> None:
    file, environment, flags = "FLEET_PORT=1", {"FLEET_PORT": "2"}, {"port": 3}
    path = tmp_path / "env"
    found = resolved(tmp_path, file=file)
    assert (found.values.port, found.origins["port"]) == (1, f"file {path}")
    found = resolved(tmp_path, file=file, environment=environment)
    assert (found.values.port, found.origins["port"]) == (2, "environment")
    found = resolved(tmp_path, file=file, environment=environment, flags=flags)
    assert (found.values.port, found.origins["port"]) == (3, "flag")
    assert found.origins["host"] == "default"


@pytest.mark.parametrize("left_out", [None, ()])
def test_a_flag_left_out_hides_nothing(tmp_path: Path, left_out: object) -> None:
    environment = {"FLEET_PORT": "2", "FLEET_ENGINE": "ollama"}
    found = resolved(tmp_path, environment=environment, flags={"port": left_out, "engine": left_out})
    assert (found.values.port, found.values.engine) == (2, ("ollama",))


def test_a_flag_of_zero_counts(tmp_path: Path) -> None:
    assert resolved(tmp_path, environment={"FLEET_PORT": "2"}, flags={"port": 0}).values.port == 0


def test_an_empty_value_hides_nothing(tmp_path: Path) -> None:
    found = resolved(tmp_path, file="FLEET_PORT=1", environment={"FLEET_PORT": ""})
    assert found.values.port == 1


def test_lists_are_written_with_commas(tmp_path: Path) -> None:
    assert resolved(tmp_path, environment={"FLEET_ENGINE": "a, b,,c"}).values.engine == ("a", "b", "c")
    assert resolved(tmp_path, flags={"engine": ("a", "b")}).values.engine == ("a", "b")


def test_an_unknown_name_is_warned_about_with_the_nearest(tmp_path: Path) -> None:
    found = resolved(tmp_path, file="FLEET_HOTS=x", environment={"FLEET_PROT": "1", "FLEET_QQQQQQQQ": "1"})
    assert found.warnings == (
        "unknown setting FLEET_HOTS; did you mean FLEET_HOST?",
        "unknown setting FLEET_PROT; did you mean FLEET_PORT?",
        "unknown setting FLEET_QQQQQQQQ",
    )


def test_the_other_programs_settings_are_not_unknown(tmp_path: Path) -> None:
    assert resolved(tmp_path, environment={"FLEET_NODE_NODE_ID": "x", "HOME": "x"}).warnings == ()


@pytest.mark.parametrize("value", ["many", "-1", "70000", "1.5"])
def test_a_bad_value_names_the_setting_and_its_source(tmp_path: Path, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        resolved(tmp_path, environment={"FLEET_PORT": value})
    assert str(caught.value).startswith(f"FLEET_PORT={value!r} (from environment): ")
    with pytest.raises(SettingsError, match="from file"):
        resolved(tmp_path, file=f"FLEET_PORT={value}")
    with pytest.raises(SettingsError, match="from flag"):
        resolved(tmp_path, flags={"port": value})


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_numbers_are_finite(tmp_path: Path, value: str) -> None:
    with pytest.raises(SettingsError, match="FLEET_WAIT_S"):
        resolved(tmp_path, environment={"FLEET_WAIT_S": value})


def test_the_forms_of_an_env_file(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("\n# a comment\nexport A=1\nB = 'two words'\nC=\"x=y\"\nD=\n", encoding="utf-8")
    assert read_env_file(path) == {"A": "1", "B": "two words", "C": "x=y", "D": ""}


def test_a_line_that_says_nothing_is_named_by_its_number(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="line 2: expected KEY=value"):
        resolved(tmp_path, file="A=1\nnonsense\n")


def test_no_file_is_no_fault_but_an_unreadable_one_is(tmp_path: Path) -> None:
    assert read_env_file(tmp_path / "missing") == {}
    with pytest.raises(SettingsError):
        read_env_file(tmp_path)
    (tmp_path / "latin").write_bytes(b"A=\xe4")
    with pytest.raises(SettingsError):
        read_env_file(tmp_path / "latin")


def test_where_the_env_file_is_looked_for() -> None:
    assert env_file({"FLEET_ENV_FILE": "/etc/herd.env"}) == Path("/etc/herd.env")
    assert env_file({}) == Path("~/.fleet-manager/env").expanduser()
