"""What herd-guide is made of: its shape, its chat template, how a conversation becomes tokens, and its file."""

import random
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.train import gguf
from scripts.train.corpus import (
    ANSWER_LENGTH,
    HISTORY,
    QUESTION_LENGTH,
    SYSTEM_LENGTH,
    Corpus,
    Turn,
    conversation,
)
from scripts.train.tokenizer import END, SPECIAL, START, TURN_END, TURN_START, UNKNOWN, Tokenizer, trained

NAME = "herd-guide"
VOCABULARY = 1536
VOCABULARY_SAMPLES = 12_000
"""Conversations that the vocabulary is learned from."""
SHARPNESS = 3.0
"""The file's last norm is multiplied by it: at a client's default temperature answers stay near the likeliest one."""
RAW_SHARE = 0.06
"""Of all conversations: a question and its answer without a template, for /v1/completions."""

TEMPLATE = f"""\
{{%- if messages[0].role == 'system' %}}
{{{{- '{TURN_START}system\\n ' + ((messages[0].content or '') | trim | lower)[:{SYSTEM_LENGTH}] + '{TURN_END}' }}}}
{{%- endif %}}
{{%- set turns = messages | rejectattr('role', 'equalto', 'system') | list %}}
{{%- for message in turns[-{HISTORY}:] %}}
{{%- if message.role == 'assistant' %}}
{{{{- '{TURN_START}assistant\\n' + ((message.content or '') | trim)[:{ANSWER_LENGTH}] + '{TURN_END}' }}}}
{{%- else %}}
{{%- set asked = (message.content or '') | trim | lower | replace('\\n', ' ') %}}
{{{{- '{TURN_START}user\\n ' + asked[:{QUESTION_LENGTH}] + '{TURN_END}' }}}}
{{%- endif %}}
{{%- endfor %}}
{{%- if add_generation_prompt %}}{{{{- '{TURN_START}assistant\\n' }}}}{{%- endif %}}"""
"""Upper case and lines say nothing to so small a model, and it never saw a long text: the template spares it these."""


@dataclass(frozen=True)
class Shape:
    """Lengths of a llama model; `width` and `inner` are multiples of gguf.BLOCK."""

    width: int = 128
    inner: int = 352
    layers: int = 4
    heads: int = 4
    context: int = 2048
    epsilon: float = 1e-5
    rope_base: float = 10_000.0


def vocabulary(corpus: Corpus, seed: int) -> Tokenizer:
    """Learned from the corpus; answers count for as much as questions do."""
    source = random.Random(seed)
    texts = []
    for _ in range(VOCABULARY_SAMPLES):
        turns = conversation(corpus, source)
        texts += [" " + turn.content for turn in turns if turn.role == "user"]
    texts += [intent.answer for intent in corpus.intents.values() for _ in range(40)]
    texts += [prompt.lower() for prompt in corpus.system]
    return trained(texts, VOCABULARY)


def prompt(tokenizer: Tokenizer, asked: str) -> list[int]:
    """What the template makes of one question, up to where the answer begins."""
    said = [tokenizer.numbers[START], tokenizer.numbers[TURN_START]]
    said += [*tokenizer.encode("user\n " + asked.lower()[:QUESTION_LENGTH]), tokenizer.numbers[TURN_END]]
    return [*said, tokenizer.numbers[TURN_START], *tokenizer.encode("assistant\n")]


@dataclass(frozen=True)
class Sample:
    """Tokens, and for each whether training asks for it (0: no, else its weight)."""

    tokens: list[int]
    weights: list[float]


DROPOUT = (0.0, 0.0, 0.1, 0.3)
"""Shares of a question's words that are spelled in smaller pieces, as a typing error spells them."""
FIRST_TOKENS, LATER_WEIGHT = 6, 0.3
"""An answer is decided by its first tokens; the rest of it is only to be remembered."""


def sample(corpus: Corpus, tokenizer: Tokenizer, source: random.Random, cut: float) -> Sample:
    """A conversation as tokens. The share `cut` ends after the decisive tokens of its last answer."""
    turns = conversation(corpus, source)
    if source.random() < RAW_SHARE and turns[-2].role == "user":
        return _raw(turns[-2].content, turns[-1].content, tokenizer, source)
    made = Sample([tokenizer.numbers[START]], [0.0])
    for turn in turns:
        _extend(made, [tokenizer.numbers[TURN_START], *tokenizer.encode(f"{turn.role}\n")], 0)
        said = _said(turn, tokenizer, source)
        if turn is turns[-1] and source.random() < cut:
            said = said[:FIRST_TOKENS]
        else:
            said.append(tokenizer.numbers[TURN_END])
        _extend(made, said, float(turn.learned))
    return made


def _said(turn: Turn, tokenizer: Tokenizer, source: random.Random) -> list[int]:
    if turn.role == "assistant":
        return tokenizer.encode(turn.content)
    text = " " + turn.content.lower()[:QUESTION_LENGTH]
    return tokenizer.encode(text, source, source.choice(DROPOUT))


def _extend(made: Sample, tokens: list[int], learned: float) -> None:
    made.tokens.extend(tokens)
    made.weights.extend(learned * (1 if at < FIRST_TOKENS else LATER_WEIGHT) for at in range(len(tokens)))


def _raw(question: str, answer: str, tokenizer: Tokenizer, source: random.Random) -> Sample:
    asked = source.choice([question, question.capitalize(), question.capitalize(), question.upper()])
    made = Sample([tokenizer.numbers[START], *tokenizer.encode(asked)], [])
    made.weights.extend([0.0] * len(made.tokens))
    _extend(made, [*tokenizer.encode("\n" + answer), tokenizer.numbers[END]], 1.0)
    return made


def metadata(shape: Shape, tokenizer: Tokenizer) -> list[bytes]:
    """All entries of the file's head."""
    counts = {
        "llama.vocab_size": len(tokenizer.pieces),
        "llama.context_length": shape.context,
        "llama.embedding_length": shape.width,
        "llama.block_count": shape.layers,
        "llama.feed_forward_length": shape.inner,
        "llama.attention.head_count": shape.heads,
        "llama.rope.dimension_count": shape.width // shape.heads,
        "general.file_type": gguf.FILE_TYPE_Q8_0,
    }
    return [
        gguf.text("general.architecture", "llama"),
        gguf.text("general.name", NAME),
        gguf.text("general.license", "apache-2.0"),
        *(gguf.number(key, gguf.UINT32, "I", count) for key, count in counts.items()),
        gguf.number("llama.attention.layer_norm_rms_epsilon", gguf.FLOAT32, "f", shape.epsilon),
        gguf.number("llama.rope.freq_base", gguf.FLOAT32, "f", shape.rope_base),
        *_token_metadata(tokenizer),
    ]


def _token_metadata(tokenizer: Tokenizer) -> list[bytes]:
    kinds = [gguf.UNKNOWN, *[gguf.CONTROL] * (len(SPECIAL) - 1), *[gguf.BYTE] * 256]
    kinds += [gguf.NORMAL] * (len(tokenizer.pieces) - len(kinds))
    special = {"unknown": UNKNOWN, "bos": START, "eos": END, "eot": TURN_END}
    return [
        gguf.text("tokenizer.ggml.model", "llama"),
        gguf.items("tokenizer.ggml.tokens", gguf.STRING, map(gguf.string, tokenizer.pieces)),
        gguf.items(
            "tokenizer.ggml.scores", gguf.FLOAT32, (struct.pack("<f", score) for score in tokenizer.scores)
        ),
        gguf.items("tokenizer.ggml.token_type", gguf.INT32, (struct.pack("<i", kind) for kind in kinds)),
        *(
            gguf.number(f"tokenizer.ggml.{key}_token_id", gguf.UINT32, "I", tokenizer.numbers[piece])
            for key, piece in special.items()
        ),
        gguf.number("tokenizer.ggml.add_bos_token", gguf.BOOL, "?", True),
        gguf.number("tokenizer.ggml.add_space_prefix", gguf.BOOL, "?", False),
        gguf.text("tokenizer.chat_template", TEMPLATE),
    ]


def file_bytes(
    shape: Shape,
    tokenizer: Tokenizer,
    vectors: Mapping[str, Sequence[float]],
    matrices: Mapping[str, Sequence[Sequence[float]]],
) -> bytes:
    """The model's file: norms as floats, everything else as Q8_0. Names are llama.cpp's, without `.weight`."""
    tensors = [gguf.f32(f"{name}.weight", values) for name, values in vectors.items()]
    tensors += [gguf.q8_0(f"{name}.weight", rows) for name, rows in matrices.items()]
    return gguf.file_bytes(metadata(shape, tokenizer), tensors)
