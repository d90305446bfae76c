"""Puts the routing engine together out of its parts. Neither the cloud's engine nor httpx is imported before a turn
goes there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.i18n import Text
from autoglm_desktop.core.messages import ImagePart, ModelRef
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.routing import CloudMode, Endpoint
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.energy.governor import Decision
from autoglm_desktop.models.library import ModelLibrary

from .routing import RoutingEngine, Surroundings


class Governor(Protocol):
    """What routing needs of the energy service."""

    @property
    def decision(self) -> Decision: ...

    def set_network(self, available: bool) -> None: ...


class CloudDesk:
    """The routing engine over `local`, which follows the settings that `configure` is given.

    `image_bytes` of the object reads the file of an image part; set it when there is an assistant to ask.
    """

    def __init__(self, local: Engine, settings: Settings, library: ModelLibrary, energy: Governor) -> None:
        self.image_bytes: Callable[[ImagePart], bytes] | None = None
        self._energy = energy
        around = Surroundings(rest=self._why_rest, sees=lambda model: _sees(library, model), network=has_network)
        self.engine = RoutingEngine(local, settings, self._make, around)
        self._tell_governor()

    def configure(self, settings: Settings) -> None:
        """Follow these settings from the next turn on."""
        self.engine.configure(settings)
        self._tell_governor()

    def _make(self, endpoint: Endpoint) -> Engine:
        from autoglm_desktop.cloud.engine import CloudEngine

        return CloudEngine(endpoint, self._image)

    def _image(self, part: ImagePart) -> bytes:
        assert self.image_bytes is not None, "an endpoint is asked by an assistant"
        return self.image_bytes(part)

    def _why_rest(self) -> Text | None:
        """The governor names the cloud last among its reasons."""
        decision = self._energy.decision
        return decision.reasons[-1] if decision.cloud else None

    def _tell_governor(self) -> None:
        """The governor offers the cloud only where there is one to go to."""
        rules = self.engine.rules
        self._energy.set_network(rules.mode is not CloudMode.OFF and rules.endpoint is not None)


def has_network() -> bool:
    """Whether an interface beside the loopback is up and has an address. Sends nothing."""
    import psutil

    stats, addresses = psutil.net_if_stats(), psutil.net_if_addrs()
    return any(
        stats[name].isup and any(_reaches_out(found.address) for found in addresses.get(name, ())) for name in stats
    )


def _reaches_out(address: str) -> bool:
    from ipaddress import ip_address

    try:
        known = ip_address(address.split("%", maxsplit=1)[0])
    except ValueError:  # a hardware address
        return False
    return not (known.is_loopback or known.is_link_local or known.is_unspecified)


def _sees(library: ModelLibrary, model: ModelRef) -> bool:
    try:
        info = library.info(model.model_id)
    except AppError:
        return False
    return info.runnable and "image" in info.modalities
