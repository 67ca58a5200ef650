"""Units of systemd and property lists of launchd: what they say, and how systemd judges them."""

import configparser
import plistlib
import re
import shutil
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from agent.config import Settings as Node
from coordinator.app import TRACES_GRACE_S
from coordinator.config import Settings as Coordinator
from coordinator.startup import CLOSE_GRACE_S
from shared.autostart import launchd, systemd
from shared.autostart.installation import hidden_from_system
from shared.autostart.installing import UNITS, CannotInstall, check_visible

ROOT = Path(__file__).parent.parent.parent.parent
PROGRAMS = ("herd", "herd-node")
HIGHEST = {"herd": 2.5, "herd-node": 2.5}
"""Exposure, 0 to 10, as systemd-analyze finds it."""


def unit(program: str) -> str:
    return (UNITS / f"{program}.service").read_text()


def values(text: str, section: str, key: str) -> list[str]:
    """A key may be there several times."""
    part = text.partition(f"[{section}]\n")[2].partition("\n[")[0]
    return re.findall(rf"^{key}=(.*)$", part, re.MULTILINE)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_files_for_copying_by_hand_are_those_that_are_installed(program: str) -> None:
    there = (ROOT / "systemd" / f"{program}.service").read_text()
    assert there == systemd.of_system(unit(program), program, [f"/usr/local/bin/{program}"]).content


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_service_of_the_system(program: str) -> None:
    made = systemd.of_system(unit(program), program, ["/opt/herd/bin/" + program])
    assert made.path == Path(f"/etc/systemd/system/{program}.service")
    assert values(made.content, "Service", "ExecStart") == [f"/opt/herd/bin/{program}"]
    assert values(made.content, "Service", "DynamicUser") == ["yes"]
    assert values(made.content, "Service", "EnvironmentFile") == ["-/etc/fleet-manager/env"]
    assert values(made.content, "Service", "KillMode") == ["mixed"], (
        "an engine must serve while its agent drains"
    )
    assert made.start == ("systemctl", "enable", "--now", program)
    assert made.running == ("systemctl", "is-active", "--quiet", program)
    assert made.restart == ("systemctl", "restart", program)


def test_engines_may_write_at_home() -> None:
    """Caches of compiled kernels, models that they fetch: a user made for the service has no home of its own."""
    (told,) = values(unit("herd-node"), "Service", "Environment")
    (state,) = values(unit("herd-node"), "Service", "StateDirectory")
    assert f"HOME=/var/lib/{state}" in told.split()


def test_an_agent_has_the_time_to_drain_and_a_coordinator_to_write_its_traces() -> None:
    given = {each: float(values(unit(each), "Service", "TimeoutStopSec")[0]) for each in PROGRAMS}
    assert given == launchd.STOP_S
    assert given["herd-node"] > Node().drain_timeout + 2 * 5
    assert given["herd"] > Coordinator().stop_grace + CLOSE_GRACE_S + TRACES_GRACE_S


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_service_of_a_user_has_what_needs_no_rights(program: str) -> None:
    made = systemd.of_user(unit(program), program, ["/home/a/bin/x"], Path("/home/a/.config/systemd/user"))
    assert made.path == Path(f"/home/a/.config/systemd/user/{program}.service")
    for key in (
        "DynamicUser",
        "StateDirectory",
        "ProtectSystem",
        "DevicePolicy",
        "EnvironmentFile",
        "Environment",
    ):
        assert values(made.content, "Service", key) == [], key
    for key in ("NoNewPrivileges", "SystemCallFilter", "KillMode", "Restart"):
        assert values(made.content, "Service", key) == values(unit(program), "Service", key)
    assert values(made.content, "Install", "WantedBy") == ["default.target"]
    assert "network-online" not in made.content
    assert made.start == ("systemctl", "--user", "enable", "--now", program)
    configparser.ConfigParser(strict=False, interpolation=None).read_string(made.content)


def test_the_agent_of_a_user_starts_after_the_coordinator() -> None:
    made = systemd.of_user(unit("herd-node"), "herd-node", ["x"], Path("/u"))
    assert values(made.content, "Unit", "After") == ["herd.service"]


@pytest.mark.parametrize(
    ("command", "written"),
    [
        (["/opt/herd/bin/herd"], "/opt/herd/bin/herd"),
        (["/opt/my herd/herd", "-m", "x"], '"/opt/my herd/herd" -m x'),
        (["/opt/50%/$x"], "/opt/50%%/$$x"),
        (['/a"b\\c'], '"/a\\"b\\\\c"'),
    ],
)
def test_a_command_is_quoted(command: list[str], written: str) -> None:
    assert systemd.quoted(command) == written


def test_what_a_service_of_the_system_cannot_see() -> None:
    alice = PurePosixPath("/home/alice/.local/bin/herd")
    assert hidden_from_system(PurePosixPath("/opt/herd/bin/herd"), alice) == alice
    assert hidden_from_system(PurePosixPath("/run/user/9/x")) == PurePosixPath("/run/user/9/x")
    assert hidden_from_system(PurePosixPath("/usr/bin/herd"), PurePosixPath("/rooted/x")) is None


def test_what_runs_out_of_a_home_cannot_be_for_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package counts, too: `pip install -e ~/herd` into /opt."""
    monkeypatch.setattr("shared.autostart.installation.HOMES", (str(ROOT.resolve()),))
    with pytest.raises(CannotInstall, match=f"{ROOT.resolve()}.*/opt/herd/bin/pip install {ROOT.resolve()};"):
        check_visible(systemd.of_system(unit("herd"), "herd", ["x"]))
    check_visible(systemd.of_user(unit("herd"), "herd", ["x"], tmp_path))
    monkeypatch.setattr("shared.autostart.installation.HOMES", ())
    check_visible(systemd.of_system(unit("herd"), "herd", ["x"]))


def test_a_property_list_of_a_user() -> None:
    made = launchd.of_user("herd-node", ["/opt/bin/herd-node"], Path("/Users/a"), 501)
    assert made.path == Path("/Users/a/Library/LaunchAgents/local.fleet-manager.herd-node.plist")
    told = plistlib.loads(made.content.encode())
    assert told["ProgramArguments"] == ["/opt/bin/herd-node"]
    assert told["KeepAlive"] == {"SuccessfulExit": False}
    assert told["ExitTimeOut"] == 630
    assert "UserName" not in told
    assert made.start == ("launchctl", "bootstrap", "gui/501", str(made.path))
    assert made.stop == ("launchctl", "bootout", "gui/501/local.fleet-manager.herd-node")


def test_a_property_list_of_the_system() -> None:
    made = launchd.of_system("herd", ["/opt/bin/herd"], "alice")
    assert made.path == Path("/Library/LaunchDaemons/local.fleet-manager.herd.plist")
    assert plistlib.loads(made.content.encode())["UserName"] == "alice"
    assert made.start[:3] == ("launchctl", "bootstrap", "system")


analyzed = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")


@analyzed
@pytest.mark.parametrize("program", PROGRAMS)
def test_systemd_finds_them_hardened(program: str) -> None:
    told = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", str(ROOT / "systemd" / f"{program}.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"exposure level for \S+: ([\d.]+)", told.stdout)
    assert found, told
    assert float(found[1]) <= HIGHEST[program]


@analyzed
@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("whose", ["--system", "--user"])
def test_systemd_understands_every_line(tmp_path: Path, program: str, whose: str) -> None:
    made = (
        systemd.of_system(unit(program), program, ["/bin/true"])
        if whose == "--system"
        else systemd.of_user(unit(program), program, ["/bin/true"], tmp_path)
    )
    (tmp_path / f"{program}.service").write_text(made.content)
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / f"{program}.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert program not in told.stdout + told.stderr
