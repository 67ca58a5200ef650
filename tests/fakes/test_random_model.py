"""The random model's file: the same bytes for a seed, whole or not there, made once."""

import hashlib
import string
from pathlib import Path

import pytest

from tests.fakes.random_model import (
    RANDOM_MODEL_NAME,
    SPACE,
    WORDS,
    ensure_random_model,
    vocabulary,
    write_random_model,
)


def written(path: Path, seed: int) -> bytes:
    write_random_model(path, seed)
    return path.read_bytes()


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = written(tmp_path / "first.gguf", 0), written(tmp_path / "second.gguf", 0)
    assert first == second
    assert first != written(tmp_path / "third.gguf", 1)


def test_the_bytes_are_those_that_tests_were_written_for(tmp_path: Path) -> None:
    path = ensure_random_model(tmp_path)
    assert path.name == f"{RANDOM_MODEL_NAME}.gguf"
    assert hashlib.sha256(path.read_bytes()).hexdigest()[:16] == "1afba23bf5ac367a"


def test_it_is_a_small_gguf_file(tmp_path: Path) -> None:
    content = written(tmp_path / "model.gguf", 0)
    assert content[:8] == b"GGUF\x03\x00\x00\x00"
    assert len(content) < 600_000


def test_the_file_is_made_once_in_a_directory_that_may_be_missing(tmp_path: Path) -> None:
    directory = tmp_path / "data" / "models"
    path = ensure_random_model(directory)
    before = path.stat()
    assert ensure_random_model(directory) == path
    assert path.stat() == before
    assert list(directory.iterdir()) == [path]


def test_nothing_is_left_behind_when_the_file_cannot_be_put_in_place(tmp_path: Path) -> None:
    taken = tmp_path / "model.gguf"
    taken.mkdir()
    with pytest.raises(OSError, match=r"model\.gguf"):
        write_random_model(taken)
    assert list(tmp_path.iterdir()) == [taken]


def test_every_character_and_every_beginning_of_a_word_is_one_token() -> None:
    texts = [token.text for token in vocabulary()]
    assert len(texts) == len(set(texts))
    assert set(string.ascii_letters + string.digits + string.punctuation) | {SPACE} <= set(texts)
    beginnings = {SPACE + word[:length] for word in WORDS for length in range(1, len(word) + 1)}
    assert beginnings <= set(texts)
