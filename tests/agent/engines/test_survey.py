"""What `herd-node engines` says, from what was seen."""

import pytest
from msgspec.structs import replace

from agent.engines.kinds import KINDS
from agent.engines.survey import Offer, Seen, impossible, offer_of, surveyed
from agent.verbs.engines import EMBEDDED, OLLAMA, table

LINUX = Seen(system="linux", machine="x86_64")
HERE = replace(
    LINUX,
    gpus=frozenset({"nvidia"}),
    programs={"ollama": "/usr/bin/ollama", "vllm": "/opt/bin/vllm"},
    running={"krasis": "http://127.0.0.1:8012"},
)


def told(name: str, seen: Seen) -> tuple[str, str, str]:
    offers = {each.name: each for each in [OLLAMA, EMBEDDED, *map(offer_of, KINDS.values())]}
    (line,) = surveyed([offers[name]], seen)
    return line.state, line.where, line.next


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("krasis", ("runs", "http://127.0.0.1:8012", "--engine krasis:url=http://127.0.0.1:8012")),
        ("ollama", ("installed", "/usr/bin/ollama", "--engine ollama")),
        ("vllm", ("installed", "/opt/bin/vllm", "--engine vllm:model=...")),
        ("embedded", ("missing", "", EMBEDDED.how)),
        ("openai", ("ready", "", KINDS["openai"].how)),
    ],
)
def test_what_is_found_and_how_it_is_used(name: str, line: tuple[str, str, str]) -> None:
    assert told(name, HERE) == line


@pytest.mark.parametrize(
    ("offer", "seen", "why"),
    [
        (offer_of(KINDS["krasis"]), LINUX, "it needs a GPU of NVIDIA, and none is seen here"),
        (
            offer_of(KINDS["vllm"]),
            replace(LINUX, system="darwin"),
            "it runs on linux only, this is darwin",
        ),
        (
            offer_of(KINDS["glinthawk"]),
            replace(LINUX, machine="aarch64"),
            "it is made for amd64, x86_64, this is aarch64",
        ),
        (offer_of(KINDS["glinthawk"]), LINUX, ""),
        (Offer(name="x", about="", how=""), LINUX, ""),
    ],
)
def test_why_one_cannot_run_here(offer: Offer, seen: Seen, why: str) -> None:
    assert impossible(offer, seen) == why


def test_an_installed_one_that_cannot_run_is_not_offered() -> None:
    seen = replace(LINUX, programs={"krasis": "/usr/bin/krasis"})
    assert told("krasis", seen)[0] == "impossible"


def test_a_python_without_torch_is_told_and_not_offered() -> None:
    seen = replace(
        LINUX, programs={"deepspeed": "/v/bin/deepspeed"}, lacking={"deepspeed": "/v has no torch"}
    )
    state, where, then = told("deepspeed", seen)
    assert (state, where) == ("missing", "/v/bin/deepspeed")
    assert then.startswith("/v has no torch; pip install torch")


def test_a_table_has_each_engine_once() -> None:
    lines = surveyed([OLLAMA, EMBEDDED, *map(offer_of, KINDS.values())], HERE)
    text = table(lines)
    assert [row.split()[0] for row in text.splitlines()[::2]] == ["ollama", "embedded", *KINDS]
    assert "http://127.0.0.1:8012: --engine krasis:url=http://127.0.0.1:8012" in text
