"""What comes from others: little, pinned, and as it was when it was looked at."""

import importlib.machinery
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
MOST_DIRECT = 14


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    """scripts/audit, which has no suffix."""
    loader = importlib.machinery.SourceFileLoader("audit", str(ROOT / "scripts" / "audit"))
    spec = importlib.util.spec_from_loader("audit", loader)
    assert spec is not None
    made = importlib.util.module_from_spec(spec)
    loader.exec_module(made)
    return made


def test_there_are_few_dependencies_and_each_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    direct = [re.split(r"[^A-Za-z0-9._-]", each)[0] for each in project["project"]["dependencies"]]
    assert len(direct) <= MOST_DIRECT
    for lock in ("run.lock", "test.lock"):
        text = (ROOT / "scripts" / lock).read_text()
        for name in [*direct, "hatchling", "xllamacpp"]:
            assert re.search(rf"^{re.escape(name)}==", text, re.MULTILINE), (lock, name)


def test_every_lock_is_whole() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "audit"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert re.match(r"\d+ pinned versions, each with its hashes", done.stdout)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("a==1 --hash=sha256:" + "0" * 64, ""),
        ("a==1 ; python_version < '4' --hash=sha256:" + "0" * 64, ""),
        ("a==1", "has no hash"),
        ("a==1 --hash=md5:00", "has no hash"),
        ("a>=1 --hash=sha256:" + "0" * 64, "is not pinned with =="),
        ("a --hash=sha256:" + "0" * 64, "is not pinned with =="),
        ("git+https://x/y", "is not pinned with =="),
    ],
)
def test_what_is_loose(audit: ModuleType, entry: str, why: str) -> None:
    assert audit.loose(entry) == why


def test_a_lock_is_read_by_requirement(audit: ModuleType) -> None:
    assert audit.entries("# c\na==1 \\\n    --hash=x \\\n    --hash=y\n\nb==2\n") == [
        "a==1  --hash=x  --hash=y",
        "b==2",
    ]
