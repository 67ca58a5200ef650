"""What a call asks for, read from OpenAI's JSON. Pure. What cannot be done is refused, never left out in silence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
MOST_STOPS = 4
"""As OpenAI has it."""
SEEDS = 2**63
HOTTEST = 2.0
EMPTY = (None, False, 0, "", "auto", "none")
"""Values of a field that cannot be done which ask for nothing."""
CANNOT = (
    *(
        "tools",
        "functions",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "presence_penalty",
        "frequency_penalty",
    ),
    *("repetition_penalty", "suffix", "echo", "guided_json", "guided_regex", "audio", "min_p"),
)


class Refused(Exception):
    """The call cannot be served; the text says why."""

    def __init__(self, text: str, status: int = 400, code: str | None = None) -> None:
        """`code`: as in OpenAI's errors."""
        super().__init__(text)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. A temperature of 0: always the likeliest."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    """Of so many the next one is drawn; 0: of all."""
    seed: int | None = None


@dataclass(frozen=True)
class Asked:
    """One call. `messages` of a chat, else `prompt`: a text, or tokens."""

    messages: list[dict[str, Any]] | None
    prompt: str | list[int]
    stream: bool
    with_usage: bool
    """Whether a stream ends with its usage."""
    most: int | None
    """Tokens of the answer; None: as many as the context has room for."""
    stops: tuple[str, ...]
    sampling: Sampling

    @property
    def chat(self) -> bool:
        """Whether it is one."""
        return self.messages is not None


def asked(path: str, body: Any, served: str, defaults: Sampling) -> Asked:
    """`served`: the model's name here; `defaults`: the model's own. Raises Refused."""
    if not isinstance(body, dict):
        raise Refused("the body is no JSON object")
    if body.get("model", served) != served:
        name = str(body["model"])[:200]
        raise Refused(f"model {name!r} not found: {served!r} is served here", 404, "model_not_found")
    _refuse_what_cannot_be(body)
    options = body.get("stream_options") or {}
    return Asked(
        messages=_messages(body) if path == CHAT else None,
        prompt="" if path == CHAT else _prompt(body.get("prompt")),
        stream=body.get("stream") is True,
        with_usage=isinstance(options, dict) and options.get("include_usage") is True,
        most=_most(body),
        stops=_stops(body.get("stop")),
        sampling=_sampling(body, defaults),
    )


def _refuse_what_cannot_be(body: dict[str, Any]) -> None:
    for name in ("n", "best_of"):
        if body.get(name, 1) not in (None, 1):
            raise Refused(f"{name}: this engine gives one answer to a call")
    wanted = body.get("response_format")
    if wanted is not None and wanted != {"type": "text"}:
        raise Refused("response_format: this engine cannot keep to one")
    for name in CANNOT:
        value = body.get(name)
        if value not in (*EMPTY, [], {}) and not (name == "repetition_penalty" and value == 1):
            raise Refused(f"{name}: this engine cannot do that")


def _messages(body: dict[str, Any]) -> list[dict[str, Any]]:
    told = body.get("messages")
    if not isinstance(told, list) or not told:
        raise Refused("messages: a list of at least one is needed")
    return [_message(each) for each in told]


def _message(told: Any) -> dict[str, Any]:
    if not isinstance(told, dict) or not isinstance(told.get("role"), str):
        raise Refused("messages: each needs a role and a content")
    content = told.get("content")
    if isinstance(content, list):
        content = "".join(_text(part) for part in content)
    if content is not None and not isinstance(content, str):
        raise Refused("messages: a content is a text or a list of parts")
    return {**told, "content": content or ""}


def _text(part: Any) -> str:
    if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
        raise Refused("messages: this model reads texts only")
    return str(part["text"])


def _prompt(told: Any) -> str | list[int]:
    if isinstance(told, list) and len(told) == 1 and isinstance(told[0], str | list):
        told = told[0]
    if isinstance(told, str):
        return told
    if isinstance(told, list) and told and all(type(each) is int and each >= 0 for each in told):
        return told
    raise Refused("prompt: one text, or one list of tokens, is needed")


def _most(body: dict[str, Any]) -> int | None:
    told = body.get("max_completion_tokens", body.get("max_tokens"))
    if told is not None and (type(told) is not int or told < 1):
        raise Refused("max_tokens: a whole number of at least 1 is needed")
    return told


def _stops(told: Any) -> tuple[str, ...]:
    stops: Sequence[Any] = [] if told is None else [told] if isinstance(told, str) else told
    if not isinstance(stops, list) or len(stops) > MOST_STOPS:
        raise Refused(f"stop: a text or a list of at most {MOST_STOPS} is needed")
    if not all(isinstance(each, str) for each in stops):
        raise Refused("stop: texts are needed")
    return tuple(each for each in stops if each)


def _sampling(body: dict[str, Any], defaults: Sampling) -> Sampling:
    return Sampling(
        temperature=_number(body, "temperature", defaults.temperature, 0.0, HOTTEST),
        top_p=_number(body, "top_p", defaults.top_p, 0.0, 1.0),
        top_k=int(_number(body, "top_k", defaults.top_k, -1, 2**31)),
        seed=int(_number(body, "seed", 0, -SEEDS, SEEDS)) if body.get("seed") is not None else None,
    )


def _number(body: dict[str, Any], name: str, default: float, least: float, most: float) -> float:
    told = body.get(name)
    if told is None:
        return default
    if isinstance(told, bool) or not isinstance(told, int | float) or not math.isfinite(told):
        raise Refused(f"{name}: a number is needed")
    if not least <= told <= most:
        raise Refused(f"{name}: {least:g} to {most:g}")
    return told
