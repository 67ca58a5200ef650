"""Makes a random model of Llama's shape with a tokenizer of 256 words, and plain transformers' greedy answers.

A program for the engines' Python: tiny_model.py DIRECTORY. Words are tokens one for one, so equal texts are equal
tokens. Its numbers are large, so that no two tokens are nearly as likely.
"""

import json
import sys
from pathlib import Path
from typing import Any

ANSWERS = "answers.json"
WORDS, CONTEXT = 256, 512
SPECIAL = ("<unknown>", "<end>", "<go>")
"""The first words: what is none, the end of an answer, and that with which the template lets the model begin."""
END, GO_ON = 1, 2
NEW_TOKENS = 24
PROMPTS = (1, 3, 4, 5, 17, 33, 100, 300)
"""Their lengths."""
CHAT = "w5 w6 w7"
TEMPLATE = "{% for message in messages %}{{ message['content'] }} {% endfor %}<go>"
SHAPE = {
    **{"vocab_size": WORDS, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2},
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": CONTEXT},
    **{"bos_token_id": None, "eos_token_id": END, "initializer_range": 0.5},
}


def prompt(length: int) -> str:
    """Words that depend on the length."""
    return " ".join(f"w{3 + (7 * number + length) % (WORDS - 3)}" for number in range(length))


def tokenizer() -> Any:
    """Built here, from nothing."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate((*SPECIAL, *(f"w{n}" for n in range(3, WORDS))))}
    plain = Tokenizer(models.WordLevel(words, unk_token=SPECIAL[0]))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = PreTrainedTokenizerFast(tokenizer_object=plain, unk_token=SPECIAL[0], eos_token=SPECIAL[END])
    made.chat_template = TEMPLATE
    return made


def main() -> None:
    """All of it, into the directory."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    directory = Path(sys.argv[1])
    torch.manual_seed(0)
    torch.set_num_threads(1)
    reads, model = tokenizer(), LlamaForCausalLM(LlamaConfig(**SHAPE)).eval()
    model.save_pretrained(directory)
    reads.save_pretrained(directory)

    def answer(text: str) -> str:
        asked = reads(text, return_tensors="pt")["input_ids"]
        told = model.generate(asked, max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0)
        return str(reads.decode(told[0][asked.shape[1] :], skip_special_tokens=True))

    texts = {prompt(length): answer(prompt(length)) for length in PROMPTS}
    told: dict[str, Any] = {"texts": texts, "chat": answer(f"{CHAT} {SPECIAL[GO_ON]}")}
    model.to(torch.bfloat16)
    told["halved"] = {prompt(length): answer(prompt(length)) for length in PROMPTS}
    (directory / ANSWERS).write_text(json.dumps(told))


if __name__ == "__main__":
    main()
