"""What of the model lies in the engine's memory, part by part, with the reason for what does not."""

from __future__ import annotations

from autoglm_desktop.core.events import EngineState, EngineStatus
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.perception import Modality, ModalityStatus

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
        _modality(msg("Image reading"), status_of(status, Modality.VISION), _VISION_IDLE),
        _modality(msg("Speech front end"), status_of(status, Modality.SPEECH), _SPEECH_IDLE),
    )


def status_of(status: EngineStatus, modality: Modality) -> ModalityStatus:
    """What the engine tells of a modality; not loaded when it never was."""
    return next((m for m in status.modalities if m.modality is modality), ModalityStatus(modality, loaded=False))


def modalities_loaded_gb(before: EngineStatus, after: EngineStatus) -> float:
    """What was read into memory for modalities between two states, in GB: what they hold, measured."""
    fresh = (
        now.bytes_held
        for now in after.modalities
        if now.loaded and not status_of(before, now.modality).loaded and now.bytes_held > 0
    )
    return sum(fresh) / 1e9


def _modality(name: Text, status: ModalityStatus, idle: Text) -> ModalityMemory:
    return ModalityMemory(
        name,
        status.bytes_held if status.loaded else 0,
        status.loaded,
        can_load=not status.loaded,
        can_unload=status.loaded,
        reason=msg("Loaded in {seconds:.1f} s; given back when it is idle.", seconds=status.load_s)
        if status.loaded
        else idle,
        load_s=status.load_s if status.loaded else None,
    )


_VISION_IDLE = msg("Loaded for the first image, or before it.")
_SPEECH_IDLE = msg("Loaded for the first recording, or before it.")
