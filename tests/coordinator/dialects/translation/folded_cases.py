"""Cases for Ollama's fields in an OpenAI call: what llama.cpp is asked."""

from tests.coordinator.dialects.translation.cases import Case, Cases, refused, said, unsaid

_OURS: dict[str, list[Case]] = {
    "fallback_models": [unsaid({"fallback_models": ["other"]})],
    "fallback": [unsaid({"fallback": True}), unsaid({"fallback": False})],
    "allow_restricted": [unsaid({"allow_restricted": True}), unsaid({"allow_restricted": False})],
    "keep_alive": [unsaid({"keep_alive": value}) for value in ("5m", 0, -1)],
}
_OTHER_WORDS = "another field says something else of max_tokens"
_ANSWER_LIMITS: dict[str, list[Case]] = {
    name: [
        said({name: 5}, {"max_tokens": 5}),
        said({name: 5, "options": {"num_predict": 5}}, {"max_tokens": 5}),
        refused({name: 5, "options": {"num_predict": 6}}, _OTHER_WORDS),
        refused({"options": {"num_predict": 6}, name: 5}, _OTHER_WORDS),
    ]
    for name in ("max_completion_tokens", "n_predict")
}
CASES: Cases = {
    "/v1/chat/completions and /v1/completions, folded": {
        **_OURS,
        **_ANSWER_LIMITS,
        "options": [
            said({"options": {"num_predict": 3, "top_k": 4}}, {"max_tokens": 3, "top_k": 4}),
            said({"seed": 3, "options": {"seed": 3}}, {"seed": 3}),
            unsaid({"options": {"num_ctx": 4096, "num_gpu": 1}}),
            refused({"options": {"num_ctx": 4097}}, r"^options\.num_ctx: 4097 .* 4096"),
            refused({"options": {"stream": True}}, r"^options\.stream: is no option"),
            refused(
                {"seed": 3, "options": {"seed": 4}}, "^options: another field says something else of seed"
            ),
            refused({"options": {"seed": 4}, "seed": 3}, "^seed: another field says something else of seed"),
            refused({"options": "x"}, "^options: expected an object"),
        ],
    },
    "/v1/embeddings, folded": {
        **_OURS,
        "options": [
            unsaid({"options": {"num_ctx": 64, "seed": 1}}),
            refused({"options": {"num_ctx": 4097}}, r"^options\.num_ctx: "),
            refused({"options": 7}, "^options: "),
        ],
    },
}
