"""Which engines are wanted: the file, the flag, the two together, and what is said of nonsense."""

import pytest

from agent.engines import llama_server, upstream, vllm
from agent.engines.kinds import BUILT_IN, KINDS
from agent.engines.wanted import Wanted, WantedError, sections, wanted

TOML = """
[vllm]
model = "/m/qwen"
slots = 16

[cloud]
kind = "openai"
url = "https://api.example/v1"
models = ["big", "small"]

[cloud.environment]
"""


def want(*named: str, toml: str = "") -> list[Wanted]:
    return wanted(named, sections(toml), KINDS, BUILT_IN)


def test_names_alone_are_what_they_were() -> None:
    assert want("ollama", "embedded", "ollama") == [
        Wanted("ollama", "ollama"),
        Wanted("embedded", "embedded"),
    ]
    assert want() == []


def test_a_flag_tells_keys_and_values_with_colons_in_them() -> None:
    (one,) = want("vllm:url=http://127.0.0.1:8000:slots=4:name=big:arguments=--seed;1")
    assert one == Wanted(
        "big", "vllm", vllm.Options(url="http://127.0.0.1:8000", slots=4, arguments=("--seed", "1"))
    )
    (one,) = want(r"llama-server:model=C:\m\tiny.gguf:gpu_layers=0:embedding=true")
    assert one.options == llama_server.Options(model=r"C:\m\tiny.gguf", gpu_layers=0, embedding=True)


def test_without_names_the_file_is_what_is_wanted() -> None:
    toml = TOML.replace("[cloud.environment]", "")
    assert want(toml=toml) == [
        Wanted("vllm", "vllm", vllm.Options(model="/m/qwen", slots=16)),
        Wanted("cloud", "openai", upstream.Options(url="https://api.example/v1", models=("big", "small"))),
    ]


def test_a_name_means_its_section_and_the_flag_lies_over_it() -> None:
    (one,) = want("vllm:slots=2", toml=TOML)
    assert one.options == vllm.Options(model="/m/qwen", slots=2)


@pytest.mark.parametrize(
    ("named", "toml", "words"),
    [
        ("vlm", "", "no engine is called 'vlm'; did you mean 'vllm'?"),
        ("vllm:modle=x", "", "--engine vllm: no key 'modle'; did you mean 'model'?"),
        ("vllm:slots=none", "", "--engine vllm: slots='none'"),
        ("vllm:slots=0", "", "--engine vllm: slots='0'"),
        ("vllm:name=A b", "", "small letters, digits"),
        ("ollama:url=x", "", "ollama is set up by FLEET_NODE_OLLAMA_*"),
        ("cloud", TOML, "engines.toml, [cloud]: no key 'environment'"),
        ("vllm", "[vllm", "engines.toml: "),
        ("vllm", "vllm = 3", "engines.toml: vllm: expected a section"),
        ("vllm", "[vllm]\nslots = 1.5", "engines.toml, [vllm]: slots=1.5"),
        ("vllm", "[vllm]\nport = 70000", "engines.toml, [vllm]: port=70000"),
    ],
)
def test_nonsense_is_told_with_what_is_nearest(named: str, toml: str, words: str) -> None:
    with pytest.raises(WantedError) as raised:
        want(named, toml=toml)
    assert words in str(raised.value)


def test_two_of_one_name_are_told_apart_by_their_owner() -> None:
    with pytest.raises(WantedError, match="two engines are called 'vllm'"):
        want("vllm:port=1", "vllm:port=2")
    assert [each.name for each in want("vllm:port=1", "vllm:port=2:name=second")] == ["vllm", "second"]


def test_every_kind_has_words_and_options_that_can_be_left_out() -> None:
    for name, kind in KINDS.items():
        assert kind.name == name
        assert kind.about
        assert kind.how
        assert want(name)[0].options == kind.options()
        assert (kind.launch is None) == (kind.command is None)
