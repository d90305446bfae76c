"""Images on a real X server: dragged from another program, pasted from its clipboard, cut out of the screen; sent."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from PIL import Image

from autoglm_desktop.core.conversation import NodeState
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.store.store import Store
from autoglm_desktop.ui.paths import DataPaths
from tests.helpers.display import application, until, virtual_display
from tests.helpers.dropped import picture, with_lines

pytestmark = pytest.mark.window

if not (shutil.which("Xvfb") and shutil.which("xdotool") and shutil.which("openbox") and shutil.which("import")):
    pytest.skip("needs Xvfb, openbox, xdotool and ImageMagick", allow_module_level=True)

AMBER, TEAL = (199, 125, 0), (15, 157, 138)


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with virtual_display() as name:
        yield name


@contextmanager
def program(display: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A Python module as a process on the display; ended with the block."""
    environment = os.environ | {"DISPLAY": display}
    environment.pop("QT_QPA_PLATFORM", None)
    process = subprocess.Popen(
        [sys.executable, "-m", *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


class Screen:
    """Hands on mouse and keys, eyes on the screen."""

    def __init__(self, display: str, folder: Path) -> None:
        self._environment = os.environ | {"DISPLAY": display}
        self._folder = folder

    def do(self, *words: str) -> None:
        subprocess.run(["xdotool", *words], env=self._environment, check=True, timeout=60, stdout=subprocess.DEVNULL)

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Press, move in steps as a hand does, release."""
        self.do("mousemove", *map(str, start), "mousedown", "1")
        for step in range(1, 11):
            place = [str(a + (b - a) * step // 10) for a, b in zip(start, end, strict=True)]
            self.do("mousemove", "--sync", *place, "sleep", "0.05")
        self.do("sleep", "0.2", "mouseup", "1")

    def seen(self) -> Image.Image:
        path = self._folder / "screen.png"
        subprocess.run(["import", "-window", "root", str(path)], env=self._environment, check=True, timeout=60)
        return Image.open(path).convert("RGB")

    def shows(self, color: tuple[int, int, int], pixels: int) -> bool:
        """Whether at least so many pixels have just this colour."""
        found = {color: count for count, color in self.seen().getcolors(1 << 24) or []}
        return found.get(color, 0) >= pixels

    def state(self) -> dict[str, object]:
        path = self._folder / "state.json"
        found: dict[str, object] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return found


def test_dragged_pasted_and_cut_out_images_are_sent_and_shown(display: str, tmp_path: Path) -> None:
    amber = picture(tmp_path / "amber.png", (400, 300), "#C77D00")
    teal = picture(tmp_path / "teal.png", (300, 300), "#0F9D8A")
    screen = Screen(display, tmp_path)
    with program(display, "tests.helpers.images_child", str(tmp_path)):
        assert until(lambda: screen.state().get("visible") is True)
        with program(display, "tests.helpers.other_program", "drag", str(amber)) as source:
            assert source.stdout is not None
            assert source.stdout.readline() == "ready\n"
            screen.do("search", "--sync", "--onlyvisible", "--pid", str(source.pid))
            screen.drag((140, 160), (900, 300))
            assert until(lambda: screen.state()["attached"] == ["amber.png"], 20)
        with program(display, "tests.helpers.other_program", "copy", str(teal)) as source:
            assert source.stdout is not None
            assert source.stdout.readline() == "ready\n"
            screen.do("mousemove", "900", "700", "click", "1", "key", "ctrl+v")
            assert until(lambda: len(list(screen.state()["attached"])) == 2, 20)  # type: ignore[call-overload]
        screen.do("key", "ctrl+shift+s")
        assert until(lambda: screen.state()["choosing"] is True, 20)
        screen.drag((50, 50), (250, 200))
        assert until(lambda: screen.state()["choosing"] is False and screen.state()["visible"] is True, 20)
        assert until(lambda: screen.state()["attached"] == ["amber.png", "Pasted image", "Screenshot"], 20)
        screen.do("key", "ctrl+l", "type", "What does the note say?")
        screen.do("key", "Return")
        assert until(lambda: screen.state()["answers"] == 1, 20)
        assert until(lambda: screen.shows(AMBER, 5000) and screen.shows(TEAL, 5000), 20)


@pytest.mark.model
def test_what_stands_in_a_pasted_image_is_read_and_answered(
    display: str, tmp_path: Path, shared_data_dir: Path
) -> None:
    """The whole application: the clipboard of another program, the real reader, the real model."""
    note = with_lines(tmp_path / "note.png", ["Meeting on Friday", "Room 302", "Please bring your laptop"])
    data = tmp_path / "data"
    data.mkdir()
    (data / "models").symlink_to(shared_data_dir / "models")
    settings = {"language": "en", "temperature": 0.0, "max_tokens": 32}
    DataPaths(data).settings.write_text(json.dumps(settings), encoding="utf-8")
    with application(display, data) as app, program(display, "tests.helpers.other_program", "copy", str(note)) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        app.xdotool("windowfocus", "--sync", app.windows()[0], "key", "ctrl+l", "key", "ctrl+v")
        app.xdotool("type", "--delay", "2", "In which room is the meeting?")

        def answered() -> bool:
            """Enter does nothing while the image is still being taken in."""
            app.xdotool("key", "Return")
            return _answers(data) == [NodeState.COMPLETE]

        assert until(answered, 90.0)
        assert app.end() == (0, "")
    store = Store(DataPaths(data).store)
    prompt, answer = store.path_of(store.conversations()[0].id)
    store.close()
    image = prompt.parts[0]
    assert isinstance(image, ImagePart)
    assert image.reading is not None
    assert [line.text for line in image.reading.text_lines] == [
        "Meeting on Friday",
        "Room 302",
        "Please bring your laptop",
    ]
    assert "302" in answer.text


def _answers(data_dir: Path) -> list[str]:
    """States of the answers, as they lie on the disk of an application that runs."""
    path = DataPaths(data_dir).store
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return [state for (state,) in db.execute("SELECT state FROM node WHERE role = 'assistant'")]
