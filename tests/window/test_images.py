"""Images on a real X server: dragged from another program, pasted from its clipboard, cut out of the screen; sent."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.display import until, virtual_display
from tests.helpers.dropped import picture

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
