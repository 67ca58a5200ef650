"""Cases for Ollama's fields: what llama.cpp is asked."""

from typing import Any

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
    same,
    unsaid,
)
from tests.coordinator.dialects.translation.ollama_option_cases import OPTIONS

WEATHER = {"id": "c1", "function": {"name": "weather", "arguments": {"town": "x"}}}
NO_CALLS: list[Any] = ["a", True, ["a"], [{}]]
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
AS_SCHEMA = {"type": "json_schema", "json_schema": {"name": "format", "schema": SCHEMA}}

_OURS: dict[str, list[Case]] = {
    "model": [unsaid({"model": "m"})],
    "stream": [unsaid({"stream": True}), unsaid({"stream": False})],
    "fallback_models": [unsaid({"fallback_models": ["other"]})],
    "fallback": [unsaid({"fallback": True}), unsaid({"fallback": False})],
    "allow_restricted": [unsaid({"allow_restricted": True}), unsaid({"allow_restricted": False})],
    "metadata": [unsaid({"metadata": {"tags": ["a"]}})],
    "user": [unsaid({"user": "ada"})],
    "keep_alive": [unsaid({"keep_alive": value}) for value in ("5m", 0, -1)],
}
_STEERING: dict[str, list[Case]] = {
    "n": [refused({"n": 2}, "^n: ")],
    "n_cmpl": [refused({"n_cmpl": 2}, "^n_cmpl: ")],
    "stream_options": [refused({"stream_options": {"include_usage": False}}, "^stream_options: ")],
    "return_progress": [refused({"return_progress": True}, "^return_progress: ")],
}
_THINK = [
    said({"think": True}, {"chat_template_kwargs": {"enable_thinking": True}}),
    said({"think": False}, {"chat_template_kwargs": {"enable_thinking": False}}),
    *(
        said(
            {"think": level},
            {
                "reasoning_effort": level,
                "chat_template_kwargs": {"enable_thinking": True, "reasoning_effort": level},
            },
        )
        for level in ("low", "medium", "high", "max")
    ),
    refused({"think": "deeply"}, "^think: "),
    refused({"think": 7}, "^think: "),
]
_GENERATION: dict[str, list[Case]] = {
    "think": _THINK,
    "truncate": [unsaid({"truncate": False}), refused({"truncate": True}, "^truncate: ")],
    "shift": [unsaid({"shift": False}), refused({"shift": True}, "^shift: ")],
    "_debug_render_only": [
        unsaid({"_debug_render_only": False}),
        refused({"_debug_render_only": True}, "^_debug_render_only: "),
    ],
}
_FORMAT = [
    said({"format": "json"}, {"response_format": {"type": "json_object"}}),
    said({"format": SCHEMA}, {"response_format": AS_SCHEMA}),
    unsaid({"format": ""}),
    refused({"format": "yaml"}, "^format: "),
]
_LOGPROBS = [
    said({"logprobs": True}, {"logprobs": True, "top_logprobs": 1}),
    unsaid({"logprobs": False}),
]
_TOP_LOGPROBS = [
    said({"logprobs": True, "top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
    unsaid({"top_logprobs": 3}),
    refused({"logprobs": True, "top_logprobs": 21}, "^top_logprobs must be between 0 and 20"),
    refused({"logprobs": True, "top_logprobs": -1}, "^top_logprobs must be between 0 and 20"),
    *(
        refused({"logprobs": wanted, "top_logprobs": odd}, "^top_logprobs must be between 0 and 20")
        for wanted in (True, False, None)
        for odd in (True, False, 25, -1, 1.5, "3")
    ),
]
_OPTIONS = [
    said({"options": {"num_predict": 3, "seed": 4}}, {"max_tokens": 3, "seed": 4}),
    unsaid({"options": {}}),
    refused({"options": "x"}, "^options: "),
]
_IN_GENERATE: dict[str, list[Case]] = {
    **_OURS,
    **_GENERATION,
    **_STEERING,
    "messages": [refused({"messages": [HELLO]}, "^messages: ")],
    "options": _OPTIONS,
    "suffix": [unsaid({"suffix": ""}), refused({"suffix": "return"}, "suffix|insert")],
    "template": [unsaid({"template": ""}), refused({"template": "{{ .Prompt }}"}, "^template: ")],
    "context": [unsaid({"context": []}), refused({"context": [1, 2]}, "^context: ")],
    **{
        name: [unsaid({name: 0}), refused({name: 8}, f"^{name}: this engine makes no images")]
        for name in ("width", "height", "steps")
    },
}
_IN_EMBED: dict[str, list[Case]] = {
    **_OURS,
    "options": [unsaid({"options": {"num_ctx": 64}}), refused({"options": 7}, "^options: ")],
    "encoding_format": [
        unsaid({"encoding_format": "float"}),
        refused({"encoding_format": "base64"}, "^encoding_format: "),
    ],
}


CASES: Cases = {
    "/api/chat": {
        **_OURS,
        **_GENERATION,
        **_STEERING,
        "messages": [
            said({"messages": [HELLO]}, {"messages": [HELLO]}),
            refused({"messages": "hello"}, "(?i)expected"),
            refused({"messages": ["hello"]}, "(?i)expected"),
        ],
        "tools": [said({"tools": [TOOL]}, {"tools": [TOOL]}), unsaid({"tools": []})],
        "format": _FORMAT,
        "options": _OPTIONS,
        "logprobs": _LOGPROBS,
        "top_logprobs": _TOP_LOGPROBS,
    },
    "/api/chat messages": {
        "role": [said({"role": "system"}, {"role": "system"})],
        "content": [said({"content": "a \u00fc"}, {"content": "a \u00fc"}), unsaid({"content": None})],
        "images": [
            said({"content": "it?", "images": [PNG]}, {"content": [{"type": "text", "text": "it?"}, IMAGE]}),
            said({"content": "it?", "images": []}, {"content": "it?"}),
            refused({"content": "it?", "images": ["!"]}, "images"),
        ],
        "thinking": [
            said({"role": "assistant", "thinking": "hm"}, {"role": "assistant", "reasoning_content": "hm"}),
            said({"role": "assistant", "thinking": ""}, {"role": "assistant"}),
        ],
        "tool_calls": [
            said(
                {"role": "assistant", "tool_calls": [WEATHER]},
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"town":"x"}'},
                        }
                    ],
                },
            ),
            said({"role": "assistant", "tool_calls": []}, {"role": "assistant"}),
            *(refused({"tool_calls": odd}, "^tool_calls: ") for odd in NO_CALLS),
        ],
        "tool_name": [
            said(
                {"role": "tool", "tool_call_id": "c1", "tool_name": "weather"},
                {"role": "tool", "tool_call_id": "c1"},
            )
        ],
        "tool_call_id": [
            said({"role": "tool", "tool_call_id": "c1"}, {"role": "tool", "tool_call_id": "c1"})
        ],
    },
    "/api/generate": {
        **_IN_GENERATE,
        "prompt": [said({"prompt": "why?"}, {"messages": [{"role": "user", "content": "why?"}]})],
        "raw": [unsaid({"raw": False})],
        "system": [
            said(
                {"prompt": "why?", "system": "brief"},
                {
                    "messages": [
                        {"role": "system", "content": "brief"},
                        {"role": "user", "content": "why?"},
                    ]
                },
            )
        ],
        "images": [
            said(
                {"prompt": "it?", "images": [PNG]},
                {"messages": [{"role": "user", "content": [{"type": "text", "text": "it?"}, IMAGE]}]},
            )
        ],
        "format": _FORMAT,
        "logprobs": _LOGPROBS,
        "top_logprobs": _TOP_LOGPROBS,
    },
    "/api/generate raw": {
        **_IN_GENERATE,
        "think": [unsaid({"think": True})],
        "prompt": [said({"prompt": "why?"}, {"prompt": "why?"})],
        "raw": [unsaid({"raw": True})],
        "system": [unsaid({"system": ""}), refused({"system": "brief"}, "^system: a raw prompt")],
        "images": [unsaid({"images": []}), refused({"images": [PNG]}, "images: a raw prompt|vision")],
        "format": [
            said({"format": "json"}, {"json_schema": {}}),
            said({"format": SCHEMA}, {"json_schema": SCHEMA}),
            unsaid({"format": ""}),
            refused({"format": 7}, "^format: "),
        ],
        "logprobs": [said({"logprobs": True}, {"logprobs": 1}), unsaid({"logprobs": False})],
        "top_logprobs": [
            said({"logprobs": True, "top_logprobs": 3}, {"logprobs": 3}),
            unsaid({"top_logprobs": 3}),
            refused({"logprobs": True, "top_logprobs": 21}, "^top_logprobs must be between 0 and 20"),
        ],
    },
    "options": OPTIONS,
    "/api/embed": {
        **_IN_EMBED,
        "stream": [unsaid({"stream": True})],
        "input": [
            *same("input", "a", ["a", "b"]),
            refused({"input": [1, 2]}, "^input: "),
            refused({"input": {"a": 1}}, "^input: "),
        ],
        "truncate": same("truncate", True, False),
        "dimensions": [
            unsaid({"dimensions": 4}),
            *(refused({"dimensions": odd}, "^dimensions: ") for odd in ("four", True, False, -1)),
        ],
    },
    "/api/embed options": {
        "num_ctx": [unsaid({"num_ctx": 64}), refused({"num_ctx": 4097}, r"^options\.num_ctx: ")],
    },
    "/api/embeddings": {
        **_IN_EMBED,
        "stream": [unsaid({"stream": True})],
        "prompt": [said({"prompt": "a"}, {"input": "a"})],
    },
}

_SHORT = {"num_predict": 1}
CHAT: dict[str, Any] = {"model": "m", "messages": [HELLO], "stream": False, "options": _SHORT}
GENERATE: dict[str, Any] = {"model": "m", "prompt": "hello", "stream": False, "options": _SHORT}
EMBED: dict[str, Any] = {"model": "m", "input": "hello"}


def _message(given: dict[str, Any]) -> dict[str, Any]:
    called = {"role": "assistant", "content": "", "tool_calls": [WEATHER]}
    return CHAT | {"messages": [HELLO, called, {"role": "user", "content": ""} | given, HELLO]}


WHOLE: dict[str, Whole] = {
    "/api/chat": Whole("/api/chat", lambda given: CHAT | given),
    "/api/chat messages": Whole("/api/chat", _message),
    "/api/generate": Whole("/api/generate", lambda given: GENERATE | given),
    "/api/generate raw": Whole("/api/generate", lambda given: GENERATE | {"raw": True} | given),
    "options": Whole("/api/chat", lambda given: CHAT | {"options": _SHORT | given}),
    "/api/embed": Whole("/api/embed", lambda given: EMBED | given),
    "/api/embed options": Whole("/api/embed", lambda given: EMBED | {"options": given}),
    "/api/embeddings": Whole("/api/embeddings", lambda given: {"model": "m", "prompt": "hello"} | given),
}
"""A call for each table, with what a case gives; the model's name is `m`."""
