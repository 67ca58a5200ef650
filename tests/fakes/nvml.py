"""Builds the stand-in for NVIDIA's library; nvml_standin.c tells how its behaviour is switched."""

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "nvml_standin.c"


def build_nvml(folder: Path) -> Path:
    """`folder`, for LD_LIBRARY_PATH of a child process, with the library in it."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.fail("a C compiler (gcc or cc) is needed to build the stand-in for libnvidia-ml.so.1")
    command = [compiler, "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", str(SOURCE)]
    subprocess.run([*command, "-o", str(folder / "libnvidia-ml.so.1")], check=True)
    return folder
