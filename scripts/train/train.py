"""Trains herd-guide, the model that comes with herd, and writes its file. Run it from the repository's root:

    python3 -m venv ~/herd-train && ~/herd-train/bin/pip install torch==2.13.0 numpy
    nice -n 19 ~/herd-train/bin/python -m scripts.train.train --out agent/engines/models/herd-guide.gguf

torch is needed here only, and is in none of the locks. The same seed, torch, number of threads and kind of processor
give the same file. At the end it prints how often greedy decoding gives the exact answer to phrasings that training
never saw. Then put the file's sha256 into agent/engines/embedded_model.py.
"""

import argparse
import hashlib
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from scripts.train import guide
from scripts.train.corpus import Corpus, load
from scripts.train.tokenizer import TURN_END, Tokenizer

BATCH_TOKENS = 2048
POOL = 1024
"""Samples that are sorted by length, so that a batch wastes little."""
PEAK_RATE, WARM_UP, WEIGHT_DECAY = 3e-3, 0.03, 0.05
CUT = 0.85
"""Of the samples: end after the decisive tokens of their answer."""
ANSWER_TOKENS = 120


def rotated(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Positions as llama.cpp turns them: neighbouring components are a pair."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), -1).flatten(-2)


class Block(nn.Module):
    """Attention and a gated feed-forward part, named as in the file."""

    def __init__(self, shape: guide.Shape) -> None:
        super().__init__()
        self.heads, self.epsilon = shape.heads, shape.epsilon
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            setattr(self, name, nn.Linear(shape.width, shape.width, bias=False))
        self.ffn_gate = nn.Linear(shape.width, shape.inner, bias=False)
        self.ffn_up = nn.Linear(shape.width, shape.inner, bias=False)
        self.ffn_down = nn.Linear(shape.inner, shape.width, bias=False)
        self.attn_norm = nn.Parameter(torch.ones(shape.width))
        self.ffn_norm = nn.Parameter(torch.ones(shape.width))

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """x: batch, time, width."""
        batch, length, width = x.shape
        h = functional.rms_norm(x, (width,), self.attn_norm, self.epsilon)
        q, k, v = (
            part(h).view(batch, length, self.heads, -1).transpose(1, 2)
            for part in (self.attn_q, self.attn_k, self.attn_v)
        )
        q, k = rotated(q, cosine, sine), rotated(k, cosine, sine)
        attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attn_output(attended.transpose(1, 2).reshape(batch, length, width))
        h = functional.rms_norm(x, (width,), self.ffn_norm, self.epsilon)
        return x + self.ffn_down(functional.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Llama(nn.Module):
    """The model; its output matrix is its embedding."""

    def __init__(self, shape: guide.Shape, vocabulary: int) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(vocabulary, shape.width)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = nn.Parameter(torch.ones(shape.width))
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                narrow = name.endswith(("attn_output.weight", "ffn_down.weight"))
                nn.init.normal_(weight, std=0.05 / (math.sqrt(2 * shape.layers) if narrow else 1))
        half = shape.width // shape.heads // 2
        speeds = shape.rope_base ** (-torch.arange(half) / half)
        angles = torch.arange(shape.context)[:, None] * speeds
        self.cosine, self.sine = angles.cos(), angles.sin()

    def forward(self, tokens: Tensor) -> Tensor:
        """Hidden state after the last norm: batch, time, width."""
        x = self.token_embd(tokens)
        length = tokens.shape[1]
        for block in self.blk:
            x = block(x, self.cosine[:length], self.sine[:length])
        return functional.rms_norm(x, (self.shape.width,), self.output_norm, self.shape.epsilon)


def batches(corpus: Corpus, tokenizer: Tokenizer, source: random.Random) -> Iterator[tuple[Tensor, Tensor]]:
    """For ever: tokens and weights, batch by time, of samples of like length."""
    while True:
        pool = [guide.sample(corpus, tokenizer, source, CUT) for _ in range(POOL)]
        pool.sort(key=lambda sample: len(sample.tokens))
        cuts, start = [], 0
        while start < len(pool):
            end = start
            while end < len(pool) and len(pool[end].tokens) * (end + 1 - start) <= BATCH_TOKENS:
                end += 1
            cuts.append((start, end))
            start = end
        source.shuffle(cuts)
        for start, end in cuts:
            yield padded(pool[start:end])


def padded(samples: list[guide.Sample]) -> tuple[Tensor, Tensor]:
    """Right-padded; padding weighs nothing."""
    length = max(len(sample.tokens) for sample in samples)
    tokens = torch.zeros(len(samples), length, dtype=torch.long)
    weights = torch.zeros(len(samples), length)
    for row, sample in enumerate(samples):
        tokens[row, : len(sample.tokens)] = torch.tensor(sample.tokens)
        weights[row, : len(sample.tokens)] = torch.tensor(sample.weights)
    return tokens, weights


def loss_of(model: Llama, tokens: Tensor, weights: Tensor) -> Tensor:
    """Mean over what is asked for; the output matrix meets only those places."""
    hidden = model(tokens[:, :-1])
    asked = weights[:, 1:] > 0
    logits = hidden[asked] @ model.token_embd.weight.T
    losses = functional.cross_entropy(logits, tokens[:, 1:][asked], reduction="none")
    wanted = weights[:, 1:][asked]
    return (losses * wanted).sum() / wanted.sum()


def train(model: Llama, corpus: Corpus, tokenizer: Tokenizer, steps: int, seed: int) -> None:
    """Changes the model in place."""
    matrices = [weight for weight in model.parameters() if weight.dim() == 2]
    vectors = [weight for weight in model.parameters() if weight.dim() == 1]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.98))
    began, shown = time.monotonic(), 0.0
    for step, (tokens, weights) in enumerate(batches(corpus, tokenizer, random.Random(seed))):
        if step == steps:
            return
        for group in optimizer.param_groups:
            group["lr"] = PEAK_RATE * rate(step / steps)
        loss = loss_of(model, tokens, weights)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        shown = loss.item() if not step else 0.98 * shown + 0.02 * loss.item()
        if step % 100 == 0:
            print(f"step {step} loss {shown:.4f} {time.monotonic() - began:.0f} s", flush=True)


def rate(progress: float) -> float:
    """Share of the peak rate: up quickly, then down along a cosine."""
    if progress < WARM_UP:
        return progress / WARM_UP
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))


@torch.no_grad()
def answers(model: Llama, tokenizer: Tokenizer, questions: list[str]) -> list[str]:
    """Greedy ones."""
    end = tokenizer.numbers[TURN_END]
    said = []
    for question in questions:
        tokens = guide.prompt(tokenizer, question)
        begin = len(tokens)
        while len(tokens) < begin + ANSWER_TOKENS:
            hidden = model(torch.tensor([tokens]))[0, -1]
            token = int((model.token_embd.weight @ hidden).argmax())
            if token == end:
                break
            tokens.append(token)
        said.append(tokenizer.decode(tokens[begin:]))
    return said


def evaluate(model: Llama, corpus: Corpus, tokenizer: Tokenizer) -> None:
    """Prints, for each intent, how many held-out phrasings get exactly their answer."""
    good = total = 0
    for intent in corpus.intents.values():
        said = answers(model, tokenizer, list(intent.held_out))
        right = [text == intent.answer for text in said]
        good, total = good + sum(right), total + len(right)
        print(f"{intent.name}: {sum(right)} of {len(right)}")
        for question, text, well in zip(intent.held_out, said, right, strict=True):
            if not well:
                print(f"    {question!r} -> {text!r}")
    print(f"held-out phrasings answered exactly: {good} of {total} ({100 * good / total:.1f} %)", flush=True)


def written(model: Llama, tokenizer: Tokenizer, path: Path) -> str:
    """The file's sha256."""
    weights = {name.removesuffix(".weight"): weight.detach() for name, weight in model.named_parameters()}
    vectors = {name: weight.tolist() for name, weight in weights.items() if weight.dim() == 1}
    vectors["output_norm"] = [guide.SHARPNESS * weight for weight in vectors["output_norm"]]
    matrices = {name: weight.tolist() for name, weight in weights.items() if weight.dim() == 2}
    path.parent.mkdir(parents=True, exist_ok=True)
    content = guide.file_bytes(model.shape, tokenizer, vectors, matrices)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """See the head of this file."""
    parser = argparse.ArgumentParser(description="Train herd-guide.")
    parser.add_argument("--out", type=Path, required=True, help="the GGUF file to write")
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    torch.use_deterministic_algorithms(True)
    corpus = load()
    tokenizer = guide.vocabulary(corpus, arguments.seed)
    model = Llama(guide.Shape(), len(tokenizer.pieces))
    print(f"{sum(weight.numel() for weight in model.parameters())} weights", flush=True)
    train(model, corpus, tokenizer, arguments.steps, arguments.seed)
    digest = written(model, tokenizer, arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size} bytes, sha256 {digest}", flush=True)
    evaluate(model, corpus, tokenizer)


if __name__ == "__main__":
    main()
