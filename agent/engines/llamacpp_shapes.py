"""What llama.cpp's server answers, as far as it is read."""

from msgspec import Struct


class Generation(Struct, frozen=True):
    """Of /props; tokens of each slot."""

    n_ctx: int = 0


class TemplateCaps(Struct, frozen=True):
    """Of /props."""

    supports_tools: bool = False


class Modalities(Struct, frozen=True):
    """Of /props."""

    vision: bool = False


class Props(Struct):
    """GET /props, in router mode with ?model=NAME."""

    total_slots: int = 1
    build_info: str = ""
    chat_template_caps: TemplateCaps = TemplateCaps()
    modalities: Modalities = Modalities()
    default_generation_settings: Generation = Generation()


class Slot(Struct):
    """One of GET /slots."""

    is_processing: bool = False


class Meta(Struct):
    """Of a model; sizes in bytes, contexts in tokens."""

    n_ctx_train: int = 0
    n_params: int = 0
    size: int = 0
    ftype: str = ""


class Status(Struct):
    """Of a model in router mode."""

    value: str = ""
    """unloaded, loading, loaded, ..."""
    failed: bool = False
    exit_code: int = 0


class ModelEntry(Struct):
    """Of GET /v1/models, and in router mode of GET /models."""

    id: str
    meta: Meta | None = None
    status: Status | None = None
    capabilities: list[str] | None = None


class Models(Struct):
    """Either list."""

    data: list[ModelEntry]


def rounded(parameters: int) -> str:
    """1.00M, 8.03B"""
    return f"{parameters / 1e9:.2f}B" if parameters >= 1e9 else f"{parameters / 1e6:.2f}M"
