"""What an answer cost, as it is stored with the answer."""

from __future__ import annotations

from dataclasses import dataclass

from .precision import Tier
from .provenance import Quantity


@dataclass(frozen=True, slots=True)
class TurnEnergy:
    """Energy of one answer. `phone` is always there, in J and simulated; `tier` is the one it ended in.

    `phone` is what the answer's work costs the phone's own model: joules of the processor, and idle and screen (at the
    phone's usual brightness: a brighter one is not the answer's) for as long as a cool phone takes. `computer` is what
    this computer used meanwhile, in J, measured or estimated, or None where nothing tells. `tokens` were decoded for
    it: 0 for an answer out of the cache.
    """

    phone: Quantity
    computer: Quantity | None
    tokens: int
    tier: Tier
    from_cache: bool = False
    phone_id: str = ""
    """The profile of the simulated phone."""
    max_new_tokens: int | None = None
    """The governor's cap when the answer began; None: it set none."""
    thermal: str = "NONE"
    """The phone's thermal status when the answer ended, in Android's words."""
