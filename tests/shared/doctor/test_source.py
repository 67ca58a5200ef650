"""What installs herd again: never a name in a package registry, which anybody may take."""

from pathlib import Path

import pytest

from shared.doctor.source import Installed, install_command, installed, update_command


@pytest.mark.parametrize(
    ("seen", "command"),
    [
        (Installed(prefix="/h/.local/share/uv/tools/herd-fleet"), "uv tool install --reinstall '.[plots]'"),
        (Installed(prefix="/h/.local/pipx/venvs/x", clone="/c"), "pipx install --force '/c[plots]'"),
        (
            Installed(clone="/c", in_place=True, python="/c/.venv/bin/python"),
            "/c/.venv/bin/python -m pip install -e '/c[plots]'",
        ),
        (
            Installed(clone="/c", python="/v/python", has_pip=False),
            "uv pip install --python /v/python '/c[plots]'",
        ),
    ],
)
def test_it_is_installed_as_it_was(seen: Installed, command: str) -> None:
    assert install_command(seen, "plots") == command


def test_what_is_new_is_fetched_first(tmp_path: Path) -> None:
    seen = Installed(clone=str(tmp_path), python="p")
    assert update_command(seen) == f"p -m pip install {tmp_path}"
    (tmp_path / ".git").mkdir()
    assert update_command(seen) == f"git -C {tmp_path} pull && p -m pip install {tmp_path}"


def test_this_one_knows_its_clone() -> None:
    assert (Path(installed().clone) / "pyproject.toml").is_file()
