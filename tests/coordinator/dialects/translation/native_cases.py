"""Cases for Ollama's own fields inside OpenAI's calls: what an Ollama is asked."""

from tests.coordinator.dialects.translation.cases import PNG, SCHEMA, Case, refused, said, same, unsaid

NATIVE: dict[str, list[Case]] = {
    "keep_alive": same("keep_alive", "5m", 0, -1),
    "options": [*same("options", {"num_ctx": 64, "top_k": 3}), refused({"options": "x"}, "^options: ")],
}
GENERATION: dict[str, list[Case]] = {
    **NATIVE,
    "think": same("think", True, False, "low"),
    "format": same("format", "json", SCHEMA),
    "truncate": same("truncate", True, False),
    "shift": same("shift", True, False),
    "_debug_render_only": [
        unsaid({"_debug_render_only": False}),
        refused({"_debug_render_only": True}, "^_debug_render_only: would change"),
    ],
}
CHAT: dict[str, list[Case]] = {
    **GENERATION,
    "think": [
        *GENERATION["think"],
        said({"think": "low", "reasoning_effort": "low"}, {"think": "low"}),
        refused({"think": False, "reasoning_effort": "low"}, "another field says something else of think"),
    ],
    "format": [
        *GENERATION["format"],
        refused({"format": SCHEMA, "response_format": {"type": "json_object"}}, "^format: response_format"),
    ],
}
COMPLETIONS: dict[str, list[Case]] = {
    **GENERATION,
    "system": same("system", "brief"),
    "template": same("template", "{{ .Prompt }}"),
    "raw": same("raw", True),
    "context": same("context", [1, 2]),
    "images": [unsaid({"images": []}), refused({"images": [PNG]}, "^images: goes into")],
}
EMBEDDINGS: dict[str, list[Case]] = {**NATIVE, "truncate": same("truncate", True, False)}
