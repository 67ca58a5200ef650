"""Where the output of a verb goes: a pipe, a terminal, an encoding that lacks letters, a full disk, nobody."""

import asyncio
import json
import os
import shlex
import sys
from pathlib import Path

import pytest

from tests.fakes.strangers import answering
from tests.fleet.harness import REPOSITORY
from tests.fleet.terminal import Terminal

WORDS = "Prix : 10\u00a0000\u202f€\u3000東京 👨\u200d👩\u200d👧 a\u00adb\r\n\x1b]0;OWNED\x07\x9b2J\x1b[31m"
HARM = set(b"\x1b\x07\x9b")
"""None is a part of the other letters in UTF-8."""
SHOWN = "Prix : 10\u00a0000\u202f€\u3000東京 👨\u200d👩\u200d👧 a\u00adb\r\n]0;OWNED2J[31m"
CHAT = b"".join(
    json.dumps({"message": {"content": words}, "done": not words}).encode() + b"\n" for words in (*WORDS, "")
)
MODEL = json.dumps({"details": {}, "template": WORDS}).encode()
STATUS = json.dumps({"nodes": [{"node_id": "n😀"}], "models": [{"name": "m😀"}]}).encode()


async def in_a_shell(line: str, **environment: str) -> tuple[int, bytes, bytes]:
    """`herd` in it is ours."""
    herd = f'herd() {{ {shlex.quote(sys.executable)} -m coordinator "$@"; }}; set -o pipefail; '
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", herd + line),
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    return process.returncode or 0, out, err


async def test_a_pipe_gets_what_the_model_said_and_nothing_else() -> None:
    with answering(CHAT) as url:
        assert await in_a_shell(f"herd run m hi --url {url}") == (0, WORDS.encode() + b"\n", b"")
    with answering(MODEL) as url:
        assert await in_a_shell(f"herd show m --template --url {url}") == (0, WORDS.encode() + b"\n", b"")


@pytest.mark.parametrize(
    ("body", "words"), [(CHAT, ("run", "m", "hi")), (MODEL, ("show", "m", "--template"))]
)
async def test_a_terminal_gets_it_without_what_steers(
    body: bytes, words: tuple[str, ...], tmp_path: Path
) -> None:
    with answering(body) as url:
        terminal = await Terminal.begin(
            tmp_path, *words, "--url", url, FLEET_DATA_DIR=str(tmp_path), PYTHONIOENCODING="utf-8"
        )
        await terminal.shows(SHOWN)
        assert await terminal.ended() == 0
    assert not HARM & set(terminal.shown)


async def test_letters_that_the_encoding_lacks_are_question_marks() -> None:
    with answering(CHAT) as url:
        code, out, err = await in_a_shell(f"herd run m hi --url {url}", PYTHONIOENCODING="cp1252")
    assert (code, err) == (0, b"")
    assert out.startswith(b"Prix : 10\xa0000?\x80???")
    with answering(STATUS) as url:
        told = await in_a_shell(f"herd nodes -q --url {url}", PYTHONIOENCODING="latin-1")
    assert told == (0, b"n?\n", b"")


@pytest.mark.parametrize(
    ("line", "body"), [("run m hi", CHAT), ("nodes -q", STATUS), ("nodes -q -w", STATUS), ("show m", MODEL)]
)
async def test_a_full_disk_is_told_in_a_line(line: str, body: bytes) -> None:
    with answering(body) as url:
        told = await in_a_shell(f"herd {line} --url {url} > /dev/full")
    assert told == (1, b"", b"herd: cannot write: No space left on device\n")


@pytest.mark.parametrize(("line", "body"), [("run m hi", CHAT), ("nodes -q", STATUS), ("show m", MODEL)])
async def test_closed_output_is_no_traceback(line: str, body: bytes) -> None:
    with answering(body) as url:
        assert await in_a_shell(f"herd {line} --url {url} >&-") == (0, b"", b"")


@pytest.mark.parametrize(
    ("line", "body"), [("nodes -q -w", STATUS), ("logs -f", b'{"lines": [{"msg": "one"}], "after": "1"}')]
)
async def test_what_goes_on_ends_when_nobody_reads(line: str, body: bytes) -> None:
    with answering(body) as url:
        code, out, err = await in_a_shell(f"herd {line} --url {url} | head -n 1")
    assert (code, len(out.splitlines()), err) == (0, 1, b"")
