"""What of the model lies in the engine's memory, part by part, with the reason for what does not."""

from __future__ import annotations

from autoglm_desktop.core.events import EngineState, EngineStatus
from autoglm_desktop.core.i18n import msg

from .energy_view import ModalityMemory

_LOADED = (EngineState.READY, EngineState.BUSY)


def memory_of(status: EngineStatus) -> tuple[ModalityMemory, ...]:
    """The parts in the order of the panel: language model, conversations, image reading, speech."""
    loaded = status.state in _LOADED and status.model_id is not None
    measured = status.memory if loaded else None
    weights = measured.weights_bytes if measured else 0
    kv = measured.kv_bytes if measured else 0
    return (
        ModalityMemory(
            msg("Language model"),
            weights,
            loaded,
            can_load=not loaded and status.state is EngineState.STOPPED,
            can_unload=loaded,
            reason=msg("Loaded in {tier}.", tier=status.tier.label)
            if loaded and status.tier is not None
            else msg("Loaded at the first question, or before it."),
        ),
        ModalityMemory(
            msg("Conversations (KV cache)"),
            kv,
            kv > 0,
            can_load=False,
            can_unload=kv > 0,
            reason=msg("Kept between turns, so that a prompt is read once; bounded by the settings."),
        ),
        ModalityMemory(
            msg("Image reading"),
            0,
            loaded=False,
            can_load=False,
            can_unload=False,
            reason=msg("The installed models read text only."),
        ),
        ModalityMemory(
            msg("Speech front end"),
            0,
            loaded=False,
            can_load=False,
            can_unload=False,
            reason=msg("Not part of this version."),
        ),
    )
