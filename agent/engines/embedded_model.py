"""Which model file the embedded engine serves: the one that comes with herd, or one of the owner's."""

import asyncio
import hashlib
from pathlib import Path

from msgspec import Struct

GUIDE = Path(__file__).parent / "models" / "herd-guide.gguf"
"""A very small model that explains how to use herd; scripts/train makes it."""
GUIDE_SHA256 = "4e333f32ee13bb909a749f5c502695b237fd5fac70dc01888f0cd5c82fe44e34"
CHUNK = 4 * 2**20
"""Bytes of a file that are hashed at once."""
HEAD = 4096
"""Bytes at a file's beginning in which its architecture is looked for."""
ARCHITECTURE = b"general.architecture"
STRING = 8
"""GGUF's number for a text."""


class ModelRefused(Exception):
    """The file cannot be served; the text says why."""


class ModelFile(Struct, frozen=True):
    """`name` is what callers ask for, `sha256` what the file must have, empty where nobody says."""

    name: str
    path: Path
    sha256: str = ""


def model_file(own: str) -> ModelFile:
    """The file at the path `own`, called as it is without .gguf; the one that comes with herd where that is empty."""
    if not own:
        return ModelFile(GUIDE.stem, GUIDE, GUIDE_SHA256)
    path = Path(own).expanduser()
    return ModelFile(path.name.removesuffix(".gguf") or path.name, path)


async def digest(model: ModelFile) -> str:
    """sha256 of the file's bytes, in hex. Raises ModelRefused for a file that cannot be read or is another."""
    hashed = hashlib.sha256()
    try:
        with model.path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                await asyncio.to_thread(hashed.update, chunk)
    except OSError as error:
        raise ModelRefused(f"the model file cannot be read: {error}") from error
    if model.sha256 not in ("", hashed.hexdigest()):
        raise ModelRefused(
            f"{model.path} is not the file that came with herd: its sha256 is {hashed.hexdigest()}"
        )
    return hashed.hexdigest()


def architecture(path: Path) -> str:
    """llama, qwen3, ...: what the first entry of a GGUF file says. Empty where it says nothing. Raises ModelRefused."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise ModelRefused(f"the model file cannot be read: {error}") from error
    return _first_text(head[24:]) if head[:4] == b"GGUF" else ""


def _first_text(entries: bytes) -> str:
    """Of entries that each are a key, the kind of value, a length and a text; integers are little-endian."""
    key, rest = _counted(entries)
    if key != ARCHITECTURE or int.from_bytes(rest[:4], "little") != STRING:
        return ""
    return _counted(rest[4:])[0].decode("ascii", "ignore")


def _counted(data: bytes) -> tuple[bytes, bytes]:
    """Bytes that stand behind their count, and what follows."""
    end = 8 + int.from_bytes(data[:8], "little")
    return data[8:end], data[end:]
