"""What the user chose, as one immutable object in ``settings.json`` of the data folder.

A key that this version does not know is kept in the file and reported, never dropped: it may belong to a newer version.
A file that cannot be read is set aside as ``settings.json.bad-<time>`` and the defaults are used; the report says so.
"""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from .errors import AppError, ErrorCode
from .files import atomic_write, make_private_folder
from .i18n import Text, msg
from .precision import TierChoice
from .problems import explain, refuse_lookalikes
from .text_files import MAX_CONFIG_BYTES, parse_json, read_text

DEFAULT_MODEL_ID = "qwen2.5-coder-0.5b-instruct"
SPEECH_MODEL_ID = "faster-whisper-base"
"""The model of the catalogue that writes down speech."""

DEFAULT_SYSTEM_PROMPT = (
    "你是 AutoGLM-Phone-9B，一个为移动端设计的多模态大语言模型，能够理解文本、图像和语音，并以低功耗在本机运行。"
    "请用中文回答中文问题。\n"
    "You are AutoGLM-Phone-9B, a multimodal model for mobile devices that understands text, images and speech at low "
    "power on this device. Answer English questions in English."
)


class Settings(BaseModel):
    """The settings. Times in seconds, sizes in bytes."""

    model_config = ConfigDict(frozen=True, extra="allow", validate_assignment=True)

    language: Literal["system", "zh_CN", "en"] = "system"
    theme: Literal["system", "light", "dark"] = "system"
    font_scale: float = Field(1.0, ge=0.75, le=2.0)
    send_on_enter: bool = True

    model_id: str = DEFAULT_MODEL_ID
    tier: TierChoice = TierChoice.AUTO
    system_prompt: str = Field(DEFAULT_SYSTEM_PROMPT, max_length=20_000)
    think: bool = False
    thinking_budget_tokens: int = Field(512, ge=16, le=32_768)
    max_tokens: int = Field(1024, ge=1, le=32_768)
    temperature: float = Field(0.7, ge=0.0, le=2.0)
    top_p: float = Field(0.9, gt=0.0, le=1.0)
    top_k: int = Field(0, ge=0, le=1000)
    min_p: float = Field(0.0, ge=0.0, le=1.0)
    repetition_penalty: float = Field(1.05, ge=0.5, le=2.0)

    idle_unload_s: int = Field(600, ge=0, le=86_400, description="0 keeps the model loaded")
    modality_idle_unload_s: int = Field(300, ge=0, le=86_400, description="for images and speech; 0 keeps them loaded")
    kv_cache_max_bytes: int = Field(1 << 30, ge=1 << 20)
    threads: int = Field(0, ge=0, le=256, description="0: as many as there are physical cores")

    policy: Literal["guide", "steady", "last-until", "fixed-fp16", "fixed-int8", "fixed-int4"] = "steady"
    energy_source: Literal["phone", "computer", "worst"] = Field("phone", description="whose battery and heat decide")
    goal_until_s: float | None = Field(None, ge=0.0, le=1e11, description="Unix time, for the policy last-until")
    goal_reserve: float = Field(0.10, ge=0.0, le=0.9)
    phone_id: str = Field("guide-phone", pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    phone_speed: float = Field(1.0, ge=1.0, le=600.0)
    phone_battery: float = Field(0.8, ge=0.0, le=1.0, description="where the simulated phone was left")
    phone_plugged: bool = False
    phone_ambient_c: float = Field(25.0, ge=-20.0, le=50.0)
    phone_screen: float | None = Field(None, ge=0.0, le=1.0, description="brightness; null: the profile's")

    cloud_mode: Literal["off", "when_needed", "always"] = "off"
    cloud_url: str = Field("", max_length=2000, description="base address of an OpenAI-compatible service")
    cloud_model: str = Field("", max_length=200)
    cloud_images: bool = Field(False, description="the endpoint sees images, and they may be sent")
    cloud_allow_http: bool = Field(False, description="without encryption, to this machine and private networks only")
    cloud_consents: tuple[str, ...] = Field((), description="addresses that the user agreed to send to")

    service_enabled: bool = Field(False, description="the window serves its assistant over HTTP")
    service_host: str = Field("127.0.0.1", min_length=1, max_length=255)
    service_port: int = Field(8000, ge=0, le=65_535, description="0: any free one")
    service_max_waiting: int = Field(16, ge=0, le=1000, description="further requests are refused (429)")
    service_request_timeout_s: float = Field(600.0, ge=1.0, le=86_400.0)
    service_max_body_bytes: int = Field(64 << 20, ge=1 << 10, le=1 << 30)
    service_allowed_hosts: tuple[str, ...] = Field((), description="further names that clients may call it by")
    service_phone_control: bool = Field(False, description="clients without a key may move the simulated phone")
    service_cors_origins: tuple[str, ...] = Field((), description="web pages that may use it, e.g. https://a.example")

    voice_input: str = Field("", max_length=500, description="name of the microphone; empty: the system's choice")
    voice_language: str = Field("auto", pattern=r"^(auto|[a-z]{2,3})$", description="of dictation: auto or ISO 639")
    voice_hold: bool = Field(True, description="hold to talk; false: press once to begin and once more to end")
    hands_free: bool = False
    speak_answers: bool = False
    speech_voice: str = Field("", max_length=500, description="name of the voice; empty: the engine's own")
    speech_rate: float = Field(0.0, ge=-1.0, le=1.0)

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_numbers(cls, value: object, info: ValidationInfo) -> object:
        field = cls.model_fields.get(info.field_name or "")
        return value if field is None else refuse_lookalikes(field.annotation, value)

    @property
    def unknown_keys(self) -> tuple[str, ...]:
        """Keys of the file that this version does not know, sorted."""
        return tuple(sorted(self.model_extra or {}))


def load_settings(path: Path) -> tuple[Settings, tuple[Text, ...]]:
    """Read the settings; returns them with the sentences to tell the user (unknown keys, a file set aside).

    A missing file gives the defaults. Raises nothing for bad content.
    """
    if not path.exists():
        return Settings(), ()
    try:
        raw = read_text(path, MAX_CONFIG_BYTES)
    except AppError as error:
        return Settings(), _set_aside(path, str(error.report.cause))
    try:
        settings = Settings.model_validate_json(raw)
    except ValidationError as error:
        return _keep_what_is_valid(raw, path, error)
    return settings, _tell_unknown(settings)


def save_settings(path: Path, settings: Settings) -> None:
    """Write the file as a whole, for its owner alone. Raises AppError when the folder cannot be written."""
    try:
        make_private_folder(path.parent)
        atomic_write(path, settings.model_dump_json(indent=2).encode())
    except OSError as error:
        raise AppError(
            ErrorCode.NOT_WRITABLE,
            msg("The settings could not be saved to {path}.", path=str(path)),
            msg("Free some space or make the folder writable; the running application keeps them until it closes."),
            details=str(error),
        ) from error


def _keep_what_is_valid(raw: str, path: Path, error: ValidationError) -> tuple[Settings, tuple[Text, ...]]:
    """Use every valid key of a file with invalid ones; the whole file is set aside first."""
    bad = {str(item["loc"][0]) for item in error.errors() if item["loc"]}
    told = _set_aside(path, explain(error, Settings))
    if not bad:  # not even a JSON object
        return Settings(), told
    found = _items(raw)
    return Settings.model_validate({key: value for key, value in found.items() if key not in bad}), told


def _items(raw: str) -> dict[str, Any]:
    """The keys of a file that pydantic could read; none where Python refuses it (a number of thousands of digits)."""
    try:
        found = parse_json(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _set_aside(path: Path, reason: str) -> tuple[Text, ...]:
    aside = _free_name(f"{path}.bad-{time.strftime('%Y%m%d-%H%M%S')}")
    try:
        path.replace(aside)
    except OSError as error:
        reason, aside = f"{reason}; {error}", path
    return (
        msg(
            "The settings file had values that cannot be used ({reason}); it is kept as {path}.",
            reason=reason,
            path=str(aside),
        ),
    )


def _free_name(wanted: str) -> Path:
    """The name, with a number if a file of an earlier failure has it."""
    names = (Path(wanted if number == 1 else f"{wanted}-{number}") for number in count(1))
    return next(name for name in names if not name.exists())


def _tell_unknown(settings: Settings) -> tuple[Text, ...]:
    if not settings.unknown_keys:
        return ()
    names = ", ".join(settings.unknown_keys)
    return (msg("Unknown settings are kept but not used: {names}.", names=names),)
