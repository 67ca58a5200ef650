"""What is read from a model's directory, and prompts made with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .asked import Asked, Refused, Sampling


class Reader:
    """A model's tokenizer, with the limit of its context."""

    def __init__(self, directory: str) -> None:
        """Raises OSError and ValueError."""
        from transformers import AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)

    @property
    def chats(self) -> bool:
        """Whether it has a template for conversations."""
        return bool(self._tokenizer.chat_template)

    def tokens(self, asked: Asked) -> list[int]:
        """Of the prompt. Raises Refused."""
        if asked.messages is None:
            if isinstance(asked.prompt, list):
                self._check(asked.prompt)
                return asked.prompt
            return list(self._tokenizer(asked.prompt)["input_ids"])
        if not self.chats:
            raise Refused("this model has no chat template: it completes texts only (/v1/completions)")
        from jinja2 import TemplateError

        try:
            text = self._tokenizer.apply_chat_template(
                asked.messages, add_generation_prompt=True, tokenize=False
            )
        except (TemplateError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise Refused(
                f"messages: the model's chat template refuses them ({type(error).__name__})"
            ) from error
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def text(self, tokens: list[int]) -> str:
        """What they say."""
        return str(
            self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        )

    def ends(self, generation: Any) -> frozenset[int]:
        """Tokens that end an answer, by the model's own configuration, else the tokenizer's."""
        told: Any = getattr(generation, "eos_token_id", None)
        told = self._tokenizer.eos_token_id if told is None else told
        return frozenset([told]) if isinstance(told, int) else frozenset(told or [])

    def _check(self, tokens: list[int]) -> None:
        if max(tokens) >= len(self._tokenizer):
            raise Refused(f"prompt: tokens are 0 to {len(self._tokenizer) - 1}")


def defaults(generation: Any) -> Sampling:
    """The model's own way of drawing, where it draws."""
    if not getattr(generation, "do_sample", False):
        return Sampling()
    return Sampling(
        temperature=float(generation.temperature or 1.0),
        top_p=float(generation.top_p or 1.0),
        top_k=int(generation.top_k or 0),
    )


def fitting(tokens: list[int], most: int | None, context: int) -> int:
    """Tokens that the answer may have. Raises Refused where the prompt does not fit, or nothing is left of it."""
    if not tokens:
        raise Refused("the prompt is empty")
    if len(tokens) >= context:
        raise Refused(
            f"the prompt has {len(tokens)} tokens, which exceeds the context of {context} tokens",
            code="context_length_exceeded",
        )
    left = context - len(tokens)
    return left if most is None else min(most, left)


def config_of(directory: str) -> Any:
    """Of the model. Raises OSError and ValueError."""
    from transformers import AutoConfig

    if not (Path(directory) / "config.json").is_file():
        raise OSError(f"cannot read the model file {directory}/config.json")
    return AutoConfig.from_pretrained(directory, local_files_only=True)


def dtype_of(name: str, config: Any, device: str) -> Any:
    """torch's. `auto`: the model's own, but float32 for half precision on a processor, which has no such arithmetic."""
    import torch

    told = getattr(config, "dtype", None) or getattr(config, "torch_dtype", None) if name == "auto" else name
    if isinstance(told, str):
        told = getattr(torch, told.removeprefix("torch."))
    told = told or torch.float32
    return torch.float32 if name == "auto" and told is torch.float16 and device == "cpu" else told


def loaded(directory: str, dtype: Any, **more: Any) -> Any:
    """The model, ready to compute. Raises OSError, ValueError and what its loader does."""
    import transformers

    name = "dtype" if int(transformers.__version__.partition(".")[0]) >= 5 else "torch_dtype"
    load = transformers.AutoModelForCausalLM.from_pretrained
    return load(directory, local_files_only=True, **{name: dtype}, **more).eval()


def joinable(cache: Any) -> bool:
    """Whether sequences with such caches can be computed as one batch: each layer plainly keeps all that was read."""
    layers: list[Any] = getattr(cache, "layers", [])
    return bool(layers) and all(type(layer).__name__ == "DynamicLayer" for layer in layers)
