"""What an Ollama answers, as far as it is read: fields that are not there are unknown."""

from typing import Any

from msgspec import Struct


class Details(Struct):
    """Of Ollama's API."""

    format: str | None = None
    family: str | None = None
    parameter_size: str | None = None
    quantization_level: str | None = None


class Tag(Struct):
    """Of Ollama's API."""

    name: str
    digest: str | None = None
    size: int | None = None
    modified_at: str | None = None
    details: Details | None = None


class Tags(Struct):
    """Of Ollama's API."""

    models: list[Tag] | None = None


class Loaded(Struct):
    """Of Ollama's API."""

    name: str
    size: int | None = None
    size_vram: int | None = None
    context_length: int | None = None
    expires_at: str | None = None


class Ps(Struct):
    """Of Ollama's API."""

    models: list[Loaded] | None = None


class Version(Struct):
    """Of Ollama's API."""

    version: str = ""


class Show(Struct):
    """Of Ollama's API."""

    capabilities: list[str] | None = None
    parameters: str | None = None
    model_info: dict[str, Any] | None = None


class Unloaded(Struct):
    """Of Ollama's API: a generation of nothing."""

    done_reason: str = ""
