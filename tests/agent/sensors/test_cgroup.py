"""Limits of control groups, from files as Linux lays them out: version 2, version 1, in a container and around it."""

from pathlib import Path

import pytest

from agent.sensors.cgroup import LIMIT_AND_USE, LIMIT_AND_USE_V1, OWN, memory_left

MIB = 2**20
NO_LIMIT_V1 = 9223372036854771712


def group(folder: Path, limit: object, used: int, names: tuple[str, str] = LIMIT_AND_USE) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in zip(names, (limit, used), strict=True):
        (folder / name).write_text(f"{value}\n")


def left(root: Path, own: str) -> int | None:
    (root / "own").write_text(own)
    return memory_left(root / "own", root)


def test_a_container_is_the_root_of_what_it_sees(tmp_path: Path) -> None:
    group(tmp_path, 256 * MIB, 56 * MIB)
    assert left(tmp_path, "0::/\n") == 200 * MIB
    assert left(tmp_path, "0::/../../elsewhere\n") == 200 * MIB


def test_the_tightest_limit_around_counts(tmp_path: Path) -> None:
    group(tmp_path / "a.slice", 512 * MIB, 500 * MIB)
    group(tmp_path / "a.slice/b.service", 100 * MIB, 10 * MIB)
    assert left(tmp_path, "0::/a.slice/b.service\n") == 12 * MIB
    group(tmp_path / "a.slice", "max", 500 * MIB)
    assert left(tmp_path, "0::/a.slice/b.service\n") == 90 * MIB
    group(tmp_path / "a.slice/b.service", 100 * MIB, 101 * MIB)
    assert left(tmp_path, "0::/a.slice/b.service\n") == 0


def test_files_are_given_up_where_that_counts(tmp_path: Path) -> None:
    group(tmp_path, 256 * MIB, 250 * MIB)
    (tmp_path / "own").write_text("0::/\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {100 * MIB}\nactive_file {20 * MIB}\nodd\n")
    assert memory_left(tmp_path / "own", tmp_path) == 6 * MIB
    assert memory_left(tmp_path / "own", tmp_path, with_files=True) == 126 * MIB
    group(tmp_path / "memory", 256 * MIB, 250 * MIB, LIMIT_AND_USE_V1)
    (tmp_path / "memory/memory.stat").write_text(f"inactive_file 1\ntotal_inactive_file {64 * MIB}\n")
    (tmp_path / "own").write_text("4:memory:/\n")
    assert memory_left(tmp_path / "own", tmp_path, with_files=True) == 70 * MIB


@pytest.mark.parametrize("path", ["/docker/abc", "/"])
def test_version_1(tmp_path: Path, path: str) -> None:
    """A container's own group lies at the root, whatever the path says."""
    group(tmp_path / "memory", 256 * MIB, 6 * MIB, LIMIT_AND_USE_V1)
    group(tmp_path / "cpu", 1, 1, LIMIT_AND_USE_V1)
    assert left(tmp_path, f"9:cpu,cpuacct:{path}\n4:memory:{path}\n0::{path}\n") == 250 * MIB
    group(tmp_path / "memory", NO_LIMIT_V1, 6 * MIB, LIMIT_AND_USE_V1)
    assert (left(tmp_path, f"4:memory:{path}\n") or 0) > 2**60


@pytest.mark.parametrize("own", ["", "nonsense", "0::", "::", "0::/a\n", "1:name=systemd:/\n"])
def test_without_a_limit_there_is_none(tmp_path: Path, own: str) -> None:
    group(tmp_path, "max", 5)
    assert left(tmp_path, own) is None


def test_what_cannot_be_read_is_no_limit(tmp_path: Path) -> None:
    assert memory_left(tmp_path / "nothing", tmp_path) is None
    group(tmp_path, "lots", 5)
    assert left(tmp_path, "0::/\n") is None


@pytest.mark.skipif(not OWN.exists(), reason="only Linux has control groups")
def test_on_this_machine_it_can_be_asked() -> None:
    found = memory_left()
    assert found is None or found >= 0
