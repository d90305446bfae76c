"""API keys: kept in the system's keyring and nowhere else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from autoglm_desktop.cloud import keys
from autoglm_desktop.core.errors import AppError, ErrorCode
from tests.helpers.keyrings import MemoryKeyring, keyring_of, no_keyring

URL = "https://far.example/v1"


def test_a_key_is_kept_per_endpoint_and_forgotten() -> None:
    with keyring_of(MemoryKeyring()):
        assert keys.get_key(URL) is None
        keys.set_key(URL, "  sk-1\n")
        keys.set_key("https://other.example/v1", "sk-2")
        assert keys.get_key(URL) == "sk-1"
        keys.set_key(URL, "")
        assert keys.get_key(URL) is None
        keys.forget_key(URL)
        assert keys.get_key("https://other.example/v1") == "sk-2"


def test_without_a_keyring_it_says_so_and_the_environment_can_hold_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with keyring_of(no_keyring()):
        assert keys.get_key(URL) is None
        with pytest.raises(AppError) as caught:
            keys.set_key(URL, "sk-1")
        assert caught.value.report.code is ErrorCode.NO_KEYRING
        assert "no keyring" in str(caught.value.report.cause)
        assert "sk-1" not in repr(caught.value.report)
        assert keys.CLOUD_VARIABLE in caught.value.report.line()
        keys.forget_key(URL)
        monkeypatch.setenv(keys.CLOUD_VARIABLE, "sk-env")
        assert keys.get_key(URL) == "sk-env"


def test_the_service_has_a_variable_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(keys.CLOUD_VARIABLE, "sk-cloud")
    with keyring_of(no_keyring()):
        assert keys.get_key(keys.HTTP_SERVICE) is None
        with pytest.raises(AppError) as caught:
            keys.set_key(keys.HTTP_SERVICE, "sk-1")
        assert keys.SERVICE_VARIABLE in caught.value.report.line()
        assert keys.CLOUD_VARIABLE not in caught.value.report.line()
        monkeypatch.setenv(keys.SERVICE_VARIABLE, "sk-service")
        assert keys.get_key(keys.HTTP_SERVICE) == "sk-service"
        assert keys.get_key(URL) == "sk-cloud"


def test_the_keyrings_key_goes_before_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(keys.CLOUD_VARIABLE, "sk-env")
    with keyring_of(MemoryKeyring()):
        keys.set_key(URL, "sk-ring")
        assert keys.get_key(URL) == "sk-ring"


def test_a_locked_keyring_is_told() -> None:
    backend = MemoryKeyring()
    backend.locked = True
    with keyring_of(backend):
        calls: tuple[Callable[[], object], ...] = (
            lambda: keys.get_key(URL),
            lambda: keys.set_key(URL, "sk"),
            lambda: keys.forget_key(URL),
        )
        for call in calls:
            with pytest.raises(AppError) as caught:
                call()
            assert caught.value.report.code is ErrorCode.NO_KEYRING


@pytest.mark.parametrize("key", ["sk\nsk", "sk-ä", "x" * 5000])
def test_what_cannot_be_sent_is_not_kept(key: str) -> None:
    with keyring_of(MemoryKeyring()), pytest.raises(AppError) as caught:
        keys.set_key(URL, key)
    assert caught.value.report.code is ErrorCode.BAD_INPUT


def test_importing_the_cloud_imports_neither_httpx_nor_keyring_nor_pillow() -> None:
    code = (
        "import sys, autoglm_desktop.cloud.engine\n"
        "print([name for name in ('httpx', 'keyring', 'PIL') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("key", [" ", "\t\n", "a\tb", "sk\x7f", "sk\r\nX-Other: 1", "密钥", "\u00a0", "sk\u200b"])
def test_a_blank_key_and_one_of_other_signs_is_refused_with_its_cause(key: str) -> None:
    with keyring_of(MemoryKeyring()):
        keys.set_key(URL, "kept")
        with pytest.raises(AppError) as caught:
            keys.set_key(URL, key)
        assert caught.value.report.code is ErrorCode.BAD_INPUT
        assert ("blank" in str(caught.value.report.cause)) is not bool(key.strip())
        assert keys.get_key(URL) == "kept"


def test_an_empty_variable_is_none_and_a_blank_one_is_not_taken_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with keyring_of(no_keyring()):
        monkeypatch.setenv(keys.SERVICE_VARIABLE, "")
        assert keys.get_key(keys.HTTP_SERVICE) is None
        monkeypatch.setenv(keys.SERVICE_VARIABLE, " ")
        assert keys.get_key(keys.HTTP_SERVICE) == " "
