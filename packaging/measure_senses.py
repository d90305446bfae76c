"""How quickly images and speech are read by the engine, cold and warm: ``python packaging/measure_senses.py``.

Reads a drawn screenshot of 1920 × 1080 pixels (or the images given) and each ``--recording``. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from PIL import Image, ImageDraw, ImageFont

from autoglm_desktop.assets import default_data_dir
from autoglm_desktop.core.events import Failed, PerceptionEvent
from autoglm_desktop.core.perception import ImageRead, LookRequest, Transcribed, TranscribeRequest
from autoglm_desktop.core.settings import SPEECH_MODEL_ID
from autoglm_desktop.engine.client import EngineClient, EngineOptions
from autoglm_desktop.models.library import ModelLibrary

_LINE = "Settings {n}: the quick brown fox jumps over the lazy dog, 0123456789"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", nargs="*", type=Path)
    parser.add_argument("--recording", action="append", default=[], type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images = options.image or [_screenshot(Path(folder) / "screen.png")]

        def engine() -> EngineClient:
            return EngineClient(EngineOptions(0, 1 << 28, 0, Path(folder) / "engine.log"))

        found = {str(path): _look(engine, path) for path in images}
        found |= {str(path): _transcribe(engine, path) for path in options.recording}
    print(json.dumps(found, indent=1))


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


if __name__ == "__main__":
    main()
