"""What people install: the wheel has the model, and the model is the one that the code names."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

from agent.engines.embedded_model import GUIDE, GUIDE_SHA256

ROOT = Path(__file__).parent.parent


def built(directory: Path) -> Path:
    """The wheel, made there."""
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", str(directory))
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True)
    (wheel,) = directory.glob("herd_fleet-*.whl")
    return wheel


def test_the_wheel_holds_the_model_that_comes_with_herd_and_nothing_that_does_not_belong(
    tmp_path: Path,
) -> None:
    with zipfile.ZipFile(built(tmp_path)) as files:
        content = files.read("agent/engines/models/herd-guide.gguf")
        names = files.namelist()
    assert hashlib.sha256(content).hexdigest() == GUIDE_SHA256
    fleets = {"home", "eight", "hundred", "thousand"}
    assert {f"coordinator/simulate/fleets/{each}.toml" for each in fleets} <= set(names)
    rooms = {name.partition("/")[0] for name in names}
    (metadata,) = rooms - {"coordinator", "agent", "shared"}
    assert metadata.endswith(".dist-info")
    assert not [name for name in names if name.endswith((".pth", ".so", ".pyc", ".exe")) or ".." in name]


def test_the_same_source_gives_the_same_wheel(tmp_path: Path) -> None:
    first, second = built(tmp_path / "a"), built(tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()


def test_its_sha256_lies_beside_it() -> None:
    assert GUIDE.with_suffix(".gguf.sha256").read_text().split() == [GUIDE_SHA256, GUIDE.name]
