"""A few models of Ollama's library that most people start from: names and sizes, no opinion on how good they are.

Sizes are those of the 4-bit files behind these tags, in GB (10^9 bytes); half were compared with Ollama's README.
Parameters in billions and contexts in tokens are the makers' own. All are approximate and serve advice only: once a
model is on a node, the engine's own figure is used instead.
"""

from typing import Literal

from msgspec import Struct

from shared.names import ModelName, normalise

Category = Literal["general", "coding", "reasoning", "vision", "fast-chat", "embedding"]

CATEGORIES: tuple[Category, ...] = ("general", "coding", "reasoning", "vision", "fast-chat", "embedding")
"""In the order in which they are filled as long as nobody has asked for anything."""


class KnownModel(Struct, frozen=True):
    """`name` as `ollama pull` takes it."""

    name: str
    display_name: str
    family: str
    category: Category
    params_b: float
    size_gb: float
    context: int


GUIDE = normalise("herd-guide")
"""The model that comes with herd. It answers first questions about herd: calls of it are no demand for a model."""

KNOWN: tuple[KnownModel, ...] = (
    KnownModel("llama3.3:70b", "Llama 3.3 70B", "llama", "general", 70.6, 43, 131_072),
    KnownModel("gemma3:27b", "Gemma 3 27B", "gemma3", "general", 27.4, 17, 131_072),
    KnownModel("gemma3:12b", "Gemma 3 12B", "gemma3", "general", 12.2, 8.1, 131_072),
    KnownModel("llama3.1:8b", "Llama 3.1 8B", "llama", "general", 8.0, 4.9, 131_072),
    KnownModel("mistral:7b", "Mistral 7B", "mistral", "general", 7.2, 4.4, 32_768),
    KnownModel("qwen3-coder:30b", "Qwen3 Coder 30B", "qwen-coder", "coding", 30.5, 19, 262_144),
    KnownModel("qwen2.5-coder:14b", "Qwen2.5 Coder 14B", "qwen-coder", "coding", 14.8, 9.0, 32_768),
    KnownModel("qwen2.5-coder:7b", "Qwen2.5 Coder 7B", "qwen-coder", "coding", 7.6, 4.7, 32_768),
    KnownModel("gpt-oss:120b", "GPT-OSS 120B", "gpt-oss", "reasoning", 117, 65, 131_072),
    KnownModel("qwq:32b", "QwQ 32B", "qwq", "reasoning", 32.8, 20, 40_960),
    KnownModel("gpt-oss:20b", "GPT-OSS 20B", "gpt-oss", "reasoning", 20.9, 14, 131_072),
    KnownModel("deepseek-r1:14b", "DeepSeek-R1 14B", "deepseek-r1", "reasoning", 14.8, 9.0, 131_072),
    KnownModel("deepseek-r1:7b", "DeepSeek-R1 7B", "deepseek-r1", "reasoning", 7.6, 4.7, 131_072),
    KnownModel("llama3.2-vision:11b", "Llama 3.2 Vision 11B", "llama-vision", "vision", 10.7, 7.9, 131_072),
    KnownModel("llava:7b", "LLaVA 7B", "llava", "vision", 7.2, 4.7, 32_768),
    KnownModel("moondream:1.8b", "Moondream 2", "moondream", "vision", 1.4, 1.7, 2_048),
    KnownModel("llama3.2:3b", "Llama 3.2 3B", "llama3.2", "fast-chat", 3.2, 2.0, 131_072),
    KnownModel("llama3.2:1b", "Llama 3.2 1B", "llama3.2", "fast-chat", 1.2, 1.3, 131_072),
    KnownModel("bge-m3:567m", "BGE-M3", "bge-m3", "embedding", 0.57, 1.2, 8_192),
    KnownModel("nomic-embed-text:v1.5", "Nomic Embed Text", "nomic-embed", "embedding", 0.14, 0.27, 2_048),
)

_ALIASES = {
    "llama3.3": "llama3.3:70b",
    "llama3.1": "llama3.1:8b",
    "llama3.2": "llama3.2:3b",
    "llama3.2-vision": "llama3.2-vision:11b",
    "mistral": "mistral:7b",
    "qwq": "qwq:32b",
    "gpt-oss": "gpt-oss:20b",
    "llava": "llava:7b",
    "moondream": "moondream:1.8b",
    "bge-m3": "bge-m3:567m",
    "nomic-embed-text": "nomic-embed-text:v1.5",
    "qwen2.5-coder": "qwen2.5-coder:7b",
    "qwen3-coder": "qwen3-coder:30b",
}
"""What `latest` means for them."""

_BY_NAME = {model.name: model for model in KNOWN}
_WORDS: tuple[tuple[str, Category], ...] = (
    ("embed", "embedding"),
    ("bge-", "embedding"),
    ("minilm", "embedding"),
    ("code", "coding"),
    ("starcoder", "coding"),
    ("devstral", "coding"),
    ("vision", "vision"),
    ("llava", "vision"),
    ("moondream", "vision"),
    ("-vl", "vision"),
    ("vl:", "vision"),
    ("deepseek-r1", "reasoning"),
    ("gpt-oss", "reasoning"),
    ("qwq", "reasoning"),
    ("reason", "reasoning"),
)


def known(name: str) -> KnownModel | None:
    """The entry of a name, with or without its default tag."""
    short = name.removesuffix(":latest")
    return _BY_NAME.get(_ALIASES.get(short, short))


def canonical(name: str) -> ModelName:
    """One name for what has two: `llama3.1:latest` is `llama3.1:8b`."""
    entry = known(name)
    return normalise(entry.name if entry else name)


def category(name: str, abilities: frozenset[str] = frozenset()) -> Category:
    """From the table, else from what the engine says it can do, else from its name; general where nothing tells."""
    if entry := known(name):
        return entry.category
    if "embedding" in abilities and "chat" not in abilities:
        return "embedding"
    base = name.lower()
    found = next((kind for word, kind in _WORDS if word in base), None)
    if found is None and "vision" in abilities:
        found = "vision"
    return found or "general"
