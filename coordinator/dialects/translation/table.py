"""The one table: every field of both APIs, and what becomes of it where the engine lacks the caller's dialect."""

from coordinator.dialects.translation import folded_fields, ollama_fields, openai_fields
from coordinator.dialects.translation.rules import Table

FROM_OLLAMA: dict[str, Table] = {
    "/api/chat": ollama_fields.CHAT,
    "/api/chat messages": ollama_fields.MESSAGE,
    "/api/generate": ollama_fields.GENERATE,
    "/api/generate raw": ollama_fields.GENERATE_RAW,
    "options": ollama_fields.OPTIONS,
    "/api/embed": ollama_fields.EMBED,
    "/api/embed options": ollama_fields.EMBED_OPTIONS,
    "/api/embeddings": ollama_fields.EMBEDDINGS,
}
"""For an engine that speaks OpenAI only (llama.cpp)."""
FROM_OPENAI: dict[str, Table] = {
    "/v1/chat/completions": openai_fields.CHAT,
    "/v1/chat/completions messages": openai_fields.MESSAGE,
    "/v1/chat/completions content": openai_fields.PART,
    "/v1/chat/completions reasoning": openai_fields.REASONING,
    "/v1/completions": openai_fields.COMPLETIONS,
    "/v1/embeddings": openai_fields.EMBEDDINGS,
}
"""For Ollama's own API."""
FOLDED: dict[str, Table] = {
    "/v1/chat/completions and /v1/completions, folded": folded_fields.GENERATION,
    "/v1/embeddings, folded": folded_fields.EMBEDDINGS,
}
"""OpenAI's calls with `options` or `keep_alive`, for an engine that speaks OpenAI only (llama.cpp)."""
TABLE: dict[str, Table] = FROM_OLLAMA | FROM_OPENAI | FOLDED
