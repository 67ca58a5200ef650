"""Which model file the embedded engine serves: the one that comes with herd, or one of the owner's."""

import asyncio
import hashlib
from pathlib import Path

from msgspec import Struct

from agent.models.files import read_model
from agent.models.refusal import ModelRefused

GUIDE = Path(__file__).parent / "models" / "herd-guide.gguf"
"""A very small model that explains how to use herd; scripts/train makes it."""
GUIDE_SHA256 = "4e333f32ee13bb909a749f5c502695b237fd5fac70dc01888f0cd5c82fe44e34"
CHUNK = 4 * 2**20
"""Bytes of a file that are hashed at once."""


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


async def architecture(path: Path) -> str:
    """llama, qwen3, ...: what a whole GGUF file says of itself; empty where it says nothing.

    Raises ModelRefused for a file that is none, did not arrive whole or has a quantisation that is not served.
    """
    return (await asyncio.to_thread(read_model, path)).shape.architecture
