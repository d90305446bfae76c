"""What images and speech cost on this machine: ``python packaging/measure_senses.py``. Prints JSON.

- each image (a drawn screenshot of 1920 × 1080 pixels unless some are given): reading, cold and warm,
- each ``--recording`` (else what espeak-ng says): how many times faster than it was spoken it is written down,
- cold starts of the engine with text alone and with everything, in memory and time,
- the window while its microphone button is held for 30 s and what is said is written down meanwhile: stalls, samples
  that came and that were lost. The microphone is that of a PulseAudio of its own where that is installed, else samples
  handed over in real time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from autoglm_desktop.assets import default_data_dir
from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.events import Failed, PerceptionEvent
from autoglm_desktop.core.perception import ImageRead, LookRequest, Transcribed, TranscribeRequest
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.settings import DEFAULT_MODEL_ID, SPEECH_MODEL_ID
from autoglm_desktop.engine.client import EngineClient, EngineOptions
from autoglm_desktop.engine.cold_start import compare
from autoglm_desktop.models.library import ModelLibrary

if TYPE_CHECKING:
    from autoglm_desktop.ui.shell import Shell

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # for the helpers of the tests

HOLD_S = 30.0
_LINE = "Settings {n}: the quick brown fox jumps over the lazy dog, 0123456789"
_SAID = (
    "The weather was fine this morning. We walked along the river to the old bridge. There were many people in the "
    "park. Some of them were reading books. Others were playing with their children. In the afternoon it began to "
    "rain. We went home and made a cup of tea. Then we talked about our plans for the summer. "
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", nargs="*", type=Path)
    parser.add_argument("--recording", action="append", default=[], type=Path)
    parser.add_argument("--child", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return in_window(*options.child)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        said = _spoken(folder / "said.wav")
        images = options.image or [_screenshot(folder / "screen.png")]

        def engine() -> EngineClient:
            return EngineClient(EngineOptions(0, 1 << 28, 0, folder / "engine.log"))

        try:
            found: dict[str, object] = {path.name: _look(engine, path) for path in images}
            found |= {path.name: _transcribe(engine, path) for path in options.recording or [said]}
            found["cold_start"] = _starts(engine)
        except AppError as error:
            raise SystemExit(error.report.line()) from error
        found["held_for_30_s"] = _hold(folder, said)
    print(json.dumps(found | {"load_average": os.getloadavg()[0]}, indent=1))
    return 0


def _look(make: Callable[[], EngineClient], path: Path) -> dict[str, object]:
    """Cold: from the start of a fresh engine to the reading; warm: the second time in the same process."""
    engine = make()
    try:
        cold_s, first = _timed(engine, LookRequest("cold", str(path.absolute())))
        warm_s, second = _timed(engine, LookRequest("warm", str(path.absolute())))
    finally:
        engine.close()
    assert isinstance(first, ImageRead)
    assert isinstance(second, ImageRead)
    lines = len(second.reading.text_lines)
    return {"cold_s": round(cold_s, 2), "load_s": round(first.load_s, 2), "warm_s": round(warm_s, 2), "lines": lines}


def _transcribe(make: Callable[[], EngineClient], path: Path) -> dict[str, object]:
    folder = ModelLibrary(default_data_dir()).ref(SPEECH_MODEL_ID).folder
    engine = make()
    try:
        _, first = _timed(engine, TranscribeRequest("cold", str(path.absolute()), folder))
        _, second = _timed(engine, TranscribeRequest("warm", str(path.absolute()), folder))
    finally:
        engine.close()
    assert isinstance(first, Transcribed)
    assert isinstance(second, Transcribed)
    heard = second.transcript
    times = heard.duration_s / heard.seconds
    return {
        "load_s": round(first.load_s, 2),
        "duration_s": round(heard.duration_s, 2),
        "times_real_time": round(times, 2),
    }


def _starts(make: Callable[[], EngineClient]) -> dict[str, object]:
    library = ModelLibrary(default_data_dir())
    return compare(make, library.chat_ref(DEFAULT_MODEL_ID), Tier.INT4, library.ref(SPEECH_MODEL_ID).folder, 1)


def _timed(engine: EngineClient, request: LookRequest | TranscribeRequest) -> tuple[float, ImageRead | Transcribed]:
    events: SimpleQueue[PerceptionEvent] = SimpleQueue()
    began_s = time.perf_counter()
    engine.perceive(request, events.put)
    while True:
        event = events.get(timeout=300)
        if isinstance(event, Failed):
            raise SystemExit(event.error.line())
        if isinstance(event, ImageRead | Transcribed):
            return time.perf_counter() - began_s, event


def _screenshot(path: Path) -> Path:
    image = Image.new("RGB", (1920, 1080), "white")
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(24)
    for number in range(30):
        pen.text((60, 30 + number * 34), _LINE.format(n=number), font=font, fill="black")
    image.save(path)
    return path


def _spoken(path: Path) -> Path:
    """Somewhat more than half a minute of speech."""
    subprocess.run(["espeak-ng", "-v", "en-us", "-s", "150", "-w", str(path), _SAID * 2], check=True, timeout=60)
    return path


# -- the window


def _hold(folder: Path, said: Path) -> dict[str, object]:
    data_dir = folder / "data"
    data_dir.mkdir()
    (data_dir / "models").symlink_to(default_data_dir() / "models")
    settings = {"model_id": DEFAULT_MODEL_ID, "language": "en", "voice_language": "en"}
    (data_dir / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    with _sound(folder / "sound", said) as (environment, source):
        if not environment.get("DISPLAY"):
            environment |= {"QT_QPA_PLATFORM": "offscreen"}
        command = [sys.executable, __file__, "--child", str(data_dir), str(said)]
        subprocess.run(command, env=environment | {"MEASURE_SOURCE": source}, check=True, timeout=300)
    measured: dict[str, object] = json.loads((data_dir / "measured.json").read_text(encoding="utf-8"))
    return {"microphone": source} | measured


@contextmanager
def _sound(folder: Path, said: Path) -> Iterator[tuple[dict[str, str], str]]:
    """What leads programs to a microphone that hears `said`, over and over, and its name."""
    from tests.helpers.audio import MISSING, sound_server

    if MISSING:
        yield dict(os.environ), "synthetic"
        return
    with sound_server(folder) as server:
        loop = f"while paplay --device=mic {said}; do :; done"
        player = subprocess.Popen(["sh", "-c", loop], env=server.environment, stderr=subprocess.DEVNULL)
        try:
            yield dict(server.environment), "PulseAudio"
        finally:
            player.terminate()
            player.wait(10)


def in_window(data_dir: Path, said: Path) -> int:
    """The measured process: the application as it always is, with a probe that holds the button."""
    from autoglm_desktop import app

    probes: list[object] = []
    status = app.run_window(["--data-dir", str(data_dir)], on_shown=lambda shell: probes.append(_probe(shell, said)))
    measured = getattr(probes[0], "measured", {})
    (data_dir / "measured.json").write_text(json.dumps(measured), encoding="utf-8")
    return status


def _on_time() -> Callable[[float, threading.Event], None]:
    """A pace that does not fall behind real time, however late each wait ends."""
    due_s = float("inf")

    def wait(seconds: float, stopped: threading.Event) -> None:
        nonlocal due_s
        due_s = min(due_s, time.monotonic()) + seconds
        stopped.wait(max(0.0, due_s - time.monotonic()))

    return wait


def _probe(shell: Shell, said: Path) -> object:
    """Attach the probe; its class is made here because Qt is not imported before the application does it."""
    from PySide6.QtCore import QObject, Qt, QTimer
    from PySide6.QtTest import QTest

    from autoglm_desktop.devices.microphone import Recording, SyntheticMicrophone
    from autoglm_desktop.ui.voice.recorder import Recorder
    from autoglm_desktop.ui.voice.state import VoicePhase, VoiceState
    from tests.helpers.audio import read_wav
    from tests.helpers.stalls import Stalls

    voice = shell.voice
    if os.environ["MEASURE_SOURCE"] == "synthetic":
        voice._microphone = SyntheticMicrophone(read_wav(said), pace=_on_time())

    class Probe(QObject):
        def __init__(self) -> None:
            super().__init__(shell.window)
            self.measured: dict[str, object] = {}
            self.stalls = Stalls(self)
            self.began_ns = 0
            self.before_s = 0.0
            voice.dictation.changed.connect(self.on_changed)
            QTimer.singleShot(3000, self, self.press)  # the window is at rest by then

        def press(self) -> None:
            QTest.mousePress(voice.composer.microphone, Qt.MouseButton.LeftButton)
            for recorder in voice.findChildren(Recorder):
                recorder.done.connect(self.on_done)

        def on_changed(self, state: VoiceState) -> None:
            if state.phase is VoicePhase.RECORDING and not self.stalls.isActive() and not self.measured:
                self.before_s, self.began_ns = state.seconds, time.monotonic_ns()
                self.stalls.begin()
                QTimer.singleShot(round(HOLD_S * 1000), self, self.release)
            elif state.phase is VoicePhase.IDLE and self.measured:
                self.measured |= {"words": len(voice.composer.text().split())}
                shell.window.close()

        def release(self) -> None:
            self.stalls.stop()
            held_s = (time.monotonic_ns() - self.began_ns) / 1e9
            self.measured = {
                "held_s": round(held_s, 3),
                "samples_expected": round((held_s + self.before_s) * 16_000),
                **self.stalls.told(),
            }
            QTest.mouseRelease(voice.composer.microphone, Qt.MouseButton.LeftButton)

        def on_done(self, recording: Recording) -> None:
            self.measured |= {
                "samples": recording.sample_count,
                "samples_dropped": recording.dropped,
                "overflows": recording.overflows,
            }

    return Probe()


if __name__ == "__main__":
    sys.exit(main())
