"""The command line without a model: usage, errors, what goes to which output."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from autoglm_desktop.__main__ import wants_window
from tests.helpers.command_line import assert_failed, run
from tests.helpers.raw_gguf import raw_tiny_gguf

COMMANDS = (
    (),
    ("chat",),
    ("models",),
    *(("models", name) for name in ("list", "show", "pull", "prepare", "verify", "remove", "add")),
    ("look",),
    ("transcribe",),
    ("bench",),
    ("doctor",),
)
INFO_FIELDS = {
    "chat_template",
    "id",
    "display_name",
    "modalities",
    "languages",
    "license",
    "download_bytes",
    "needed_bytes",
    "installed",
    "disk_bytes",
    "sources",
    "context_tokens",
    "architecture",
    "runnable",
}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = run(tmp_path / "none", *command, "--help", env={"COLUMNS": "200"})
    assert done.status == 0, done.err
    assert "--help" in done.text
    if command != ("models",):
        assert "--data-dir" in done.text
        assert "--log-level" in done.text
    if command and command != ("models",):
        assert "--json" in done.text
    assert not (tmp_path / "none").exists(), "asking for help leaves no trace"


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("--nonsense",),
        ("chat", "--temperature", "9", "hi"),
        ("chat", "--max-tokens", "0", "hi"),
        ("chat", "--tier", "int2", "hi"),
        ("chat", "one", "two"),
        ("models", "show"),
        ("bench", "--peer", "nobody"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_status_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run(tmp_path, *arguments)
    assert done.status == 2
    assert done.out == b""
    assert "Traceback" not in done.err
    assert "Usage" in done.err


def test_version(tmp_path: Path) -> None:
    done = run(tmp_path, "--version")
    assert done.status == 0
    assert done.text.startswith("autoglm-desktop 0.")


@pytest.mark.parametrize(
    "arguments",
    [
        ("chat", "--model", "no-such-model", "hi"),
        ("models", "show", "no-such-model"),
        ("models", "pull", "no-such-model"),
        ("models", "prepare", "no-such-model"),
        ("models", "verify", "no-such-model"),
        ("models", "remove", "no-such-model"),
        ("bench", "--model", "no-such-model"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["plain", "json"])
def test_an_unknown_model_is_one_line(tmp_path: Path, arguments: tuple[str, ...], as_json: tuple[str, ...]) -> None:
    assert_failed(run(tmp_path, *arguments, *as_json), "no-such-model")


def test_a_model_that_is_not_here_names_the_command_that_fetches_it(tmp_path: Path) -> None:
    assert_failed(run(tmp_path, "chat", "hi"), "autoglm-desktop models pull qwen2.5-coder-0.5b-instruct")


def test_text_that_is_not_utf8_is_refused_with_the_place(tmp_path: Path) -> None:
    assert_failed(run(tmp_path, "chat", "-", stdin="你".encode() + b"\xff\xfe"), "not valid UTF-8", "byte 3", "iconv")
    assert_failed(run(tmp_path, "chat", stdin=b"\x80"), "not valid UTF-8", "byte 0")


def test_an_image_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("no image at all")
    (tmp_path / "empty.png").write_bytes(b"")
    for name, words in (
        ("notes.png", "not an image"),
        ("empty.png", "empty"),
        ("absent.png", "no file"),
        (".", "folder"),
    ):
        assert_failed(run(tmp_path, "chat", "--image", tmp_path / name, "what is this?"), words)


def test_nine_images_are_too_many(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    options = [word for _ in range(9) for word in ("--image", tmp_path / "a.png")]
    assert_failed(run(tmp_path, "chat", *options, "hi"), "up to 8 images", "9")
    assert not (tmp_path / "attachments").exists()


def test_a_kiosk_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "booth.toml").write_text('pin = ""', encoding="utf-8")
    environment = {"QT_QPA_PLATFORM": "offscreen"}
    assert_failed(run(tmp_path, "--kiosk", tmp_path / "booth.toml", env=environment), "booth.toml", "pin")
    assert_failed(run(tmp_path, "--kiosk", tmp_path / "none.toml", env=environment), "none.toml")


def test_the_kiosk_stands_alone(tmp_path: Path) -> None:
    assert_failed(run(tmp_path, "--kiosk", "booth.toml", "doctor"), "stands alone")


def test_an_absent_peer_is_named_with_its_package(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'xllamacpp' else find(name, *a)\n"
    )
    done = run(tmp_path, "bench", "--peer", "llama.cpp", env={"PYTHONPATH": str(blocked)})
    assert_failed(done, "llama.cpp is not installed", "pip install xllamacpp")


def test_models_list_has_its_fields(tmp_path: Path) -> None:
    found = run(tmp_path, "models", "list", "--json").json
    assert set(found) == {"models"}
    assert all(set(model) == INFO_FIELDS for model in found["models"])
    by_id = {model["id"]: model for model in found["models"]}
    assert by_id["qwen2.5-coder-0.5b-instruct"]["license"] == "Apache-2.0"
    assert not by_id["smollm2-135m-instruct"]["installed"]
    plain = run(tmp_path, "models", "list").text
    assert all(name in plain for name in by_id)


def test_models_show_has_its_fields(tmp_path: Path) -> None:
    found = run(tmp_path, "models", "show", "smollm2-135m-instruct", "--json").json
    assert set(found) == INFO_FIELDS | {"folder", "source_failures"}
    assert found["folder"] is None
    assert found["source_failures"] == []


def test_adding_what_is_no_model_fails(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert_failed(run(tmp_path, "models", "add", tmp_path / "notes.txt"))
    assert_failed(run(tmp_path, "models", "add", tmp_path / "absent.gguf"))


def test_verifying_nothing_is_fine(tmp_path: Path) -> None:
    assert run(tmp_path, "models", "verify", "--json").json == {"ok": True, "models": []}


def test_options_stand_before_or_after_the_command(tmp_path: Path) -> None:
    for arguments in (("--lang", "zh_CN", "chat", "hi"), ("chat", "--lang", "zh_CN", "hi")):
        done = run(tmp_path, *arguments)
        assert done.status == 1
        assert "不" in done.err or "没有" in done.err


def test_the_language_follows_the_environment_and_the_settings(tmp_path: Path) -> None:
    english = run(tmp_path, "chat", "hi").err
    chinese = run(tmp_path, "chat", "hi", env={"LANG": "zh_CN.UTF-8"}).err
    assert english != chinese
    (tmp_path / "settings.json").write_text(json.dumps({"language": "zh_CN"}))
    assert run(tmp_path, "chat", "hi").err == chinese


def test_odd_settings_are_told_and_do_not_stop_a_command(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(json.dumps({"temperature": 99, "from_the_future": 1}))
    done = run(tmp_path, "models", "list", "--json")
    assert done.status == 0
    assert "settings" in done.err
    assert done.json["models"]
    assert list(tmp_path.glob("settings.json.bad-*"))


def test_a_terminal_that_cannot_show_chinese_is_no_failure(tmp_path: Path) -> None:
    done = run(tmp_path, "chat", "--lang", "zh_CN", "hi", env={"PYTHONIOENCODING": "ascii:strict"})
    assert done.status == 1
    assert "Traceback" not in done.err


def test_a_file_in_place_of_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run(tmp_path / "file" / "below", "models", "pull", "smollm2-135m-instruct")
    offer, error = done.err.strip().splitlines()
    assert done.status == 1
    assert "to download" in offer
    assert error.startswith("autoglm-desktop: ")


class TestDoctor:
    def test_an_empty_folder_lacks_only_the_model(self, tmp_path: Path) -> None:
        done = run(tmp_path, "doctor", "--json")
        assert done.status == 1
        assert done.err.startswith("autoglm-desktop: model does not work")
        found = done.json
        assert set(found) == {"ok", "checks"}
        assert not found["ok"]
        checks = {check["name"]: check for check in found["checks"]}
        assert all(set(check) == {"name", "ok", "detail", "fix", "required"} for check in found["checks"])
        assert [name for name, check in checks.items() if check["required"] and not check["ok"]] == ["model"]
        assert "models pull" in checks["model"]["fix"]
        assert "torch 2.13" in checks["torch"]["detail"]
        assert checks["data_folder"]["detail"] == str(tmp_path)
        assert not checks["display"]["ok"]
        assert {"python", "qt", "audio", "memory", "disk", "settings", "database", "sources", "gpu", "log"} <= set(
            checks
        )

    def test_a_corrupt_database_and_bad_settings_are_found(self, tmp_path: Path) -> None:
        (tmp_path / "conversations.sqlite3").write_bytes(b"this is no database" * 100)
        (tmp_path / "settings.json").write_text("{")
        found = {check["name"]: check for check in run(tmp_path, "doctor", "--json").json["checks"]}
        assert not found["database"]["ok"]
        assert "conversations.sqlite3" in found["database"]["detail"]
        assert (found["settings"]["ok"], found["settings"]["required"]) == (False, False), "it works all the same"
        assert str(tmp_path / "settings.json") in found["settings"]["detail"]

    def test_a_database_of_a_newer_version_is_found(self, tmp_path: Path) -> None:
        with closing(sqlite3.connect(tmp_path / "conversations.sqlite3")) as connection:
            connection.execute("PRAGMA user_version = 1000")
        found = {check["name"]: check for check in run(tmp_path, "doctor", "--json").json["checks"]}
        assert not found["database"]["ok"]
        assert "newer" in found["database"]["detail"]

    def test_a_sound_database_is_left_as_it_is(self, tmp_path: Path) -> None:
        from autoglm_desktop.store.store import Store

        Store(tmp_path / "conversations.sqlite3").close()
        before = (tmp_path / "conversations.sqlite3").read_bytes()
        found = {check["name"]: check for check in run(tmp_path, "doctor", "--json").json["checks"]}
        assert found["database"]["ok"], found["database"]
        assert (tmp_path / "conversations.sqlite3").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "window"),
    [
        ([], True),
        (["--model", "chat"], True),
        (["--lang=en", "--data-dir", "x"], True),
        (["chat"], False),
        (["--data-dir", "x", "chat"], False),
        (["--help"], False),
        (["--kiosk"], True),
        (["--kiosk", "booth.toml", "--lang", "en"], True),
        (["--kiosk", "booth.toml", "doctor"], False),
    ],
)
def test_what_opens_the_window(arguments: list[str], window: bool) -> None:
    assert wants_window(arguments) is window


def test_look_refuses_what_is_no_image_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(b"no pixels")
    (tmp_path / "empty.jpg").write_bytes(b"")
    assert_failed(run(tmp_path, "look", tmp_path / "image.png", "--json"), "image.png is not an image")
    assert_failed(run(tmp_path, "look", tmp_path / "empty.jpg"), "empty.jpg is empty")
    assert_failed(run(tmp_path, "look", tmp_path / "nowhere.png"), "There is no file")
    assert_failed(run(tmp_path, "look", tmp_path), "is a folder")


def test_transcribe_names_the_command_that_fetches_its_model(tmp_path: Path) -> None:
    (tmp_path / "speech.wav").write_bytes(b"")
    assert_failed(run(tmp_path, "transcribe", tmp_path / "speech.wav"), "models pull faster-whisper-base")


def test_the_model_for_speech_cannot_chat_and_is_listed_as_what_it_is(tmp_path: Path) -> None:
    assert_failed(run(tmp_path, "chat", "--model", "faster-whisper-base", "hi"), "writes down speech; it cannot chat")
    listed = run(tmp_path, "models", "list")
    (row,) = [line for line in listed.text.splitlines() if line.startswith("faster-whisper-base")]
    assert "speech to text" in row
    found = {info["id"]: info for info in run(tmp_path, "models", "list", "--json").json["models"]}
    assert found["faster-whisper-base"]["modalities"] == ["speech"]


def test_a_model_without_a_template_is_added_with_the_common_one_and_that_is_told(tmp_path: Path) -> None:
    raw = raw_tiny_gguf()
    del raw.fields["tokenizer.chat_template"]
    path = raw.write(tmp_path / "UPPER.GGUF")
    assert "ChatML" in run(tmp_path / "data", "models", "add", path).text
    assert "chat_template: chatml" in run(tmp_path / "data", "models", "show", "upper").text
