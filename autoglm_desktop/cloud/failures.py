"""What can go wrong with an endpoint, in sentences. Details never hold the key."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.routing import Endpoint

if TYPE_CHECKING:
    import httpx

_MAX_DETAILS = 500
_OF_ONE_REQUEST = (400, 413, 415, 422)


def of_status(endpoint: Endpoint, status: int, headers: httpx.Headers, said: str) -> AppError:
    """An answer that is no 200; `said` is the beginning of its body, without the key."""
    host, details = endpoint.host, f"HTTP {status}: {said[:_MAX_DETAILS]}"
    if status in (401, 403):
        return AppError(
            ErrorCode.CLOUD_KEY_REFUSED,
            msg("{host} does not accept the API key.", host=host),
            msg("Check the key on the page “Cloud” of the settings."),
            details=details,
        )
    if status == 429:
        wait = headers.get("retry-after", "")[:40]
        return AppError(
            ErrorCode.CLOUD_BUSY,
            msg("{host} has too many requests at the moment.", host=host),
            msg("Try again in a while."),
            details=f"{details} Retry-After: {wait}" if wait else details,
        )
    if 300 <= status < 400:
        return AppError(
            ErrorCode.CLOUD_FAILED,
            msg("{host} points to another address, which is not followed: the key would go along.", host=host),
            msg("Put the right address into the settings."),
            details=f"HTTP {status}",
        )
    if status == 404:
        cause = msg("{host} does not know the address or the model {model}.", host=host, model=endpoint.model)
        return AppError(ErrorCode.CLOUD_FAILED, cause, msg("Check both in the settings."), details=details)
    return AppError(
        ErrorCode.CLOUD_REFUSED if status in _OF_ONE_REQUEST else ErrorCode.CLOUD_FAILED,
        msg("{host} answered with an error ({status}).", host=host, status=status),
        msg("Try again, or let this machine answer."),
        details=details,
    )


def of_transport(endpoint: Endpoint, error: httpx.HTTPError, *, silence_s: float) -> AppError:
    """No answer, or none any more."""
    import httpx

    host = endpoint.host
    next_step = msg("Check the network and the address in the settings.")
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        untrusted = _untrusted(error)
        cause = (
            msg("The certificate of {host} is not trusted: nothing was sent.", host=host)
            if untrusted
            else msg("{host} cannot be reached.", host=host)
        )
        return AppError(ErrorCode.CLOUD_UNREACHABLE, cause, next_step, details=type(error).__name__)
    if isinstance(error, httpx.TimeoutException):
        cause = msg("{host} said nothing for {seconds} seconds.", host=host, seconds=f"{silence_s:g}")
        return AppError(ErrorCode.CLOUD_UNREACHABLE, cause, next_step, details=type(error).__name__)
    return broke_off(endpoint, type(error).__name__)


def broke_off(endpoint: Endpoint, details: str) -> AppError:
    return AppError(
        ErrorCode.CLOUD_FAILED,
        msg("{host} broke off in the middle.", host=endpoint.host),
        msg("Try again, or let this machine answer."),
        details=details[:_MAX_DETAILS],
    )


def not_understood(endpoint: Endpoint, details: str) -> AppError:
    return AppError(
        ErrorCode.CLOUD_FAILED,
        msg("{host} does not answer as an OpenAI-compatible service does.", host=endpoint.host),
        msg("Check the address in the settings: it usually ends with /v1."),
        details=details[:_MAX_DETAILS],
    )


def too_much(endpoint: Endpoint) -> AppError:
    return AppError(
        ErrorCode.CLOUD_FAILED,
        msg("{host} sends more than an answer can be; it was stopped.", host=endpoint.host),
        msg("Try again, or let this machine answer."),
    )


def took_too_long(endpoint: Endpoint, seconds: float) -> AppError:
    return AppError(
        ErrorCode.CLOUD_UNREACHABLE,
        msg("{host} was not done after {seconds} seconds.", host=endpoint.host, seconds=f"{seconds:g}"),
        msg("Try again, or let this machine answer."),
    )


def senses_stay_here() -> AppError:
    return AppError(
        ErrorCode.BAD_INPUT,
        msg("The cloud endpoint only answers; images and speech are read on this machine."),
        msg("Let this machine read them."),
    )


def _untrusted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
