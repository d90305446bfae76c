"""Where a number comes from. Nothing is shown, stored or sent without it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .i18n import Text


class Provenance(StrEnum):
    MEASURED = "measured"
    """A sensor read it."""
    ESTIMATED = "estimated"
    """A model over measured work."""
    SIMULATED = "simulated"
    """The phone."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with its unit and provenance, or None with the reason for its absence and how to change that."""

    value: float | None
    unit: str
    provenance: Provenance | None = None
    reason: Text | None = None

    @staticmethod
    def absent(unit: str, reason: Text) -> Quantity:
        return Quantity(None, unit, None, reason)

    @staticmethod
    def measured(value: float, unit: str) -> Quantity:
        return Quantity(value, unit, Provenance.MEASURED)
