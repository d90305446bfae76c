"""`/v1/models`: the product's name, and which weights stand behind it."""

from __future__ import annotations

from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.events import EngineState

from .desk import ALIAS, Desk
from .errors import Refused
from .identity import identity

_PRODUCT = (
    "The product's name for the model that is loaded. A request without any system message is led by `identity`, in "
    "the language of its first question; with a system message, be it empty, the messages go as they are."
)
_ITSELF = "The model itself: messages go to it as they are, without a system message of the service."


def model_cards(desk: Desk) -> list[dict[str, object]]:
    """The alias and the model itself."""
    return [_card(desk, name) for name in dict.fromkeys((ALIAS, desk.names.model_id))]


def model_card(desk: Desk, name: str) -> dict[str, object]:
    """Raises Refused 404 for a name that is neither."""
    for known in (ALIAS, desk.names.model_id):
        if name.lower() == known.lower():
            return _card(desk, known)
    raise Refused(404, f"The model {name[:100]!r} does not exist here; see /v1/models.", "model_not_found", "model")


def _card(desk: Desk, name: str) -> dict[str, object]:
    return {
        "id": name,
        "object": "model",
        "created": desk.began_s,
        "owned_by": "autoglm-desktop",
        "description": _PRODUCT if desk.names.is_alias(name) else _ITSELF,
        "identity": _identity(desk) if desk.names.is_alias(name) else None,
        "weights": _weights(desk),
    }


def _identity(desk: Desk) -> dict[str, str]:
    """What leads, by language."""
    return {"en": identity(desk.names.model_id, ""), "zh": identity(desk.names.model_id, "你")}


def _weights(desk: Desk) -> dict[str, object]:
    """What answers under every name."""
    status = desk.assistant.engine_status()
    loaded = status.state in (EngineState.READY, EngineState.BUSY) and status.model_id == desk.names.model_id
    return {
        "id": desk.names.model_id,
        "installed": _is_installed(desk),
        "loaded": loaded,
        "tier": status.tier.value if loaded and status.tier else None,
        "next_tier": desk.assistant.effective_tier().tier.value,
    }


def _is_installed(desk: Desk) -> bool:
    try:
        desk.assistant.completions.model()
    except AppError:
        return False
    return True
