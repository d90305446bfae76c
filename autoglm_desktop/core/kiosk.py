"""The kiosk's one configuration file: what it allows, limits and shows."""

from __future__ import annotations

import errno
import re
import secrets
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from .errors import AppError, ErrorCode
from .files import atomic_write
from .i18n import msg
from .text_files import read_toml

_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)
_MAX_FILE_BYTES = 256 * 1024
_PIN_LINE = re.compile(r'^pin = ""$', re.MULTILINE)

Touch = Literal["car", "cold", "low", "full"]
Number = Annotated[float, Field(strict=False, allow_inf_nan=False)]


class Suggestion(BaseModel):
    """A chip: a question in both languages, or something that it does to the phone."""

    model_config = _STRICT
    zh_CN: str = Field(min_length=1, max_length=200)  # noqa: N815 - the name of the language
    en: str = Field(min_length=1, max_length=200)
    touch: Touch | None = None

    def text(self, language: str) -> str:
        """What it says in `language`."""
        return self.zh_CN if language == "zh_CN" else self.en


class KioskPhone(BaseModel):
    """The simulated phone that every visitor finds."""

    model_config = _STRICT
    id: str = Field("guide-phone", pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    battery: Number = Field(0.8, ge=0.05, le=1.0)
    ambient_c: Number = Field(25.0, ge=-20.0, le=50.0)
    speed: Number = Field(30.0, ge=1.0, le=600.0)


class Allowed(BaseModel):
    """What visitors may use beside text."""

    model_config = _STRICT
    camera: bool = True
    microphone: bool = True


class Attract(BaseModel):
    """What plays while nobody is there; `speed` in simulated seconds per second."""

    model_config = _STRICT
    scenario: str = Field("commute", pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")
    speed: Number = Field(600.0, ge=1.0, le=3600.0)


class Restart(BaseModel):
    """When the application starts itself anew, `HH:MM` of local time; empty: never."""

    model_config = _STRICT
    at: str = Field("04:30", pattern=r"^$|^([01]\d|2[0-3]):[0-5]\d$")

    def due(self, started: datetime, now: datetime) -> bool:
        """Whether that time of day lies between the start and now."""
        if not self.at:
            return False
        hour, minute = map(int, self.at.split(":"))
        moment = datetime.combine(started.date(), time(hour, minute), tzinfo=started.tzinfo)
        return now >= (moment if moment > started else moment + timedelta(days=1))


class KioskConfig(BaseModel):
    """The whole file. Times in seconds."""

    model_config = _STRICT
    pin: str = Field(pattern=r"^\d{4,12}$")
    language: Literal["zh_CN", "en"] = "zh_CN"
    idle_s: int = Field(60, ge=5, le=3600)
    countdown_s: int = Field(10, ge=3, le=120)
    max_prompt_chars: int = Field(400, ge=20, le=4000)
    max_prompts: int = Field(12, ge=1, le=200)
    max_answer_tokens: int = Field(256, ge=16, le=2048)
    hold_keys: bool = True
    suggestions: tuple[Suggestion, ...] = Field((), max_length=8)
    phone: KioskPhone = KioskPhone()
    allow: Allowed = Allowed()
    attract: Attract = Attract()
    restart: Restart = Restart()

    @field_validator("suggestions", mode="before")
    @classmethod
    def _as_tuple(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value


def load_kiosk(path: Path) -> KioskConfig:
    """Read and check the file. Raises AppError BAD_INPUT that names the file, the key and what is allowed."""
    try:
        return KioskConfig.model_validate(read_toml(path, _MAX_FILE_BYTES))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise _refused(path, f"{key}: {first['msg']}") from error


def make_kiosk(path: Path, template: str) -> str:
    """Write `template` to `path`, which only its owner may read, with a fresh PIN of six digits; returns the PIN.

    Raises AppError NOT_WRITABLE.
    """
    pin = f"{secrets.randbelow(10**6):06d}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            raise FileExistsError(errno.EEXIST, "it is there already", str(path))
        atomic_write(path, _PIN_LINE.sub(f'pin = "{pin}"', template).encode())
    except OSError as error:
        raise AppError(
            ErrorCode.NOT_WRITABLE,
            msg("The kiosk's configuration could not be written to {path}.", path=str(path)),
            msg("Make the folder writable, or name a file with --kiosk FILE."),
            details=str(error),
        ) from error
    return pin


def _refused(path: Path, reason: str) -> AppError:
    return AppError(
        ErrorCode.BAD_INPUT,
        msg("The kiosk's configuration {path} cannot be used: {reason}", path=str(path), reason=reason),
        msg("Correct the file; resources/kiosk.toml shows every key with its meaning."),
    )
