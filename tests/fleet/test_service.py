"""`herd service` and `herd-node service`, with a systemctl that starts nothing."""

import json
import sys
from pathlib import Path

import pytest

from shared.autostart import systemd
from tests.fakes import systemctl
from tests.fleet.verbs import verb


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user's, with nothing in it, and the fake on the path."""
    fake = tmp_path / "bin" / "systemctl"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\nexec {sys.executable} {systemctl.__file__} "$@"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=":")
    monkeypatch.setenv("FAKE_SYSTEMCTL", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


def asked(home: Path) -> list[str]:
    """What systemctl was asked since the last look."""
    path = home / "asked"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
@pytest.mark.parametrize(("module", "program"), [("coordinator", "herd"), ("agent", "herd-node")])
async def test_from_install_to_uninstall(home: Path, module: str, program: str) -> None:
    unit = home / ".config" / "systemd" / "user" / f"{program}.service"
    said = await verb(module, "service", "status", "--user")
    assert (said.code, said.out) == (
        3,
        f"{program}.service is not installed; to do that: {program} service install\n",
    )

    said = await verb(module, "service", "install", "--user", "--dry-run")
    assert said.code == 0
    assert "ExecStart=" in said.out
    assert not unit.exists()
    assert asked(home) == []

    said = await verb(module, "service", "install", "--user")
    assert said.code == 0
    assert f"not started; to start it: systemctl --user enable --now {program}" in said.out
    assert "ExecStart=" in unit.read_text()
    assert asked(home) == ["--user daemon-reload"], "nothing is started unasked"
    assert (await verb(module, "service", "status", "--user")).code == 1

    said = await verb(module, "service", "install", "--user", "--now")
    assert said.code == 0
    assert f"{unit} is as it should be" in said.out
    assert asked(home)[-1] == f"--user enable --now {program}"
    said = await verb(module, "service", "status", "--user", "-o", "json")
    assert said.code == 0
    assert json.loads(said.out) == {
        **{"name": f"{program}.service", "path": str(unit)},
        **{"installed": True, "running": True, "as_written": True},
    }

    unit.write_text(unit.read_text() + "# mine\n")
    said = await verb(module, "service", "install", "--user")
    assert said.code == 1
    assert "--force replaces it" in said.err
    assert "# mine" in unit.read_text()
    assert (await verb(module, "service", "install", "--user", "--force")).code == 0
    assert "# mine" not in unit.read_text()

    asked(home)
    said = await verb(module, "service", "uninstall", "--user")
    assert (said.code, said.out) == (0, f"{unit} removed\n")
    assert asked(home) == [f"--user disable --now {program}", "--user daemon-reload"]
    assert not unit.exists()
    assert (await verb(module, "service", "uninstall", "--user")).code == 3


@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
async def test_what_systemd_refuses_is_told(home: Path) -> None:
    (home / "fails").write_text("Failed to connect to bus\n")
    said = await verb("coordinator", "service", "install", "--user", "--now")
    assert said.code == 1
    assert "systemctl --user daemon-reload: Failed to connect to bus" in said.err
    assert "the file is there; " in said.err
    assert "loginctl enable-linger" in said.err
    said = await verb("coordinator", "service", "install", "--user")
    assert said.code == 1, "the file is as it should be, but nobody was told"
    (home / "fails").unlink()
    asked(home)
    assert (await verb("coordinator", "service", "install", "--user")).code == 0
    assert asked(home) == ["--user daemon-reload"]


UNIT = systemd.SYSTEM_DIRECTORY / "herd.service"


@pytest.mark.skipif(sys.platform != "linux" or UNIT.exists(), reason="systemd, and no herd of the system")
async def test_any_herd_looks_for_and_removes_a_unit_of_the_system(home: Path) -> None:
    """Where this one is installed matters to what it would write, not to what is there."""
    said = await verb("coordinator", "service", "status", "--system")
    assert (said.code, "is not installed" in said.out) == (3, True)
    said = await verb("coordinator", "service", "uninstall", "--system")
    assert (said.code, said.err) == (3, f"herd: {UNIT} is not there\n")


async def test_a_place_that_may_not_be_written_is_told(home: Path) -> None:
    (home / ".config").write_text("no directory")
    said = await verb("coordinator", "service", "install", "--user")
    assert said.code == 1
    assert ".config/systemd/user/herd.service: Not a directory" in said.err
