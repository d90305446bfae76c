"""Settings: defaults, bad files set aside, unknown keys kept, atomic saves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.precision import TierChoice
from autoglm_desktop.core.settings import Settings, load_settings, save_settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "settings.json"


def _write(path: Path, content: bytes | str | dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    raw = json.dumps(content) if isinstance(content, dict) else content
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)


def _aside(path: Path) -> list[Path]:
    return sorted(path.parent.glob("settings.json.bad-*"))


def test_a_missing_file_gives_the_defaults_and_is_not_made(path: Path) -> None:
    assert load_settings(path) == (Settings(), ())
    assert not path.parent.exists()


def test_what_is_saved_comes_back(path: Path) -> None:
    settings = Settings(theme="dark", tier=TierChoice.INT4, system_prompt="你好\n🙂", temperature=0.25)
    save_settings(path, settings)
    assert load_settings(path) == (settings, ())
    assert [each.name for each in path.parent.iterdir()] == ["settings.json"]


def test_unknown_keys_are_told_kept_and_saved_again(path: Path) -> None:
    _write(path, {"theme": "dark", "from_the_future": {"deep": [1, 2]}, "another": None})
    settings, told = load_settings(path)
    assert settings.theme == "dark"
    assert settings.unknown_keys == ("another", "from_the_future")
    (sentence,) = told
    assert "another, from_the_future" in str(sentence)
    save_settings(path, settings.model_copy(update={"theme": "light"}))
    saved = json.loads(path.read_text())
    assert saved["from_the_future"] == {"deep": [1, 2]}
    assert saved["another"] is None
    assert saved["theme"] == "light"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe nonsense", b"[]", b"null", b'"text"', b"\x00" * 50, b"[" * 100_000],
    ids=["empty", "cut", "not UTF-8", "list", "null", "string", "zeros", "deep"],
)
def test_an_unreadable_file_is_set_aside_and_told(path: Path, content: bytes) -> None:
    _write(path, content)
    settings, told = load_settings(path)
    assert settings == Settings()
    (aside,) = _aside(path)
    assert aside.read_bytes() == content
    (sentence,) = told
    assert str(aside) in str(sentence)
    assert not path.exists()


def test_valid_values_beside_bad_ones_are_used_and_the_file_is_set_aside(path: Path) -> None:
    _write(path, {"theme": "dark", "temperature": 99, "tier": "int2", "later": 1})
    settings, told = load_settings(path)
    assert (settings.theme, settings.temperature, settings.tier) == ("dark", 0.7, TierChoice.AUTO)
    assert settings.unknown_keys == ("later",)
    assert len(told) >= 1
    assert len(_aside(path)) == 1


def test_what_is_wrong_is_told_with_key_value_and_range(path: Path) -> None:
    bad = {"phone_speed": 900, "phone_battery": True, "temperature": "0.7", "policy": "fast", "phone_screen": "dark"}
    _write(path, {**bad, "theme": "dark"})
    settings, told = load_settings(path)
    assert settings == Settings(theme="dark")
    sentence = str(told[0])
    for words in (
        "phone_speed = 900; allowed: a number from 1 to 600",
        "phone_battery = True; allowed: a number from 0 to 1",
        "temperature = '0.7'; allowed: a number from 0 to 2",
        "policy = 'fast'; allowed: guide | steady | last-until",
        "phone_screen = 'dark'; allowed: a number from 0 to 1, or nothing",
    ):
        assert words in sentence


def test_two_bad_files_within_a_second_are_both_kept(path: Path) -> None:
    for content in (b"first", b"second"):
        _write(path, content)
        load_settings(path)
    assert {each.read_bytes() for each in _aside(path)} == {b"first", b"second"}


def test_a_mark_that_editors_put_before_the_text_is_no_fault(path: Path) -> None:
    _write(path, b"\xef\xbb\xbf" + b'{"theme": "dark"}')
    settings, told = load_settings(path)
    assert (settings.theme, told) == ("dark", ())


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_settings(path, Settings(theme="dark"))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(AppError) as failed:
        save_settings(path, Settings(theme="light"))
    assert failed.value.report.code is ErrorCode.NOT_WRITABLE
    assert load_settings(path)[0].theme == "dark"
    assert [each.name for each in path.parent.iterdir()] == ["settings.json"]


def test_a_folder_that_cannot_be_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AppError) as failed:
        save_settings(tmp_path / "file" / "settings.json", Settings())
    assert failed.value.report.code is ErrorCode.NOT_WRITABLE


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"top_p": 0},
        {"max_tokens": 0},
        {"language": "fr"},
        {"font_scale": 9},
        {"idle_unload_s": -1},
        {"idle_unload_s": True},
        {"phone_battery": True},
        {"phone_battery": "0.5"},
    ],
)
def test_values_out_of_range_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(change)


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError):
        Settings().theme = "dark"  # type: ignore[misc]
