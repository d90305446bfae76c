"""Precision tiers: what the weights are stored in while the model answers."""

from __future__ import annotations

from enum import StrEnum


class Tier(StrEnum):
    """A precision of the weights. The KV cache is bf16 in every tier, so a switch keeps the conversation."""

    FP16 = "fp16"
    """16-bit weights: bf16 on the CPU, bf16 or fp16 on a GPU."""
    INT8 = "int8"
    INT4 = "int4"

    @property
    def label(self) -> str:
        """The name as people write it, the same in every language: ``FP16``."""
        return self.value.upper()

    @property
    def smaller(self) -> Tier | None:
        """The next one that takes less memory."""
        return {Tier.FP16: Tier.INT8, Tier.INT8: Tier.INT4}.get(self)


class TierChoice(StrEnum):
    """What the user asked for: a fixed tier, or that the application decides."""

    AUTO = "auto"
    FP16 = "fp16"
    INT8 = "int8"
    INT4 = "int4"

    def fixed(self) -> Tier | None:
        """The tier that was asked for, or None for ``auto``."""
        return None if self is TierChoice.AUTO else Tier(self.value)
