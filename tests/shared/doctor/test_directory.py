"""The data directory: how doctor looks at it, and what it says may be pasted."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.doctor.directory_checks import directory
from shared.doctor.directory_looks import directory as looked_at
from shared.doctor.seen import DirectorySeen
from shared.finding import Finding

CHOWN = 'sudo chown -R "$(id -un)"'
ELSEWHERE = "herd --port 5 --data-dir ~/.fleet-manager"
NOBODY = 65_534
ROOT = Path(__file__).parent.parent.parent.parent


def the(check_id: str, *, exists: bool = True, **values: object) -> Finding:
    seen = DirectorySeen(path="/my d", exists=exists, **values)  # type: ignore[arg-type]
    (found,) = directory(seen, "herd", {"port": 5, "data_dir": "/my d"})
    assert found.check_id == check_id
    return found


def test_a_directory_that_is_well_is_no_finding() -> None:
    assert list(directory(DirectorySeen(path="/d", exists=True), "herd")) == []
    assert list(directory(DirectorySeen(path="/d", exists=False), "herd")) == []


@pytest.mark.parametrize(
    ("seen", "command"),
    [
        ({"cause": "rights"}, ELSEWHERE),
        ({"cause": "rights", "own": True}, f"{CHOWN} '/my d'"),
        ({"cause": "rights", "mine": True}, "chmod u+rwx '/my d'"),
        ({"cause": "parent", "exists": False}, "sudo install -d -o \"$(id -un)\" '/my d'"),
        ({"cause": "no_directory"}, ELSEWHERE),
        ({"cause": "no_directory", "default": True, "own": True}, "mv '/my d' '/my d'.aside"),
        ({"cause": "out_of_reach", "exists": False}, ELSEWHERE),
        ({"cause": "out_of_reach", "exists": False, "default": True}, ""),
    ],
)
def test_a_directory_that_cannot_be_used(seen: dict[str, object], command: str) -> None:
    found = the("data_dir_unusable", problem="so it is", **seen)  # type: ignore[arg-type]
    assert (found.severity, found.command) == ("critical", command)


def test_files_that_cannot_be_written() -> None:
    some = ("latency.db", "a", "b", "c")
    found = the("data_dir_foreign", foreign=some, own=True)
    assert (found.severity, found.command) == ("critical", f"{CHOWN} '/my d'")
    assert "4 files (latency.db, a, b, ...) are" in found.description
    assert the("data_dir_foreign", foreign=some).command == ELSEWHERE, "others keep things there"
    assert the("data_dir_locked", locked=("latency.db",)).command == "chmod u+rwX '/my d/latency.db'"


def test_a_directory_that_is_open_to_all() -> None:
    found = the("data_dir_open", writable_by_all=True, own=True, mine=True)
    assert (found.severity, found.command) == ("warning", "chmod go-w '/my d'")
    assert the("data_dir_open", writable_by_all=True, own=True).command == "sudo chmod go-w '/my d'"
    assert the("data_dir_open", writable_by_all=True, mine=True).command == ELSEWHERE, "it may be /tmp"


def test_how_it_is_looked_at(tmp_path: Path) -> None:
    seen = looked_at(tmp_path / "not" / "yet")
    assert (seen.exists, seen.problem) == (False, "")
    assert not (tmp_path / "not").exists(), "looking makes nothing"
    (tmp_path / "file").touch()
    assert looked_at(tmp_path / "file").cause == "no_directory"
    assert looked_at(tmp_path / "file" / "x").cause == "out_of_reach"
    assert looked_at(tmp_path) == DirectorySeen(path=str(tmp_path), exists=True, mine=True)
    tmp_path.chmod(0o777)
    assert looked_at(tmp_path).writable_by_all


def test_it_is_herds_own_only_where_nobody_else_keeps_anything(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    assert not looked_at(tmp_path).own
    (tmp_path / "logs" / "herd.jsonl").touch()
    (tmp_path / "latency.db-wal").touch()
    assert looked_at(tmp_path).own
    (tmp_path / "dpkg").mkdir()
    assert not looked_at(tmp_path).own, "herd was once started in /var/lib"


def test_all_that_readme_lists_is_herds_own(tmp_path: Path) -> None:
    readme = (
        (ROOT / "README.md").read_text().partition("## Where data lives")[2].partition("\nDelete the dir")[0]
    )
    rows = [line.split(" | ")[0] for line in readme.splitlines() if line.startswith("| `")]
    names = [each.partition("/")[0] for row in rows for each in re.findall(r"`([^`]+)`", row)]
    assert "latency.db" in names
    for name in names:
        (tmp_path / name).touch()
    assert looked_at(tmp_path).own


def test_where_herd_looks_unasked_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert looked_at(tmp_path / ".fleet-manager").default
    (tmp_path / ".fleet-manager").symlink_to("/etc")
    seen = looked_at(tmp_path / ".fleet-manager")
    assert (seen.path, seen.default, seen.own) == ("/etc", False, False)


@pytest.fixture
def open_path() -> Iterator[Path]:
    """Where another user gets to: pytest keeps tmp_path to its owner."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


AS_NOBODY = """
import os, sys
sys.path.insert(0, sys.argv[1])
import msgspec
from pathlib import Path
from shared.doctor.directory_looks import directory
from shared.doctor import directory_checks
os.setuid(int(sys.argv[2]))
for path in sys.argv[3:]:
    seen = directory(Path(path))
    print(*[each.check_id + " " + each.command for each in directory_checks.directory(seen, "herd")] or ["-"])
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root becomes somebody else")
def test_nobody_is_told_to_take_what_is_not_herds(open_path: Path) -> None:
    roots = open_path / "roots"
    (roots / "logs").mkdir(parents=True)
    (roots / "logs" / "herd.jsonl").touch()
    mine = open_path / "mine"
    (mine / "nodes" / "n").mkdir(parents=True)
    mine.chmod(0o700)
    for name, mode in (("nodes/n/model.gguf", 0o444), ("latency.db", 0o444)):
        (mine / name).touch()
        (mine / name).chmod(mode)
    for each in (mine, *mine.rglob("*")):
        os.chown(each, NOBODY, -1)
    paths = ["/etc", "/var/lib", "/opt/fleet/x", str(roots), str(mine)]
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(ROOT), str(NOBODY), *paths],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "data_dir_unusable herd --data-dir ~/.fleet-manager",
        "data_dir_unusable herd --data-dir ~/.fleet-manager",
        'data_dir_unusable sudo install -d -o "$(id -un)" /opt/fleet/x',
        f'data_dir_unusable sudo chown -R "$(id -un)" {roots}',
        f"data_dir_locked chmod u+rwX {mine}/latency.db",
    ]


def test_secrets_that_others_may_read_are_told_until_the_command_has_run(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "fleet").mkdir(mode=0o700)
    for name in ("keys.json", "fleet/authority.key", "coordinator-id"):
        (tmp_path / name).touch(mode=0o600)
    assert list(directory(looked_at(tmp_path), "herd")) == []
    for name in ("keys.json", "fleet/authority.key", "coordinator-id"):
        (tmp_path / name).chmod(0o640)
    (found,) = directory(looked_at(tmp_path), "herd")
    assert (found.check_id, found.severity) == ("secret_wide", "critical")
    assert "2 files (keys.json, fleet/authority.key)" in found.description
    subprocess.run(found.command, shell=True, check=True)  # noqa: S602 - as a person pastes it
    assert list(directory(looked_at(tmp_path), "herd")) == []
