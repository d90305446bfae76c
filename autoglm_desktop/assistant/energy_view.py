"""What the energy service shows: immutable values that any thread may keep."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from autoglm_desktop.core.energy import TurnEnergy
from autoglm_desktop.core.i18n import Text
from autoglm_desktop.energy.governor import Decision
from autoglm_desktop.energy.live import Snapshot
from autoglm_desktop.energy.policies import Goal, Policy
from autoglm_desktop.energy.telemetry import Telemetry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["EnergySeries", "EnergyView", "LogLine", "ModalityMemory", "Source", "TurnEnergy"]


class Source(StrEnum):
    """Whose battery and temperatures the governor goes by."""

    PHONE = "phone"
    COMPUTER = "computer"
    WORST = "worst"
    """The lower battery and the higher temperatures of both."""


@dataclass(frozen=True, slots=True)
class ModalityMemory:
    """A part of the model in the engine's memory. `bytes` is measured; 0 while it is not loaded.

    `reason` says why it is as it is, or why it cannot be loaded or unloaded.
    """

    name: Text
    bytes: int
    loaded: bool
    can_load: bool
    can_unload: bool
    reason: Text
    load_s: float | None = None
    """How long its loading took, measured; None where that is not known."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """Something that the governor decided or that happened to the phone; `time_s` is Unix time."""

    time_s: float
    text: Text


@dataclass(frozen=True, slots=True)
class EnergyView:
    """Everything at a moment. What `snapshot` holds is simulated; `computer` says where each value comes from.

    `kv_prompt_tokens` were asked in prompts since the start, of which `kv_saved_tokens` came from a KV cache. `log` is
    bounded, the newest last. `held_c` is the SoC temperature that someone holds the phone at, None: it is free.
    `phone_time_s` is the phone's own clock (Unix time; ahead of this computer's at speeds above 1), which goals use.
    """

    phone_id: str
    phone_name: str
    snapshot: Snapshot
    decision: Decision
    policy: Policy
    source: Source
    speed: float
    goal: Goal | None
    computer: Telemetry
    memory: tuple[ModalityMemory, ...]
    kv_saved_tokens: int
    kv_prompt_tokens: int
    log: tuple[LogLine, ...]
    last_turn: TurnEnergy | None
    phone_time_s: float
    held_c: float | None = None
    answering: int = 0
    """Turns that run or wait."""


@dataclass(frozen=True, slots=True, eq=False)
class EnergySeries:
    """The last minutes as arrays of one length n: Unix times, mean watts since the sample before, temperatures.

    All simulated. `tier` is the place of the governor's tier in `list(Tier)`; `soc` is 0 to 1. Floats, shape (n,).
    """

    time_s: NDArray[np.float64]
    idle_w: NDArray[np.float64]
    screen_w: NDArray[np.float64]
    radio_w: NDArray[np.float64]
    decode_w: NDArray[np.float64]
    prefill_w: NDArray[np.float64]
    vision_w: NDArray[np.float64]
    speech_w: NDArray[np.float64]
    loading_w: NDArray[np.float64]
    cell_w: NDArray[np.float64]
    """Out of the cell's chemistry, losses included; negative while it charges."""
    soc: NDArray[np.float64]
    soc_temp_c: NDArray[np.float64]
    skin_temp_c: NDArray[np.float64]
    decode_tok_s: NDArray[np.float64]
    tier: NDArray[np.float64]
