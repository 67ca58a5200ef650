"""Why a model cannot be served."""


class ModelRefused(Exception):
    """The file cannot be served; the text says why."""
