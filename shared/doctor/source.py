"""How this very installation of herd is installed again. herd is in no package registry: only from a clone."""

import importlib.util
import json
import sys
from importlib import metadata
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit
from urllib.request import url2pathname

from msgspec import Struct

DISTRIBUTION = "herd-fleet"
EXTRAS = {"embedded": "xllamacpp", "plots": "matplotlib"}
"""Of pyproject.toml, by a module that each brings."""


class Installed(Struct, frozen=True, kw_only=True):
    """Where the code is, and what installs into its environment."""

    clone: str = ""
    """What it was installed from; empty: that is gone, or not told."""
    in_place: bool = False
    """Whether it runs out of the clone itself."""
    prefix: str = ""
    python: str = "python"
    has_pip: bool = True
    extras: tuple[str, ...] = ()
    """Which of them are there."""


def install_command(seen: Installed, *extras: str) -> str:
    """Installs it again, from the clone or, where none is known, from one to be in. Pure."""
    source = (seen.clone or ".") + (f"[{','.join(extras)}]" if extras else "")
    parts = Path(seen.prefix).parts
    if "uv" in parts and "tools" in parts:
        return f"uv tool install --reinstall {quote(source)}"
    if "pipx" in parts:
        return f"pipx install --force {quote(source)}"
    python = quote(seen.python)
    tool = f"{python} -m pip install" if seen.has_pip else f"uv pip install --python {python}"
    return f"{tool} {'-e ' if seen.in_place else ''}{quote(source)}"


def update_command(seen: Installed, *extras: str) -> str:
    """Takes what is new into the clone first, where that is git's. Pure but for a look at it."""
    install = install_command(seen, *extras)
    if seen.clone and (Path(seen.clone) / ".git").exists():
        return f"git -C {quote(seen.clone)} pull && {install}"
    return install


def installed() -> Installed:
    """This one. Raises nothing."""
    root = Path(__file__).resolve().parent.parent.parent
    in_place = (root / "pyproject.toml").is_file()
    return Installed(
        clone=str(root) if in_place else _told_source(),
        in_place=in_place,
        prefix=sys.prefix,
        python=sys.executable,
        has_pip=_is_there("pip"),
        extras=tuple(extra for extra, module in EXTRAS.items() if _is_there(module)),
    )


def _is_there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _told_source() -> str:
    """Of a wheel, as PEP 610 has it."""
    try:
        told = json.loads(metadata.distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
        parts = urlsplit(told.get("url", ""))
    except (metadata.PackageNotFoundError, OSError, ValueError, AttributeError):
        return ""
    path = url2pathname(parts.path) if parts.scheme == "file" else ""
    return path if path and (Path(path) / "pyproject.toml").is_file() else ""
