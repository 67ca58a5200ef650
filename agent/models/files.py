"""A GGUF model on disk: its files are found, read and held against what their headers promise. Blocks for the disk."""

import re
import stat
from pathlib import Path

from msgspec import Struct

from agent.models.gguf import Header, read_header
from agent.models.gguf_shape import shape_of, weights_of
from agent.models.refusal import ModelRefused, missing_bytes
from agent.models.shape import Shape, Weights

BUFFER = 2**20
"""Bytes read at once: a header is mostly its vocabulary, a few MiB."""
SPLIT = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$")
FILES_MOST = 1_000


class ModelFiles(Struct, frozen=True):
    """One model."""

    paths: tuple[Path, ...]
    shape: Shape
    weights: Weights


def read_model(path: Path) -> ModelFiles:
    """From its only file or the first of several, whole and of quantisations that are served, else ModelRefused."""
    paths = split_paths(path)
    headers = [_whole(each) for each in paths]
    _all_there(paths, headers)
    return ModelFiles(paths, shape_of(headers[0].metadata), weights_of(headers))


def read_file(path: Path) -> tuple[Header, int]:
    """One file's header, and its size in bytes. Raises ModelRefused."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise ModelRefused(f"{path} is no file")
        with path.open("rb", buffering=BUFFER) as file:
            return read_header(file, state.st_size), state.st_size
    except OSError as error:
        raise ModelRefused(f"the model file cannot be read: {error}") from error
    except ModelRefused as refused:
        raise ModelRefused(f"{path.name}: {refused}") from refused


def split_paths(path: Path) -> tuple[Path, ...]:
    """All files of the model that begins here, as llama.cpp names them: NAME-00001-of-00003.gguf and so on.

    Raises ModelRefused for another than the first, with which alone it can be loaded.
    """
    found = SPLIT.match(path.name)
    if not found:
        return (path,)
    count = int(found["count"])
    if int(found["number"]) != 1 or not 0 < count <= FILES_MOST:
        raise ModelRefused(f"{path.name} is not the first of its files, with which a model is loaded")
    return tuple(
        path.with_name(f"{found['stem']}-{number:05}-of-{count:05}.gguf") for number in range(1, count + 1)
    )


def _whole(path: Path) -> Header:
    header, size = read_file(path)
    if reason := missing_bytes(size, header.needed_bytes):
        raise ModelRefused(f"{path.name}: {reason}")
    return header


def _all_there(paths: tuple[Path, ...], headers: list[Header]) -> None:
    """By what the first file tells of the others."""
    told = headers[0].metadata.get("split.count", 1)
    if told not in (0, len(paths)):
        raise ModelRefused(f"{paths[0].name} is one of {told} files, and is not named like it")
    expected = headers[0].metadata.get("split.tensors.count")
    found = sum(len(header.tensors) for header in headers)
    if len(paths) > 1 and type(expected) is int and expected != found:
        raise ModelRefused(f"{paths[0].name}: its files have {found} tensors of {expected}")
