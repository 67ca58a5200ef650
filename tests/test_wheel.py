"""What people install: the wheel has the model, and the model is the one that the code names."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

from agent.engines.embedded_model import GUIDE, GUIDE_SHA256

ROOT = Path(__file__).parent.parent


def test_the_wheel_holds_the_model_that_comes_with_herd(tmp_path: Path) -> None:
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", str(tmp_path))
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("herd_fleet-*.whl")
    with zipfile.ZipFile(wheel) as files:
        content = files.read("agent/engines/models/herd-guide.gguf")
        names = files.namelist()
    assert hashlib.sha256(content).hexdigest() == GUIDE_SHA256
    assert not [name for name in names if name.startswith(("scripts", "tests"))]
    fleets = {"home", "eight", "hundred", "thousand"}
    assert {f"coordinator/simulate/fleets/{each}.toml" for each in fleets} <= set(names)


def test_its_sha256_lies_beside_it() -> None:
    assert GUIDE.with_suffix(".gguf.sha256").read_text().split() == [GUIDE_SHA256, GUIDE.name]
