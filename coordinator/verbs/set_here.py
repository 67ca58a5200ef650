"""What the settings of this machine say of its coordinator. Light: every verb asks, before it asks anything else."""

import os
from typing import Annotated

from msgspec import Meta, Struct

from shared.settings import SettingsError, env_file, read_env_file, resolve

PREFIX = "FLEET_"


class _Here(Struct, frozen=True, kw_only=True):
    """Of coordinator.config.Settings, which takes long to import."""

    host: str = ""
    port: Annotated[int, Meta(ge=0, le=65_535)] = 0


def set_url() -> str:
    """FLEET_URL of the environment, else of the env file; empty: it is in neither."""
    return _set("FLEET_URL")


def set_key() -> str:
    """FLEET_KEY, likewise. It is for the coordinator that FLEET_URL names, and for no other that answers."""
    return _set("FLEET_KEY")


def _set(name: str) -> str:
    if told := os.environ.get(name):
        return told
    try:
        return read_env_file(env_file(os.environ)).get(name, "")
    except SettingsError:
        return ""  # that file is the serving program's trouble


def local_url(usual_port: int) -> str:
    """Where `herd` would serve on this machine; a wrong setting keeps no verb from asking where it usually is."""
    from shared.sockets import only_address, url_of

    try:
        here = resolve(_Here, PREFIX, {}, whole=False).values
    except SettingsError:
        here = _Here()
    return url_of(only_address(here.host) or "127.0.0.1", here.port or usual_port)
