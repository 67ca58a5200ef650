"""A Hugging Face model on disk: a directory with `config.json` and safetensors files. Blocks for the disk."""

from pathlib import Path

from agent.models.files import ModelFiles
from agent.models.hf_config import decoded_config, shape_of, weights_of
from agent.models.refusal import ModelRefused, missing_bytes
from agent.models.safetensors import Header, index_files, read_header

CONFIG, SINGLE, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
CONFIG_MOST = 4 * 2**20
INDEX_MOST = 64 * 2**20
"""Bytes of JSON that are read."""


def read_hf_model(directory: Path) -> ModelFiles:
    """Whole, else ModelRefused. Weights in other formats (pickles) are not read, since reading them runs code."""
    config = decoded_config(_content(directory / CONFIG, CONFIG_MOST))
    paths = _weights(directory)
    headers = [_whole(path) for path in paths]
    return ModelFiles(paths, shape_of(config), weights_of(headers, config))


def _weights(directory: Path) -> tuple[Path, ...]:
    if (directory / SINGLE).is_file():
        return (directory / SINGLE,)
    if not (directory / INDEX).is_file():
        raise ModelRefused(f"{directory} has neither {SINGLE} nor {INDEX}")
    return tuple(directory / name for name in index_files(_content(directory / INDEX, INDEX_MOST)))


def _whole(path: Path) -> Header:
    try:
        if not path.is_file():
            raise ModelRefused("it is not there")
        size = path.stat().st_size
        with path.open("rb") as file:
            header = read_header(file, size)
        if reason := missing_bytes(size, header.needed_bytes):
            raise ModelRefused(reason)
    except OSError as error:
        raise ModelRefused(f"the model file cannot be read: {error}") from error
    except ModelRefused as refused:
        raise ModelRefused(f"{path.name}: {refused}") from refused
    return header


def _content(path: Path, most: int) -> bytes:
    try:
        if not path.is_file():
            raise ModelRefused(f"{path} is no file")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise ModelRefused(f"the model file cannot be read: {error}") from error
    if len(content) > most:
        raise ModelRefused(f"{path.name} is larger than {most >> 20} MiB")
    return content
