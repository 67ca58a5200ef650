"""`herd key`, without a coordinator: what it writes, what it prints, and how it ends."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coordinator.access.key_file import KeyFile
from coordinator.access.keys import sha256_of
from coordinator.cli import main


def key(tmp_path: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["key", *words, "--data-dir", str(tmp_path)])


def test_a_key_is_made_and_printed_once(tmp_path: Path) -> None:
    made = key(tmp_path, "create", "--name", "guest")
    assert made.exit_code == 0
    text = made.stdout.strip()
    assert text.startswith("sk-herd-")
    (kept,) = KeyFile(tmp_path / "keys.json").read()
    assert (kept.name, kept.scopes, kept.models) == ("guest", ("infer",), None)
    assert kept.sha256 == sha256_of(text).hex()
    assert text not in (tmp_path / "keys.json").read_text()
    assert text not in key(tmp_path, "list").stdout


def test_what_it_may_do_is_kept_and_told(tmp_path: Path) -> None:
    wishes = ["--scope", "infer", "--scope", "read", "--model", "qwen3*", "--model", "llama3.2"]
    wishes += ["--rpm", "6", "--tpm", "700", "--parallel", "2", "--priority", "batch", "--expires", "30d"]
    made = json.loads(key(tmp_path, "create", "--name", "a", *wishes, "-o", "json").stdout)
    (told,) = json.loads(key(tmp_path, "list", "--json").stdout)["keys"]
    assert told == {name: value for name, value in made.items() if name != "key"}
    assert told["scopes"] == ["infer", "read"]
    assert told["models"] == ["qwen3*", "llama3.2"]
    assert (told["requests_per_minute"], told["tokens_per_minute"], told["parallel"]) == (6, 700, 2)
    assert (told["priority"], told["expired"], told["last_used"]) == ("batch", False, None)
    assert told["expires"] - told["created"] == pytest.approx(30 * 86_400)
    assert json.loads(key(tmp_path, "list", "-o", "json").stdout)["keys"] == [told]
    heading, row = key(tmp_path, "list").stdout.splitlines()
    assert heading.startswith("NAME   ID")
    assert row.split()[2:8] == ["infer,read", "qwen3*,llama3.2", "6", "700", "2", "batch"]


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_key_is_revoked_by_id_or_name(tmp_path: Path, by: str) -> None:
    made = json.loads(key(tmp_path, "create", "--name", "a", "-o", "json").stdout)
    key(tmp_path, "create", "--name", "b")
    assert key(tmp_path, "revoke", made[by]).exit_code == 0
    assert key(tmp_path, "list", "-q").stdout.split() == ["b"]
    missing = key(tmp_path, "revoke", made[by])
    assert missing.exit_code == 3
    assert made[by] in missing.stderr


@pytest.mark.parametrize(
    "words",
    [
        *(["--name", "taken"], ["--name", "two words"], ["--name", "x" * 65], ["--name", "abcdefgh"], []),
        *(["--name", "n", "--scope", "all"], ["--name", "n", "--rpm", "0"], ["--name", "n", "--tpm", "-1"]),
        *(["--name", "n", "--priority", "urgent"], ["--name", "n", "--model", "a\nb"]),
        *(["--name", "n", "--expires", "soon"], ["--name", "n", "--expires", "0s"]),
    ],
    ids=["taken", "blank", "long", "id", "none", "scope", "rpm", "tpm", "class", "model", "time", "ended"],
)
def test_what_makes_no_sense_is_wrong_usage_and_makes_no_key(tmp_path: Path, words: list[str]) -> None:
    key(tmp_path, "create", "--name", "taken")
    assert key(tmp_path, "create", *words).exit_code == 2
    assert key(tmp_path, "list", "-q").stdout.split() == ["taken"]


def test_a_file_that_others_may_read_is_refused_with_what_mends_it(tmp_path: Path) -> None:
    key(tmp_path, "create", "--name", "a")
    (tmp_path / "keys.json").chmod(0o644)
    for words in (["list"], ["create", "--name", "b"], ["revoke", "a"]):
        said = key(tmp_path, *words)
        assert said.exit_code == 1
        assert f"chmod 600 {tmp_path / 'keys.json'}" in said.stderr
