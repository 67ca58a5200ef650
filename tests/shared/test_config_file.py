"""config.toml: where it is looked for, what outranks it, and words for what is wrong in it."""

from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta, Struct

from shared import config_file
from shared.config_file import ConfigError, config_files, read_table
from shared.settings import Resolved, SettingsError, resolve


class Some(Struct, frozen=True, kw_only=True):
    """Settings of a program that does not exist."""

    host: str = "localhost"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 11435
    wait_s: float = 30.0
    mdns: bool = True
    engine: tuple[str, ...] = ()


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty home, and a system file beside it."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(config_file, "SYSTEM_FILE", tmp_path / "etc" / "config.toml")
    (tmp_path / "home" / ".fleet-manager").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    return tmp_path


def system(places: Path, text: str) -> Path:
    path = places / "etc" / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def user(places: Path, text: str) -> Path:
    path = places / "home" / ".fleet-manager" / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def resolved(environment: dict[str, str] | None = None, **flags: object) -> Resolved[Some]:
    return resolve(Some, "FLEET_", flags, environment or {})


def test_no_file_is_no_fault(places: Path) -> None:
    assert config_files({}) == []
    assert resolved().values == Some()


def test_each_source_outranks_the_one_before(places: Path) -> None:
    etc = system(places, "[herd]\nport = 1\nhost = 'etc'\nwait_s = 1\n")
    assert (resolved().values.port, resolved().origins["port"]) == (1, f"file {etc}")
    home = user(places, "[herd]\nport = 2\nhost = 'home'\n")
    found = resolved()
    assert (found.values.port, found.values.host, found.values.wait_s) == (2, "home", 1)
    assert (found.origins["port"], found.origins["wait_s"]) == (f"file {home}", f"file {etc}")
    env_file = places / "home" / ".fleet-manager" / "env"
    env_file.write_text("FLEET_PORT=3\n", encoding="utf-8")
    assert (resolved().values.port, resolved().origins["port"]) == (3, f"file {env_file}")
    assert resolved({"FLEET_PORT": "4"}).values.port == 4
    assert resolved({"FLEET_PORT": "4"}, port=5).values.port == 5
    assert resolved({"FLEET_PORT": "4"}, port=5).values.host == "home"


def test_one_file_that_is_named_stands_for_all(places: Path) -> None:
    system(places, "[herd]\nport = 1\n")
    mine = places / "mine.toml"
    mine.write_text("[herd]\nhost = 'mine'\n", encoding="utf-8")
    found = resolved({"FLEET_CONFIG_FILE": str(mine)})
    assert (found.values.host, found.values.port) == ("mine", 11435)
    assert not found.warnings
    with pytest.raises(SettingsError, match=r"gone\.toml \(from FLEET_CONFIG_FILE\): no such file"):
        resolved({"FLEET_CONFIG_FILE": str(places / "gone.toml")})


def test_values_are_what_toml_says(places: Path) -> None:
    user(places, "[herd]\nmdns = false\nwait_s = 2.5\nengine = ['a', 'b']\nhost = ''\n")
    assert resolved().values == Some(mdns=False, wait_s=2.5, engine=("a", "b"), host="")


def test_each_program_reads_its_table(places: Path) -> None:
    user(places, "[herd]\nport = 1\n[herd-node]\nport = 2\n")
    assert resolved().values.port == 1
    assert resolve(Some, "FLEET_NODE_", {}, {}).values.port == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[herd]\nprot = 1\n", r"unknown key prot in \[herd\]; did you mean port\?"),
        ("[herd]\nqqqqqq = 1\n", r"unknown key qqqqqq in \[herd\]$"),
        ("[hred]\nport = 1\n", r"unknown table hred; did you mean herd\?"),
        ("port = 1\n", r"unknown key port; put it under \[herd\]"),
        ("herd = 1\n", r"herd is a table: write \[herd\]"),
        ("[herd]\nport = \n", r"config\.toml: Invalid value"),
        (
            "[herd]\nport = 70000\n",
            r"^port=70000 \(from file .*config\.toml\): expected a whole number from 0 to 65535$",
        ),
        ("[herd]\nport = 'many'\n", r"^port='many' \(from file"),
        ("[herd]\nhost = 5\n", r"^host=5 \(from file"),
        ("[herd]\nengine = [1]\n", r"^engine=\[1\] \(from file"),
        ("[herd]\nport = {a = 1}\n", r"^port=\{'a': 1\} \(from file"),
    ],
)
def test_what_is_wrong_is_named(places: Path, text: str, words: str) -> None:
    user(places, text)
    with pytest.raises(SettingsError, match=words):
        resolved()


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"# \xe4")
    for path in (tmp_path, tmp_path / "latin"):
        with pytest.raises(ConfigError, match=str(path)):
            read_table(path, "herd", ())
