"""API keys, in the system's keyring and nowhere else: not in the settings, not in the log.

`keyring` is imported when it is first needed. The system may ask its user to unlock it, so call this off the GUI
thread.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg

log = logging.getLogger(__name__)

SERVICE = "autoglm-desktop"
HTTP_SERVICE = "http-service"
"""The account of the key that clients of this application's own service bring."""
CLOUD_VARIABLE, SERVICE_VARIABLE = "AUTOGLM_CLOUD_KEY", "AUTOGLM_API_KEY"
"""Where a machine without a keyring may hold the key of its one endpoint, and that of its own service."""
MAX_CHARACTERS = 4096


def get_key(account: str) -> str | None:
    """The key of an endpoint (its address) or of the service: the keyring's, else the environment's, else None.

    Raises AppError NO_KEYRING when there is a keyring that does not open.
    """
    return read_key(account) or os.environ.get(variable_of(account)) or None


def variable_of(account: str) -> str:
    """The environment variable that stands in for the keyring."""
    return SERVICE_VARIABLE if account == HTTP_SERVICE else CLOUD_VARIABLE


def read_key(account: str) -> str | None:
    """What the keyring holds under this name; None for nothing, or without a keyring. Raises AppError NO_KEYRING."""
    import keyring
    from keyring.errors import NoKeyringError

    with _told(account):
        try:
            return keyring.get_password(SERVICE, account) or None
        except NoKeyringError:
            return None


def set_key(account: str, key: str) -> None:
    """Keep the key of an account; an empty one is forgotten.

    Raises AppError BAD_INPUT, NO_KEYRING.
    """
    if not key:
        forget_key(account)
        return
    key = sendable(key)
    import keyring

    with _told(account):
        keyring.set_password(SERVICE, account, key)


def forget_key(account: str) -> None:
    """Remove a key; without one, or without a keyring, nothing happens. Raises AppError NO_KEYRING."""
    import keyring
    from keyring.errors import NoKeyringError, PasswordDeleteError

    with _told(account):
        try:
            keyring.delete_password(SERVICE, account)
        except (PasswordDeleteError, NoKeyringError):
            log.info("there was no key to forget")


def sendable(key: str) -> str:
    """The key as an HTTP header carries it. Raises AppError BAD_INPUT for a blank one, and for what none can carry."""
    key = key.strip()
    if not key:
        raise AppError(
            ErrorCode.BAD_INPUT, msg("The API key is blank."), msg("Give one that clients can send, or none at all.")
        )
    if len(key) > MAX_CHARACTERS or not (key.isascii() and key.isprintable()):
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("This is not an API key: it has characters that cannot be sent, or is too long."),
            msg("Copy the key again, without line breaks."),
        )
    return key


@contextmanager
def _told(account: str) -> Iterator[None]:
    """What a keyring may say, as something a person can act on. The message of the backend never holds a key."""
    from keyring.errors import KeyringError, NoKeyringError

    try:
        yield
    except NoKeyringError as error:
        raise AppError(
            ErrorCode.NO_KEYRING,
            msg("This system has no keyring to keep the API key in."),
            msg(
                "Install one (on Linux GNOME Keyring or KWallet), or start with the key in the environment variable "
                "{name}.",
                name=variable_of(account),
            ),
        ) from error
    except KeyringError as error:
        raise AppError(
            ErrorCode.NO_KEYRING,
            msg("The system's keyring did not open."),
            msg("Unlock it and try again."),
            details=type(error).__name__,
        ) from error
