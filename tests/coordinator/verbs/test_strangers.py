"""Every verb where something answers that is no coordinator, or one that means harm."""

import json

import pytest
from click.testing import CliRunner, Result

from coordinator.cli import main
from coordinator.verbs.completion import models, nodes
from tests.fakes.strangers import answering

HARM = "red\x1b[31m\x07 \x1b]0;title\x07 \x9b2J"
VERBS = (
    "ps",
    "ps -o json",
    "ps -q",
    "list",
    "nodes",
    "nodes -o yaml",
    "get nodes n",
    "get models",
    "get requests",
    "get requests --last 3",
    "describe node n",
    "describe node n -o json",
    "describe model m",
    "describe request r",
    "describe request r -o json",
    "show m",
    "show m --template",
    "show m -o json",
    "pull m",
    "pull m --node n",
    "rm m",
    "rm m -o json",
    "stop m",
    "stop m -o json",
    "swap m",
    "swap m --no-wait -o json",
    "run m hello",
    "remove n",
    "logs",
    "logs -o json",
    "stats",
    "connect openai",
    "cordon n",
    "uncordon n",
    "uncordon n -o json",
    "drain n",
    "drain n --no-wait",
    "explain r",
    "explain --model m",
    "explain --replay",
    "version",
)
RUBBISH = (
    b"{}",
    b"[]",
    b"null",
    b'{"nodes":[{}],"models":[{}],"lines":[{}],"requests":[{}],"decisions":[{}],"status":null}',
    b'{"nodes":3,"models":{"a":1},"lines":"x","requests":null,"data":0,"coordinator_id":5,"unkept":9}',
    b'{"status":"pulling","digest":"d","completed":null,"total":null}',
)


def said(line: str, url: str) -> Result:
    """What a verb said: escapes are in it, as on a terminal."""
    return CliRunner().invoke(main, [*line.split(), "--url", url], color=True)


@pytest.mark.parametrize("body", RUBBISH, ids=range(len(RUBBISH)))
def test_rubbish_is_told_in_a_line_and_believed_by_nobody(body: bytes) -> None:
    with answering(body) as url:
        for line in VERBS:
            result = said(line, url)
            assert isinstance(result.exception, SystemExit), (line, result.exception)
            assert result.exit_code == 1, (line, result.output)
            assert "Traceback" not in result.output, line
            assert f"{url} " in result.stderr or "broke off" in result.stderr, (line, result.output)
            assert "deleted '" not in result.output, line
            assert "pulled '" not in result.output, line


@pytest.mark.parametrize("line", VERBS)
def test_an_ollama_is_named_as_such(line: str) -> None:
    page = 404, b"404 page not found"
    with answering(page[1], 404, version=(200, b'{"version":"0.6.3"}'), health=page) as url:
        result = said(line, url)
    assert result.exit_code == 1
    assert f"{url} is an Ollama, not a herd coordinator" in result.stderr


@pytest.mark.parametrize("status", [404, 500])
@pytest.mark.parametrize("line", VERBS)
def test_no_error_steers_the_terminal(line: str, status: int) -> None:
    body = json.dumps({"error": HARM}).encode()
    with answering(body, status, health=(200, b'{"coordinator_id": "c"}')) as url:
        result = said(line, url)
    assert result.exit_code == (3 if status == 404 else 1)
    assert "red\\x1b[31m\\x07 \\x1b]0;title\\x07 \\x9b2J" in result.stderr
    assert not set("\x1b\x07\x9b") & set(result.output), line


def test_what_was_typed_steers_the_terminal_no_more() -> None:
    result = CliRunner().invoke(main, ["\x1b[31mnodes"], color=True)
    assert result.exit_code == 2
    assert "\x1b" not in result.output


@pytest.mark.parametrize("body", [*RUBBISH, b"<html>", json.dumps({"nodes": [{"node_id": HARM}]}).encode()])
def test_tab_tells_nothing_of_rubbish(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(body) as url:
        monkeypatch.setenv("FLEET_URL", url)
        for complete in (nodes, models):
            assert complete(None, None, "") == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "words",
    [
        ["pull", ""],
        ["pull", "m", "--node", " "],
        ["run", "", "hi"],
        ["show", ""],
        ["rm", "m", ""],
        ["stop", ""],
        ["cordon", ""],
        ["uncordon", ""],
        ["drain", ""],
        ["remove", ""],
        ["swap", ""],
        ["describe", "node", ""],
        ["describe", "model", ""],
        ["describe", "request", ""],
        ["explain", ""],
        ["explain", "--model", ""],
    ],
)
def test_no_name_is_wrong_usage(words: list[str]) -> None:
    result = CliRunner().invoke(main, [*words, "--url", "http://127.0.0.1:9"])
    assert result.exit_code == 2, result.output
    assert "a name is needed" in result.stderr
