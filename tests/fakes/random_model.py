"""A tiny llama model with random weights, written as a GGUF file by the standard library alone.

It stands in for a downloaded model wherever a real engine must run but the text does not matter: it
loads in llama.cpp in a fraction of a second and does chat, completions, infill, tools and embeddings.
Its replies are random common words. It practically never ends a reply by itself, so `max_tokens` (or the
context length) governs the length; a grammar that is complete still ends it. When a user's message comes
with tools, it always calls one, with random arguments; after a tool's answer it writes text.

Tokens: any text can be read (unknown characters fall back to bytes). A digit, capital letter or
punctuation mark is always one token; a word of the list, with its leading space, is one token too, so
a generated reply sent back as history gives the same tokens again.
"""

import os
import random
import struct
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from scripts.train import gguf

RANDOM_MODEL_NAME = "herd-random"

CONTEXT_LENGTH = 32768
EMBEDDING_LENGTH = 64
FEED_FORWARD_LENGTH = 128
HEAD_COUNT = 2
LAYER_COUNT = 2

SPACE = "\u2581"  # how a SentencePiece vocabulary spells a space
_WORD_LIST = """
about above after again air all also and animal answer apple around ask autumn back be bear before begin
below between bird blue boat book both bread bridge bright bring brown build but by call carry cat chair
change child city clear close cloud cold color come corn could country cover cross day deep dog door down
draw dream dry each early earth east eat end every eye face fall far farm fast father field find fire
first fish five flower follow food for forest form found four from garden give glass go gold good grass
great green group grow half hand hard he head hear help here high hill hold home horse house idea in
island keep kind king lake land large last leaf learn left letter life light line list little live long
look made make map mark milk mind moon more morning mountain move music name near never new night north
note of old on open other over page paper part path people place plain plant play point quiet rain read
red rest right river road rock round run salt same sand say sea seed see ship short side sing sky sleep
slow small snow song sound south space spring stand star stone story street sun table take tell the then
thing think time to tree turn under up valley very voice walk warm watch water wave way we west wheat
where while white wind window winter wood word work world write year yellow you young
"""
WORDS = _WORD_LIST.split()

# The template ends a prompt with TOOL_TURN where a tool is to be called; after it, CALL_START is certain,
# and after CALL_END, END_OF_TURN. llama.cpp wants the call's marks to be one token each, without a line end.
TOOL_TURN, CALL_START, CALL_END, END_OF_TURN = "<|tool_turn|>", "<tool_call>", "</tool_call>", "<|im_end|>"
STEERING = {TOOL_TURN: 40.0, CALL_END: -40.0}
STEERED = {CALL_START: 40.0, END_OF_TURN: -40.0}
SPECIAL_TOKENS = {
    "<unk>": gguf.UNKNOWN,
    "<s>": gguf.CONTROL,
    "</s>": gguf.CONTROL,
    "<|im_start|>": gguf.CONTROL,
    END_OF_TURN: gguf.CONTROL,
    "<|fim_prefix|>": gguf.CONTROL,
    "<|fim_suffix|>": gguf.CONTROL,
    "<|fim_middle|>": gguf.CONTROL,
    TOOL_TURN: gguf.CONTROL,
    CALL_START: gguf.USER_DEFINED,
    CALL_END: gguf.USER_DEFINED,
}

# How likely a token is beside the random part: words first, then the rest of printable ASCII. UNLIKELY
# keeps control bytes, word fragments and the end of the text out of free text; a grammar that allows
# nothing else still reaches them. The quote has no random part, so that a string in JSON ends after some
# twenty words; a comma would go on with a list or a second call, and "<" would spell CALL_END in letters.
BIAS_WORD, BIAS_CHARACTER, BIAS_UNLIKELY = 0.0, -3.0, -20.0
OWN_BIAS = {'"': 3.0, ".": -0.5, ",": -8.0, "<": BIAS_UNLIKELY, CALL_END: BIAS_CHARACTER}
WITHOUT_RANDOM_PART = {'"', ",", CALL_END}

CHAT_TEMPLATE = """\
{%- if tools %}
{{- '<|im_start|>system\\n' }}
{%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{%- endif %}
{{- 'Tools you may call, one JSON object each:\\n<tools>' }}
{%- for tool in tools %}{{- '\\n' + (tool | tojson) }}{%- endfor %}
{{- '\\n</tools>\\nCall one like this:\\n<tool_call>{"name": "...", "arguments": {}}</tool_call>' }}
{{- '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
{%- if message.role == 'tool' %}
{{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
{%- elif not (tools and loop.first and message.role == 'system') %}
{{- '<|im_start|>' + message.role + '\\n' }}
{%- if message.content %}{{- message.content }}{%- endif %}
{%- for call in message.tool_calls or [] %}
{{- '<tool_call>{"name": "' + call.function.name + '", "arguments": ' }}
{{- (call.function.arguments | tojson) + '}</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- if tools and messages[-1].role == 'user' %}{{- '<|tool_turn|>' }}{%- endif %}
{%- endif %}"""


class Token(NamedTuple):
    """One entry of the vocabulary: its text, llama.cpp's token type and its bias in the output."""

    text: str
    kind: int
    bias: float


def vocabulary() -> list[Token]:
    """All tokens in the order of their numbers: special ones, 256 bytes, characters, words, fragments."""
    return [
        *(Token(text, kind, _bias(text)) for text, kind in SPECIAL_TOKENS.items()),
        *(Token(f"<0x{byte:02X}>", gguf.BYTE, BIAS_UNLIKELY) for byte in range(256)),
        *(Token(text, gguf.NORMAL, _bias(text)) for text in [SPACE, *map(chr, range(0x21, 0x7F))]),
        *(Token(SPACE + word, gguf.NORMAL, BIAS_WORD) for word in WORDS),
        *(Token(text, gguf.NORMAL, BIAS_UNLIKELY) for text in _fragments()),
    ]


def _bias(text: str) -> float:
    return OWN_BIAS.get(text, BIAS_UNLIKELY if text in SPECIAL_TOKENS else BIAS_CHARACTER)


def _fragments() -> list[str]:
    """The beginnings through which the tokeniser reaches a word, one character at a time."""
    beginnings = {SPACE + word[:length] for word in WORDS for length in range(1, len(word))}
    return sorted(beginnings - {SPACE + word for word in WORDS})


def _shape_metadata(tokens: list[Token]) -> list[bytes]:
    counts = {
        "llama.vocab_size": len(tokens),
        "llama.context_length": CONTEXT_LENGTH,
        "llama.embedding_length": EMBEDDING_LENGTH,
        "llama.block_count": LAYER_COUNT,
        "llama.feed_forward_length": FEED_FORWARD_LENGTH,
        "llama.attention.head_count": HEAD_COUNT,
        "llama.rope.dimension_count": EMBEDDING_LENGTH // HEAD_COUNT,
        "general.file_type": gguf.TENSOR_F16,
    }
    return [
        gguf.text("general.architecture", "llama"),
        gguf.text("general.name", RANDOM_MODEL_NAME),
        *(gguf.number(key, gguf.UINT32, "I", count) for key, count in counts.items()),
        gguf.number("llama.attention.layer_norm_rms_epsilon", gguf.FLOAT32, "f", 1e-5),
    ]


def _token_metadata(tokens: list[Token]) -> list[bytes]:
    numbers = {token.text: number for number, token in enumerate(tokens)}
    special = {"unknown": "<unk>", "bos": "<s>", "eos": "</s>", "eot": END_OF_TURN}
    return [
        gguf.text("tokenizer.ggml.model", "llama"),
        gguf.items("tokenizer.ggml.tokens", gguf.STRING, (gguf.string(token.text) for token in tokens)),
        gguf.items(
            "tokenizer.ggml.scores", gguf.FLOAT32, (struct.pack("<f", len(token.text)) for token in tokens)
        ),
        gguf.items(
            "tokenizer.ggml.token_type", gguf.INT32, (struct.pack("<i", token.kind) for token in tokens)
        ),
        *(
            gguf.number(f"tokenizer.ggml.{k}_token_id", gguf.UINT32, "I", numbers[v])
            for k, v in special.items()
        ),
        gguf.number("tokenizer.ggml.add_bos_token", gguf.BOOL, "?", True),
        gguf.number("tokenizer.ggml.add_space_prefix", gguf.BOOL, "?", False),
        gguf.text("tokenizer.chat_template", CHAT_TEMPLATE),
    ]


def _random_rows(source: random.Random, rows: int, columns: int, scale: float) -> list[bytes]:
    """Rows of half floats, even over -scale to scale; a table over 256 levels keeps this fast."""
    levels = [struct.pack("<e", scale * (2 * level / 255 - 1)) for level in range(256)]
    return [b"".join(map(levels.__getitem__, source.randbytes(columns))) for _ in range(rows)]


def _matrix(name: str, rows: list[bytes]) -> gguf.Tensor:
    return gguf.Tensor(f"{name}.weight", (len(rows[0]) // 2, len(rows)), gguf.TENSOR_F16, b"".join(rows))


def _with_first_columns(rows: list[bytes], values: Iterable[tuple[float, float]]) -> list[bytes]:
    return [struct.pack("<2e", *pair) + row[4:] for row, pair in zip(rows, values, strict=True)]


def _norm(name: str, first: float = 1.0) -> gguf.Tensor:
    data = struct.pack(f"<{EMBEDDING_LENGTH}f", first, *[1.0] * (EMBEDDING_LENGTH - 1))
    return gguf.Tensor(f"{name}.weight", (EMBEDDING_LENGTH,), gguf.TENSOR_F32, data)


def _layer(source: random.Random, prefix: str) -> Iterator[gguf.Tensor]:
    """One block; its two outputs leave components 0 and 1 alone, for the sake of `_tensors`."""

    def projection(name: str, rows: int, columns: int, *, output: bool = False) -> gguf.Tensor:
        values = _random_rows(source, rows, columns, 0.15)
        return _matrix(prefix + name, [bytes(2 * columns)] * 2 + values[2:] if output else values)

    yield _norm(prefix + "attn_norm")
    for name in ("attn_q", "attn_k", "attn_v"):
        yield projection(name, EMBEDDING_LENGTH, EMBEDDING_LENGTH)
    yield projection("attn_output", EMBEDDING_LENGTH, EMBEDDING_LENGTH, output=True)
    yield _norm(prefix + "ffn_norm")
    yield projection("ffn_gate", FEED_FORWARD_LENGTH, EMBEDDING_LENGTH)
    yield projection("ffn_up", FEED_FORWARD_LENGTH, EMBEDDING_LENGTH)
    yield projection("ffn_down", EMBEDDING_LENGTH, FEED_FORWARD_LENGTH, output=True)


def _tensors(source: random.Random, tokens: list[Token]) -> Iterator[gguf.Tensor]:
    """All tensors. Random, but for two components of the residual stream, which no layer changes.

    Component 0 is a constant that carries each token's bias. The last norm shrinks it, so that it hardly
    shows in an embedding, and the output matrix makes up for that. Component 1 is large after a STEERING
    token, else zero; only STEERED tokens read it.
    """
    count = len(tokens)
    embeddings = _random_rows(source, count, EMBEDDING_LENGTH, 1.0)
    starts = [(2.0, STEERING.get(token.text, 0.0)) for token in tokens]
    yield _matrix("token_embd", _with_first_columns(embeddings, starts))
    for layer in range(LAYER_COUNT):
        yield from _layer(source, f"blk.{layer}.")
    yield _norm("output_norm", first=0.1)
    outputs = _random_rows(source, count, EMBEDDING_LENGTH, 0.4)
    rows = [
        bytes(len(row)) if token.text in WITHOUT_RANDOM_PART else row
        for token, row in zip(tokens, outputs, strict=True)
    ]
    ends = [(4.0 * token.bias, STEERED.get(token.text, 0.0)) for token in tokens]
    yield _matrix("output", _with_first_columns(rows, ends))


def _model_bytes(seed: int) -> bytes:
    tokens = vocabulary()
    metadata = _shape_metadata(tokens) + _token_metadata(tokens)
    return gguf.file_bytes(metadata, list(_tensors(random.Random(seed), tokens)))


def write_random_model(path: Path, seed: int = 0) -> None:
    """Write the model to `path`; the same seed gives the same bytes. Raises OSError.

    The file appears under its name only when it is whole, also when two processes write it at once.
    """
    descriptor, name = tempfile.mkstemp(prefix=path.name, suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_model_bytes(seed))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def ensure_random_model(directory: Path) -> Path:
    """The model's file in `directory`, made if it is not there yet (as is the directory). Raises OSError."""
    path = directory / f"{RANDOM_MODEL_NAME}.gguf"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        write_random_model(path)
    return path
