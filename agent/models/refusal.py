"""Why a model cannot be served."""


class ModelRefused(Exception):
    """The file cannot be served; the text says why."""


def missing_bytes(size: int, needed: int) -> str:
    """Why a file of `size` bytes is not whole, where its tensors end at `needed`; empty where it is."""
    if size >= needed:
        return ""
    return f"the file has {size:,} bytes, its tensors need {needed:,}: it did not arrive whole"
