"""The real window, the real button, a real sound server and recogniser: what is said stands in the composer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jiwer
import pytest

from autoglm_desktop.core.settings import DEFAULT_MODEL_ID
from autoglm_desktop.ui.paths import DataPaths
from tests.helpers.audio import MISSING, SoundServer, sound_server, speak
from tests.helpers.display import until, virtual_display

pytestmark = [pytest.mark.window, pytest.mark.model]

SENTENCE = "The weather was fine this morning and we walked along the river."
LONG = (
    "The weather was fine this morning. We walked along the river to the old bridge. There were many people in the "
    "park. Some of them were reading books. Others were playing with their children. In the afternoon it began to "
    "rain. We went home and made a cup of tea. Then we talked about our plans for the summer."
)

if not (shutil.which("Xvfb") and shutil.which("xdotool") and shutil.which("openbox")):
    pytest.skip("needs Xvfb, openbox and xdotool", allow_module_level=True)
if MISSING:
    pytest.skip(f"needs {', '.join(MISSING)}", allow_module_level=True)


@dataclass(slots=True)
class Talker:
    """The window with its probe."""

    process: subprocess.Popen[str]
    environment: dict[str, str]
    report: Path

    @property
    def told(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self.report.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return found

    def xdotool(self, *words: str | int) -> None:
        subprocess.run(["xdotool", *map(str, words)], env=self.environment, check=True, timeout=60)

    def wait_idle(self) -> dict[str, Any]:
        """What the probe tells once a recording was written down."""
        assert until(lambda: self.told.get("phases", [])[-2:] == ["writing", "idle"], 120.0), self.told
        return self.told


@contextmanager
def talker(folder: Path, shared_data_dir: Path) -> Iterator[tuple[Talker, SoundServer]]:
    data_dir = folder / "data"
    data_dir.mkdir()
    (data_dir / "models").symlink_to(shared_data_dir / "models")
    settings = {"model_id": DEFAULT_MODEL_ID, "language": "en", "voice_language": "en"}
    DataPaths(data_dir).settings.write_text(json.dumps(settings), encoding="utf-8")
    with virtual_display() as display, sound_server(folder / "sound") as server:
        environment = server.environment | {"DISPLAY": display, "HOME": os.environ.get("HOME", str(folder))}
        environment.pop("QT_QPA_PLATFORM", None)
        report = folder / "report.json"
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.voice_child", str(report), "--data-dir", str(data_dir)],
            env=environment,
            text=True,
        )
        killer = threading.Timer(240.0, process.kill)
        killer.start()
        found = Talker(process, environment, report)
        try:
            assert until(lambda: "button" in found.told), "no window appeared"
            yield found, server
            process.terminate()
            assert process.wait(30) == 0
        finally:
            killer.cancel()
            killer.join()
            if process.poll() is None:
                process.kill()
                process.wait(10)


def recording(found: Talker, data_dir: Path, *, times: int = 1) -> bool:
    """Whether the application has logged so often that samples come in."""
    log = DataPaths(data_dir).log
    return log.exists() and log.read_text(encoding="utf-8").count(": recording\n") >= times


def words(text: str) -> list[str]:
    return "".join(sign for sign in text.lower() if sign.isalnum() or sign.isspace()).split()


def wrong_words(text: str) -> float:
    """Word error rate against the sentence: one of twelve may be heard differently."""
    return float(jiwer.wer(" ".join(words(SENTENCE)), " ".join(words(text)) or "-"))


def press_button(found: Talker, data_dir: Path) -> None:
    """Press the microphone button, wherever the window manager has put the window by now, until it records."""
    for _ in range(3):
        found.xdotool("mousemove", *found.told["button"], "mousedown", 1)
        if until(lambda: recording(found, data_dir), 8.0):
            return
        found.xdotool("mouseup", 1)
    raise AssertionError(f"it does not record: {found.process.poll()} {found.told}")


def hold_mouse_and_play(found: Talker, server: SoundServer, folder: Path, text: str) -> dict[str, Any]:
    """Press the button, play the text into the microphone once it records, let go; what came of it."""
    said = speak(text, folder / "said.wav")
    press_button(found, folder / "data")
    assert server.play(said).wait(90) == 0
    found.xdotool("sleep", "0.5", "mouseup", 1)
    return found.wait_idle()


def test_a_sentence_said_while_the_button_is_held_stands_in_the_composer_unsent(
    tmp_path: Path, shared_data_dir: Path
) -> None:
    with talker(tmp_path, shared_data_dir) as (found, server):
        told = hold_mouse_and_play(found, server, tmp_path, SENTENCE)
        assert wrong_words(told["text"]) <= 0.15, told["text"]
        assert not list(Path(os.environ.get("TMPDIR", "/tmp")).glob("autoglm-voice-*/*.wav"))  # noqa: S108


def test_ctrl_space_held_and_silence_gives_no_text(tmp_path: Path, shared_data_dir: Path) -> None:
    with talker(tmp_path, shared_data_dir) as (found, server):
        window = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--name", "AutoGLM Desktop$"],
            env=found.environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()[0]
        found.xdotool("windowfocus", "--sync", window, "keydown", "ctrl", "keydown", "space")
        assert until(lambda: recording(found, tmp_path / "data"), 20.0)
        assert server.play(speak(SENTENCE, tmp_path / "said.wav")).wait(60) == 0
        found.xdotool("sleep", "0.5", "keyup", "space", "keyup", "ctrl")
        told = found.wait_idle()
        assert wrong_words(told["text"]) <= 0.15, told["text"]
        found.xdotool("key", "ctrl+a", "key", "Delete", "keydown", "ctrl", "keydown", "space")
        assert until(lambda: recording(found, tmp_path / "data", times=2), 20.0)
        found.xdotool("sleep", "2", "keyup", "space", "keyup", "ctrl")
        assert until(lambda: "silence" in found.told["strip"] or "Nothing" in found.told["strip"]), found.told
        assert found.told["text"] == ""


def test_thirty_seconds_of_holding_lose_nothing(
    tmp_path: Path, shared_data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints the stalls of the window; `packaging/measure_senses.py` measures them."""
    with talker(tmp_path, shared_data_dir) as (found, server):
        told = hold_mouse_and_play(found, server, tmp_path, f"{LONG} {LONG}")
    gaps = sorted(told["gaps_ms"])
    expected_s = told["held_s"] + told["first_block_s"]
    log = DataPaths(tmp_path / "data").log.read_text(encoding="utf-8")
    count = int(log.split("recorded ")[1].split(" samples")[0])
    with capsys.disabled():
        print(
            f"\nheld {told['held_s']:.2f} s: {count} samples, expected {expected_s * 16_000:.0f}; stalls: "
            f"{len(gaps)} beats, 99.9 % {gaps[int(len(gaps) * 0.999)]:.1f} ms, worst {gaps[-1]:.1f} ms"
        )
    assert told["held_s"] > 30
    assert f"recorded {count} samples, 0 dropped" in log
    assert abs(count / 16_000 - expected_s) < 0.5
    said, heard = words(LONG), words(told["text"])
    assert len(set(said) & set(heard)) >= 0.85 * len(set(said)), told["text"]
    assert told.get("partial"), "the begin was not written down while the rest was spoken"


def test_unplugged_in_the_middle_keeps_what_was_said_and_the_window(tmp_path: Path, shared_data_dir: Path) -> None:
    with talker(tmp_path, shared_data_dir) as (found, server):
        press_button(found, tmp_path / "data")
        assert server.play(speak(SENTENCE, tmp_path / "said.wav")).wait(60) == 0
        found.xdotool("sleep", "0.5")
        server.unplug()
        told = found.wait_idle()
        found.xdotool("mouseup", 1)
        assert wrong_words(told["text"]) <= 0.15, told["text"]
        assert "stopped in the middle" in told["strip"]
