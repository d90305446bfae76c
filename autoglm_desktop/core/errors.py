"""Errors that a person reads: a plain cause, the next step, details on demand.

Every failure that can reach a user is an `AppError`. It crosses the process border as an `ErrorReport`, and is shown
in the reader's language because cause and next step are `Text`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .i18n import Text


class ErrorCode(StrEnum):
    """What went wrong, for programs (tests, the HTTP service); people read cause and next step."""

    MODEL_MISSING = "model_missing"
    MODEL_UNKNOWN = "model_unknown"
    WEIGHTS_CORRUPT = "weights_corrupt"
    UNSUPPORTED_ARCHITECTURE = "unsupported_architecture"
    UNSAFE_CHECKPOINT = "unsafe_checkpoint"
    TEMPLATE_BROKEN = "template_broken"
    CONTEXT_FULL = "context_full"
    OUT_OF_MEMORY = "out_of_memory"
    ENGINE_DIED = "engine_died"
    ENGINE_FAILED = "engine_failed"
    DOWNLOAD_FAILED = "download_failed"
    DISK_FULL = "disk_full"
    NOT_WRITABLE = "not_writable"
    STORE_NEWER = "store_newer"
    STORE_CORRUPT = "store_corrupt"
    BAD_INPUT = "bad_input"
    BUSY = "busy"
    CANCELLED = "cancelled"
    DEVICE_FAILED = "device_failed"
    """A microphone that is missing, refused or gone."""
    CLOUD_UNREACHABLE = "cloud_unreachable"
    CLOUD_KEY_REFUSED = "cloud_key_refused"
    CLOUD_BUSY = "cloud_busy"
    CLOUD_FAILED = "cloud_failed"
    CLOUD_REFUSED = "cloud_refused"
    """The endpoint does not take this one request; others it may."""
    NO_KEYRING = "no_keyring"


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """An error as data.

    `suggested_tier` is set where a smaller tier would fit (out of memory), `details` is for the expander and the log.
    """

    code: ErrorCode
    cause: Text
    next_step: Text
    details: str = ""
    suggested_tier: str | None = None

    def line(self) -> str:
        """Cause and next step on one line, in the current language: what the command line prints."""
        return f"{self.cause} {self.next_step}"


class AppError(Exception):
    """A failure with a plain cause and a next step. Raise it at the place that knows both."""

    def __init__(
        self,
        code: ErrorCode,
        cause: Text,
        next_step: Text,
        *,
        details: str = "",
        suggested_tier: str | None = None,
    ) -> None:
        super().__init__(f"{cause.english()} {next_step.english()}")
        self.report = ErrorReport(code, cause, next_step, details, suggested_tier)
