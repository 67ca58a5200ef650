"""Engines that need torch run in a Python of their own, HERD_ENGINES_PYTHON; scripts/test --engines makes it."""

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.engines import tiny_model
from tests.engines.started import Tiny

PYTHON = "HERD_ENGINES_PYTHON"
MAKE_S = 120.0


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Skips what needs that Python where there is none."""
    if os.environ.get(PYTHON):
        return
    for item in items:
        if item.get_closest_marker("engines"):
            item.add_marker(pytest.mark.skip(reason="needs torch: scripts/test --engines runs it"))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A random model, made in this session, and what plain transformers answer with it."""
    python, directory = os.environ[PYTHON], tmp_path_factory.mktemp("models") / "tiny"
    program = [python, str(tiny_model.__file__), str(directory)]
    made = subprocess.run(program, capture_output=True, text=True, timeout=MAKE_S, check=False)
    assert made.returncode == 0, made.stderr[-2000:]
    told = json.loads((directory / tiny_model.ANSWERS).read_text())
    return Tiny(python, directory, Path(python).parent.parent / "extensions", **told)
