"""What a call asks for, and what is refused because it cannot be done."""

from typing import Any

import pytest

from agent.workers.torch_engines.asked import CHAT, COMPLETIONS, Asked, Refused, Sampling, asked

OWN = Sampling(temperature=0.6, top_p=0.9, top_k=20)


def completion(**more: Any) -> Asked:
    return asked(COMPLETIONS, {"model": "m", "prompt": "x"} | more, "m", OWN)


def chat(**more: Any) -> Asked:
    return asked(CHAT, {"messages": [{"role": "user", "content": "x"}]} | more, "m", OWN)


def test_what_is_not_said_is_the_models_own() -> None:
    told = completion()
    assert told == Asked(None, "x", False, False, None, (), OWN)
    assert completion(temperature=0, top_p=1, top_k=-1, seed=3).sampling == Sampling(0, 1, -1, 3)


@pytest.mark.parametrize("prompt", ["x", ["x"], [1, 2], [[1, 2]]])
def test_a_prompt_is_one_text_or_its_tokens(prompt: Any) -> None:
    assert completion(prompt=prompt).prompt == ([1, 2] if prompt not in ("x", ["x"]) else "x")


def test_parts_of_a_message_are_put_together_and_its_other_fields_stay() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    told = chat(
        messages=[{"role": "user", "content": parts, "name": "n"}, {"role": "assistant", "content": None}]
    )
    assert told.messages == [
        {"role": "user", "content": "ab", "name": "n"},
        {"role": "assistant", "content": ""},
    ]


def test_a_stop_is_a_text_or_several() -> None:
    assert completion(stop="a").stops == ("a",)
    assert completion(stop=["a", "", "b"]).stops == ("a", "b")
    assert completion(stop=None).stops == ()


def test_the_newer_name_of_a_bound_goes_before_the_older() -> None:
    assert chat(max_tokens=3, max_completion_tokens=5).most == 5
    assert chat(max_tokens=3).most == 3


@pytest.mark.parametrize(
    "more",
    [
        *({"n": 2}, {"best_of": 3}, {"logprobs": True}, {"logprobs": 5}, {"tools": [{"type": "function"}]}),
        *({"response_format": {"type": "json_object"}}, {"presence_penalty": 0.5}, {"echo": True}),
        *(
            {"logit_bias": {"5": 1}},
            {"prompt": []},
            {"prompt": ["a", "b"]},
            {"prompt": [-1]},
            {"prompt": None},
        ),
        *({"prompt": [True]}, {"max_tokens": 0}, {"max_tokens": "5"}, {"max_tokens": True}, {"stop": 5}),
        *({"stop": ["a"] * 5}, {"stop": [1]}, {"temperature": 3}, {"temperature": -1}, {"temperature": "1"}),
        *({"temperature": float("nan")}, {"top_p": 2}, {"seed": "x"}, {"seed": 2**64}, {"top_k": -5}),
    ],
)
def test_what_cannot_be_done_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        completion(**more)
    assert (refused.value.status, str(refused.value) != "") == (400, True)


@pytest.mark.parametrize(
    "more",
    [
        *(
            {"n": 1},
            {"n": None},
            {"logprobs": False},
            {"tools": []},
            {"tool_choice": "none"},
            {"logit_bias": {}},
        ),
        *({"response_format": {"type": "text"}}, {"presence_penalty": 0}, {"frequency_penalty": 0.0}),
        *({"repetition_penalty": 1.0}, {"user": "me"}, {"stream_options": None}),
    ],
)
def test_what_asks_for_nothing_is_let_pass(more: dict[str, Any]) -> None:
    assert completion(**more).prompt == "x"


@pytest.mark.parametrize(
    "messages",
    [
        None,
        [],
        "x",
        [5],
        [{"content": "x"}],
        [{"role": "user", "content": 5}],
        [{"role": 5, "content": "x"}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}],
    ],
)
def test_messages_that_are_none_are_refused(messages: Any) -> None:
    with pytest.raises(Refused):
        chat(messages=messages)


def test_another_model_is_not_found() -> None:
    with pytest.raises(Refused) as refused:
        completion(model="other")
    assert (refused.value.status, refused.value.code) == (404, "model_not_found")
    bodies: tuple[Any, ...] = (5, [], None)
    for body in bodies:
        with pytest.raises(Refused):
            asked(COMPLETIONS, body, "m", OWN)
