"""Those that see to it that models are where they should be, as the settings want them."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from coordinator.config import Settings
from coordinator.core.desk import Desk
from coordinator.core.limits import Limits
from coordinator.dialects.bodies import Bodies
from coordinator.dispatch import Dispatcher
from coordinator.forward import Forwarder
from coordinator.models.loader import Loader
from coordinator.models.pins import FILE as PINS
from coordinator.models.pins import Pins
from coordinator.models.puller import Puller
from coordinator.models.registry import Registry
from coordinator.models.warmer import Warmer


class Models(NamedTuple):
    """All of them."""

    registry: Registry
    puller: Puller
    loader: Loader
    pins: Pins
    warmer: Warmer


def models_of(
    settings: Settings,
    desk: Desk,
    limits: Limits,
    forwarder: Forwarder,
    dispatcher: Dispatcher,
    wishes: asyncio.Event,
    bodies: Bodies,
    clock: Callable[[], float],
) -> Models:
    """Nothing runs yet."""
    registry = Registry(settings.registry_url, settings.registry_hosts, settings.registry_timeout, clock)
    loader = Loader(desk, forwarder, clock)
    pins = Pins(settings.directory() / PINS, settings.pinned_models, desk, limits, loader, bodies, clock)
    return Models(
        registry,
        Puller(desk, limits, registry, forwarder, dispatcher.apply, wishes, clock),
        loader,
        pins,
        Warmer(desk, limits, settings.warm_rules(), loader, pins, settings.pin_interval, clock),
    )
