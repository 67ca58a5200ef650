"""Cases for OpenAI's fields: what an Ollama is asked."""

from typing import Any

from tests.coordinator.dialects.translation import native_cases
from tests.coordinator.dialects.translation.cases import (
    HELLO,
    PNG,
    SCHEMA,
    TOOL,
    Case,
    Cases,
    Whole,
    refused,
    said,
    unsaid,
)

CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"town":"x"}'}}
CALLED = {"id": "c1", "function": {"name": "weather", "arguments": {"town": "x"}}}
STRICT = {"type": "function", "function": {"name": "weather", "strict": True}}

_OURS: dict[str, list[Case]] = {
    "model": [unsaid({"model": "m"})],
    "fallback_models": [unsaid({"fallback_models": ["other"]})],
    "fallback": [unsaid({"fallback": True}), unsaid({"fallback": False})],
    "allow_restricted": [unsaid({"allow_restricted": True}), unsaid({"allow_restricted": False})],
    "metadata": [unsaid({"metadata": {"tags": ["a"]}})],
    "user": [unsaid({"user": "ada"})],
}


def _option(name: str, *values: Any, to: str = "") -> list[Case]:
    cases = [said({name: value}, {"options": {to or name: value}}) for value in values]
    agrees = {name: values[0], "options": {to or name: values[0], "top_k": 3}}
    cases.append(said(agrees, {"options": agrees["options"]}))
    differs = {name: values[0], "options": {to or name: "other"}}
    wrong = [refused({name: odd}, f"^{name}: expected a") for odd in (True, False, "7")]
    return [*cases, *wrong, refused(differs, "another field says something else")]


_GENERATION: dict[str, list[Case]] = {
    **_OURS,
    "stream": [unsaid({"stream": False})],
    "stream_options": [
        unsaid({"stream_options": {"include_usage": True, "include_obfuscation": False}}),
        refused({"stream_options": {"include_obfuscation": True}}, r"^stream_options\.include_obfuscation: "),
        refused({"stream_options": True}, "^stream_options: "),
    ],
    "max_tokens": _option("max_tokens", 7, to="num_predict"),
    "temperature": _option("temperature", 0, 0.5),
    "top_p": _option("top_p", 0.25),
    "seed": _option("seed", 7),
    "frequency_penalty": _option("frequency_penalty", 0.5),
    "presence_penalty": _option("presence_penalty", -0.5),
    "stop": [
        said({"stop": "a"}, {"options": {"stop": ["a"]}}),
        said({"stop": ["a", "b"]}, {"options": {"stop": ["a", "b"]}}),
        unsaid({"stop": []}),
        refused({"stop": [1]}, "^stop: "),
    ],
    "n": [unsaid({"n": 1}), refused({"n": 2}, "^n: ")],
    "logit_bias": [unsaid({"logit_bias": {}}), refused({"logit_bias": {"5": 1}}, "^logit_bias: ")],
}
CASES: Cases = {
    "/v1/chat/completions": {
        **_GENERATION,
        **native_cases.CHAT,
        "messages": [
            said({"messages": [HELLO]}, {"messages": [HELLO]}),
            said(
                {"messages": [{"role": "assistant", "content": None, "tool_calls": [CALL]}]},
                {"messages": [{"role": "assistant", "content": "", "tool_calls": [CALLED]}]},
            ),
            refused({"messages": []}, "^messages: "),
        ],
        "max_completion_tokens": [
            *_option("max_completion_tokens", 7, to="num_predict"),
            refused({"max_completion_tokens": 7, "max_tokens": 8}, "another field"),
        ],
        "response_format": [
            unsaid({"response_format": {"type": "text"}}),
            said({"response_format": {"type": "json_object"}}, {"format": "json"}),
            said(
                {
                    "response_format": {
                        "type": "json_schema",
                        "json_schema": {"name": "s", "strict": True, "schema": SCHEMA},
                    }
                },
                {"format": SCHEMA},
            ),
            refused({"response_format": {"type": "json_schema"}}, "^response_format: "),
            refused({"response_format": {"type": "grammar"}}, "^response_format: "),
            refused({"response_format": "json"}, "^response_format: "),
        ],
        "reasoning_effort": [
            said({"reasoning_effort": "none"}, {"think": False}),
            *(
                said({"reasoning_effort": effort}, {"think": level})
                for effort, level in {
                    **{"minimal": "low", "low": "low", "medium": "medium"},
                    **{"high": "high", "xhigh": "max", "max": "max"},
                }.items()
            ),
            refused({"reasoning_effort": "deep"}, "^reasoning_effort: "),
        ],
        "reasoning": [
            said({"reasoning": {"effort": "low"}}, {"think": "low"}),
            refused({"reasoning": {"effort": "low"}, "reasoning_effort": "high"}, "another field"),
        ],
        "tools": [
            said({"tools": [TOOL]}, {"tools": [TOOL]}),
            unsaid({"tools": []}),
            refused({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "^tools: "),
            refused({"tools": [STRICT]}, "^tools: strict: "),
        ],
        "tool_choice": [
            said({"tool_choice": "auto", "tools": [TOOL]}, {"tools": [TOOL]}),
            unsaid({"tool_choice": "none", "tools": [TOOL]}),
            refused({"tool_choice": "required"}, "^tool_choice: "),
            refused({"tool_choice": {"type": "function", "function": {"name": "x"}}}, "^tool_choice: "),
        ],
        "parallel_tool_calls": [
            unsaid({"parallel_tool_calls": True}),
            refused({"parallel_tool_calls": False}, "^parallel_tool_calls: "),
        ],
        "logprobs": [said({"logprobs": True}, {"logprobs": True}), unsaid({"logprobs": False})],
        "top_logprobs": [
            said({"logprobs": True, "top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
            refused({"top_logprobs": 2}, "^top_logprobs: "),
            refused({"logprobs": True, "top_logprobs": True}, "^top_logprobs: "),
        ],
        "functions": [unsaid({"functions": []}), refused({"functions": [{"name": "x"}]}, "^functions: ")],
        "function_call": [refused({"function_call": "auto"}, "^function_call: ")],
        "audio": [refused({"audio": {"voice": "x", "format": "wav"}}, "^audio: ")],
        "modalities": [
            unsaid({"modalities": ["text"]}),
            refused({"modalities": ["text", "audio"]}, "^modalities: "),
        ],
        "moderation": [refused({"moderation": {"model": "x"}}, "^moderation: ")],
        "web_search_options": [
            refused({"web_search_options": {"search_context_size": "low"}}, "^web_search_options: ")
        ],
        "verbosity": [unsaid({"verbosity": "medium"}), refused({"verbosity": "low"}, "^verbosity: ")],
        "store": [unsaid({"store": False}), refused({"store": True}, "^store: ")],
        "service_tier": [
            unsaid({"service_tier": "auto"}),
            unsaid({"service_tier": "default"}),
            refused({"service_tier": "flex"}, "^service_tier: "),
        ],
        "prediction": [unsaid({"prediction": {"type": "content", "content": "x"}})],
        "prompt_cache_key": [unsaid({"prompt_cache_key": "x"})],
        "prompt_cache_options": [unsaid({"prompt_cache_options": {"mode": "implicit"}})],
        "prompt_cache_retention": [unsaid({"prompt_cache_retention": "24h"})],
        "safety_identifier": [unsaid({"safety_identifier": "x"})],
    },
    "/v1/chat/completions messages": {
        "role": [
            *(said({"role": role}, {"role": role}) for role in ("system", "user", "assistant", "tool")),
            said({"role": "developer"}, {"role": "system"}),
            refused({"role": "function"}, r"^messages\.role: "),
        ],
        "content": [
            said({"content": "a"}, {"content": "a"}),
            said({"content": [{"type": "text", "text": "a"}]}, {"content": "a"}),
            refused({"content": 7}, r"^messages\.content"),
        ],
        "name": [
            said({"role": "tool", "name": "weather"}, {"role": "tool", "tool_name": "weather"}),
            refused({"role": "user", "name": "ada"}, r"^messages\.name: "),
        ],
        "tool_call_id": [
            said({"role": "tool", "tool_call_id": "c9"}, {"role": "tool", "tool_call_id": "c9"})
        ],
        "tool_calls": [
            said({"role": "assistant", "tool_calls": [CALL]}, {"role": "assistant", "tool_calls": [CALLED]}),
            refused({"role": "assistant", "tool_calls": [{"id": 7}]}, "^tool_calls: "),
            refused({"tool_calls": [CALL | {"function": {"name": "f", "arguments": "{"}}]}, "^tool_calls: "),
        ],
        "reasoning": [said({"reasoning": "hm"}, {"thinking": "hm"})],
        "reasoning_content": [said({"reasoning_content": "hm"}, {"thinking": "hm"})],
        "refusal": [unsaid({"refusal": ""}), refused({"refusal": "no"}, r"^messages\.refusal: ")],
        "audio": [refused({"audio": {"id": "x"}}, r"^messages\.audio: ")],
        "annotations": [
            unsaid({"annotations": []}),
            refused({"annotations": [{"type": "x"}]}, r"^messages\.annotations: "),
        ],
        "function_call": [
            refused({"function_call": {"name": "f", "arguments": "{}"}}, r"^messages\.function_call: ")
        ],
    },
    "/v1/chat/completions content": {
        "type": [
            said({"type": "text", "text": "a"}, {"text": "a"}),
            refused({"type": "text"}, r"^messages\.content: "),
        ],
        "text": [
            said({"type": "text", "text": "a"}, {"text": "a"}),
            refused({"type": "text", "text": 7}, r"^messages\.content\.text: "),
        ],
        "refusal": [said({"type": "refusal", "refusal": "no"}, {"text": "no"})],
        "image_url": [
            *(
                said({"type": "image_url", "image_url": {"url": f"data:{kind};base64,{PNG}"}}, {"image": PNG})
                for kind in ("image/png", "image/jpeg", "image/webp", "")
            ),
            refused({"type": "image_url", "image_url": {"url": "http://x/y.png"}}, "^image_url: .*fetches"),
            refused({"type": "image_url", "image_url": {"url": "data:text/plain;base64,AA"}}, "^image_url: "),
            refused(
                {"type": "image_url", "image_url": {"url": f"data:;base64,{PNG}", "detail": "high"}},
                r"^image_url\.detail: ",
            ),
        ],
        "input_audio": [
            refused({"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}, "takes no audio")
        ],
        "file": [refused({"type": "file", "file": {"file_id": "x"}}, "takes no files")],
        "prompt_cache_breakpoint": [
            said(
                {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}, {"text": "a"}
            )
        ],
    },
    "/v1/chat/completions reasoning": {
        "effort": [said({"effort": "high"}, {"think": "high"}), refused({"effort": 7}, "effort")],
    },
    "/v1/completions": {
        **_GENERATION,
        **native_cases.COMPLETIONS,
        "prompt": [
            said({"prompt": "why?"}, {"prompt": "why?"}),
            said({"prompt": ["why?"]}, {"prompt": "why?"}),
            *(refused({"prompt": value}, "^prompt: ") for value in ("", [], ["a", "b"], [1, 2], [[1]])),
        ],
        "suffix": [said({"suffix": "return"}, {"suffix": "return"})],
        "logprobs": [said({"logprobs": count}, {"logprobs": True, "top_logprobs": count}) for count in (0, 2)]
        + [refused({"logprobs": True}, "^logprobs: ")],
        "echo": [unsaid({"echo": False}), refused({"echo": True}, "^echo: ")],
        "best_of": [unsaid({"best_of": 1}), refused({"best_of": 2}, "^best_of: ")],
    },
    "/v1/embeddings": {
        **_OURS,
        **native_cases.EMBEDDINGS,
        "input": [
            *(said({"input": value}, {"input": value}) for value in ("a", ["a", "b"])),
            *(refused({"input": value}, "^input: ") for value in ("", [], [1, 2], [[1]], ["a", ""])),
        ],
        "dimensions": [
            said({"dimensions": 4}, {"dimensions": 4}),
            refused({"dimensions": True}, "^dimensions: "),
        ],
        "encoding_format": [
            unsaid({"encoding_format": "float"}),
            unsaid({"encoding_format": "base64"}),
            refused({"encoding_format": "hex"}, "^encoding_format: "),
        ],
    },
}

CHAT: dict[str, Any] = {"model": "m", "messages": [HELLO]}
COMPLETION: dict[str, Any] = {"model": "m", "prompt": "hello"}


def _message(given: dict[str, Any]) -> dict[str, Any]:
    return CHAT | {"messages": [HELLO, {"role": "user"} | given]}


def _content(given: dict[str, Any]) -> dict[str, Any]:
    return CHAT | {"messages": [{"role": "user", "content": [given]}]}


WHOLE: dict[str, Whole] = {
    "/v1/chat/completions": Whole("/v1/chat/completions", lambda given: CHAT | given),
    "/v1/chat/completions messages": Whole("/v1/chat/completions", _message),
    "/v1/chat/completions content": Whole("/v1/chat/completions", _content),
    "/v1/chat/completions reasoning": Whole(
        "/v1/chat/completions", lambda given: CHAT | {"reasoning": given}
    ),
    "/v1/completions": Whole("/v1/completions", lambda given: COMPLETION | given),
    "/v1/embeddings": Whole("/v1/embeddings", lambda given: {"model": "m", "input": "hello"} | given),
}
"""A call for each table, with what a case gives; the model's name is `m`."""
