"""Model files on disk."""

import os
from pathlib import Path

import pytest

from agent.models.files import read_model
from agent.models.refusal import ModelRefused
from scripts.train import gguf
from tests.agent.models.llama import LLAMA_3_1_8B, counts, header_bytes, llama_3_1_8b_tensors
from tests.fakes.random_model import LAYER_COUNT, ensure_random_model

TENSOR = [gguf.f32("blk.0.a", [1.0] * 8)]


def written(path: Path, content: bytes, size: int | None = None) -> Path:
    """A sparse file, where `size` is more than the content."""
    path.write_bytes(content)
    if size is not None:
        os.truncate(path, size)
    return path


def test_a_real_file(tmp_path: Path) -> None:
    model = read_model(ensure_random_model(tmp_path))
    assert model.shape.layers == len(model.weights.layer_bytes) == LAYER_COUNT
    assert model.weights.quantisation == "F16"
    (path,) = model.paths
    assert 0 <= path.stat().st_size - model.weights.total_bytes < 100_000


def test_a_download_that_broke_off_is_refused_before_anybody_loads_it(tmp_path: Path) -> None:
    content = header_bytes(LLAMA_3_1_8B, llama_3_1_8b_tensors())
    path = written(tmp_path / "l.gguf", content, 2**31)
    with pytest.raises(
        ModelRefused, match=r"^l\.gguf: the file has 2,147,483,648 bytes, its tensors need 4,9"
    ):
        read_model(path)
    assert read_model(written(path, content, 5 * 2**30)).shape.layers == 32


def test_files_of_one_model(tmp_path: Path) -> None:
    entries = [*LLAMA_3_1_8B, *counts(split__count=2, split__no=0, split__tensors__count=2)]
    first = tmp_path / "m-00001-of-00002.gguf"
    first.write_bytes(gguf.file_bytes(entries, TENSOR))
    with pytest.raises(ModelRefused, match=r"cannot be read.*m-00002-of-00002\.gguf"):
        read_model(first)
    second = tmp_path / "m-00002-of-00002.gguf"
    second.write_bytes(gguf.file_bytes([], [gguf.f32("blk.1.a", [1.0] * 16)]))
    assert read_model(first).weights.layer_bytes == (32, 64)
    with pytest.raises(ModelRefused, match="not the first of its files"):
        read_model(second)
    second.write_bytes(gguf.file_bytes([], []))
    with pytest.raises(ModelRefused, match="1 tensors of 2"):
        read_model(first)
    with pytest.raises(ModelRefused, match=r"n\.gguf is one of 2 files, and is not named like it"):
        read_model(first.rename(tmp_path / "n.gguf"))


@pytest.mark.parametrize("name", ["m-00000-of-00002.gguf", "m-00001-of-00000.gguf", "m-00001-of-99999.gguf"])
def test_names_that_promise_nonsense(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelRefused, match="not the first of its files"):
        read_model(tmp_path / name)


def test_what_is_no_file_is_never_opened(tmp_path: Path) -> None:
    """A pipe would wait for ever, a device would never end."""
    pipe = tmp_path / "pipe.gguf"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, Path("/dev/zero")):
        with pytest.raises(ModelRefused, match="is no file"):
            read_model(path)
    with pytest.raises(ModelRefused, match=r"cannot be read.*none\.gguf"):
        read_model(tmp_path / "none.gguf")
