"""Control groups as Linux lays them out: in a container, of a service, of a user; and where none can be made."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.supervision.launch import Launch
from agent.supervision.memory_groups import MemoryGroups
from agent.supervision.process import CAPPED
from tests.agent.supervised import supervising
from tests.fakes.waiting import eventually


def group(path: Path, controllers: str = "cpu memory pids", turned_on: str = "") -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, content in {
        "cgroup.controllers": controllers,
        "cgroup.subtree_control": turned_on,
        "cgroup.procs": "",
    }.items():
        (path / name).write_text(content + "\n")
    return path


def groups(root: Path, own: str) -> MemoryGroups:
    (root / "own").write_text(own)
    return MemoryGroups(root / "own", root)


def test_in_a_container_below_the_root(tmp_path: Path) -> None:
    group(tmp_path)
    found = groups(tmp_path, "0::/\n")
    assert found.made("one", 5) is None  # not prepared
    ours = tmp_path / "herd-node"
    ours.mkdir()
    assert found.prepare()
    assert (ours / "cgroup.procs").read_text() == f"{os.getpid()}\n"
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory\n"
    made = found.made("one", 7 * 2**30)
    assert made == tmp_path / "herd-engine-one"
    assert (made / "memory.max").read_text() == f"{7 * 2**30}\n"
    assert (made / "memory.oom.group").read_text() == "1\n"
    for file in made.iterdir():
        file.unlink()  # the kernel's vanish by themselves
    found.removed("one")
    assert not made.exists()
    found.removed("one")


def test_the_next_agent_is_started_in_the_group_of_the_one_before(tmp_path: Path) -> None:
    group(tmp_path, turned_on="memory")
    group(tmp_path / "herd-node")
    found = groups(tmp_path, "0::/herd-node\n")
    assert found.prepare()
    assert found.made("one", 5) == tmp_path / "herd-engine-one"


def test_where_it_is_turned_on_already_nobody_moves(tmp_path: Path) -> None:
    group(tmp_path, turned_on="memory")
    assert groups(tmp_path, "0::/\n").prepare()
    assert not (tmp_path / "herd-node").exists()


@pytest.mark.parametrize("own", ["", "nonsense", "0::/absent\n", "4:memory:/\n"])
def test_where_there_is_none(tmp_path: Path, own: str) -> None:
    group(tmp_path)
    assert not groups(tmp_path, own).prepare()


def test_without_the_controller(tmp_path: Path) -> None:
    group(tmp_path, controllers="cpu")
    assert not groups(tmp_path, "0::/\n").prepare()


def test_one_that_is_not_ours_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group(tmp_path)
    service = group(tmp_path / "system.slice/other.service")
    monkeypatch.setattr(os, "geteuid", lambda: service.stat().st_uid + 1)
    found = groups(tmp_path, "0::/system.slice/other.service\n")
    assert not found.prepare()
    assert found.made("one", 5) is None
    assert (service / "cgroup.procs").read_text() == "\n"


def test_one_that_belongs_to_this_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group(tmp_path)
    service = group(tmp_path / "user.slice/herd.service", turned_on="memory")
    os.chown(service, 1234, -1) if os.geteuid() == 0 else None
    monkeypatch.setattr(os, "geteuid", lambda: service.stat().st_uid)
    found = groups(tmp_path, "0::/user.slice/herd.service\n")
    assert found.prepare()
    assert found.made("one", 5) == service / "herd-engine-one"


def test_where_others_are_in_the_group_this_process_goes_back(tmp_path: Path) -> None:
    group(tmp_path)
    (tmp_path / "cgroup.subtree_control").unlink()
    (tmp_path / "cgroup.subtree_control").mkdir()
    assert not groups(tmp_path, "0::/\n").prepare()


async def test_an_engine_joins_its_group(tmp_path: Path) -> None:
    joined = group(tmp_path / "g")
    launch = Launch(command=(sys.executable, "-c", "import time; time.sleep(60)"), group=str(joined))
    async with supervising(tmp_path, lambda _: launch):
        await eventually(lambda: (joined / "cgroup.procs").read_text().strip().isdecimal(), 10)


@pytest.mark.parametrize(("there", "limited"), [(True, False), (False, True)])
def test_the_other_bound_is_set_where_it_cannot(tmp_path: Path, there: bool, limited: bool) -> None:
    if there:
        group(tmp_path / "g")
    told = "import resource; print(resource.getrlimit(resource.RLIMIT_AS)[0])"
    command = [
        sys.executable,
        str(CAPPED),
        "--group",
        str(tmp_path / "g"),
        str(2**40),
        sys.executable,
        "-c",
        told,
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (ran.stdout.strip() == str(2**40)) is limited
    assert ("cannot join" in ran.stderr) is limited
