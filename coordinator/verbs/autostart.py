"""The commands `herd service install|uninstall|status`."""

from coordinator.verbs.lazy import LazyGroup
from shared.autostart.verb import commands

service = commands("herd", "coordinator", LazyGroup)
