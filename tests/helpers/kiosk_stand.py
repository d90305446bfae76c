"""A kiosk at its stand: a real process under a window manager whose keys lead out, hands and eyes of a visitor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autoglm_desktop.assets import resource
from autoglm_desktop.core.kiosk import make_kiosk
from autoglm_desktop.devices.x_server import Rect, XServer
from tests.helpers.display import until, window_manager, x_server

SCREEN = Rect(0, 0, 1440, 900)
MANAGERS = ("openbox", "icewm")
_OPENBOX_KEYS = {
    "W-d": '<action name="ToggleShowDesktop"/>',
    "W-e": '<action name="Execute"><command>touch {mark}</command></action>',
    "C-A-t": '<action name="Execute"><command>touch {mark}</command></action>',
    "Print": '<action name="Execute"><command>touch {mark}</command></action>',
    "Super_L": '<action name="Execute"><command>touch {mark}</command></action>',
    "A-Tab": '<action name="NextWindow"/>',
    "A-F4": '<action name="Close"/>',
    "A-F9": '<action name="Iconify"/>',
    "A-space": '<action name="ShowMenu"><menu>client-menu</menu></action>',
    "F11": '<action name="ToggleFullscreen"/>',
    "C-A-Right": '<action name="GoToDesktop"><to>right</to></action>',
    "C-A-Left": '<action name="GoToDesktop"><to>left</to></action>',
}
_ICEWM_KEYS = ("Super+e", "Ctrl+Alt+t", "Print", "Super_L")
_ICEWM_PREFERENCES = """
KeySysShowDesktop="Super+d"
KeySysSwitchNext="Alt+Tab"
KeyWinClose="Alt+F4"
KeyWinMinimize="Alt+F9"
KeyWinMenu="Alt+Space"
KeyWinFullscreen="F11"
KeySysWorkspaceRight="Ctrl+Alt+Right"
KeySysWorkspaceLeft="Ctrl+Alt+Left"
"""


class Stand:
    """What a visitor does and sees. `mark` is a file that the window manager's keys make."""

    def __init__(self, display: str, folder: Path) -> None:
        self.display, self.folder, self.mark = display, folder, folder / "mark"
        self.pin, self.hold_keys = "", True
        self._environment = {k: v for k, v in os.environ.items() if k != "QT_QPA_PLATFORM"} | {"DISPLAY": display}
        server = XServer.connect(display)
        assert server is not None
        self.server = server

    @property
    def state(self) -> dict[str, Any]:
        """What the kiosk's process wrote last."""
        found: dict[str, Any] = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
        return found

    def do(self, *words: object) -> str:
        """Run xdotool; {id} is the kiosk's window."""
        line = [str(word).replace("{id}", str(self.state["id"]) if "{id}" in words else "") for word in words]
        done = subprocess.run(["xdotool", *line], env=self._environment, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def holds(self) -> bool:
        """Whether the kiosk fills the screen, nothing lies above it, keys go to it, and it holds them if it may."""
        state = self.state
        window, server = state["id"], self.server
        seen = server.shown(window) == SCREEN and not server.covering(window)
        return seen and server.has_focus(window) and state["keys"] is self.hold_keys

    @contextmanager
    def program(self, module: str, *words: str) -> Iterator[subprocess.Popen[str]]:
        """A module of the tests as a process on the display; killed with the block if it is still there."""
        process = subprocess.Popen(
            [sys.executable, "-m", f"tests.helpers.{module}", *words],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    @contextmanager
    def kiosk(self) -> Iterator[subprocess.Popen[str]]:
        """The kiosk, once it told its state."""
        (self.folder / "data").mkdir(exist_ok=True)
        (self.folder / "state.json").unlink(missing_ok=True)
        if not (self.folder / "kiosk.toml").exists():
            template = resource("kiosk.toml").read_text(encoding="utf-8")
            template = template.replace("hold_keys = true", f"hold_keys = {str(self.hold_keys).lower()}")
            self.pin = make_kiosk(self.folder / "kiosk.toml", template)
        with self.program("kiosk_child", str(self.folder)) as process:
            assert until((self.folder / "state.json").exists)
            yield process
            process.send_signal(signal.SIGTERM)  # nothing happens to one that ended
            process.wait(30)

    @contextmanager
    def other_window(self, name: str = "notes", *words: str) -> Iterator[int]:
        """A white window of another program; its id."""
        with self.program("covering_window", name, *words) as process:
            assert process.stdout is not None
            yield int(process.stdout.readline())

    def comes_back(self) -> bool:
        """Wait until the kiosk holds the screen for a second; False when it does not in time."""
        looks = 0

        def held() -> bool:
            nonlocal looks
            looks = looks + 1 if self.holds() else 0
            return looks == 10

        return until(held, 20.0)


@contextmanager
def manager(display: str, name: str, folder: Path) -> Iterator[None]:
    """One of MANAGERS, with keys that start programs, switch and close windows and make the file ``mark``."""
    mark = folder / "mark"
    if name == "openbox":
        keys = "".join(
            f'<keybind key="{key}">{action.format(mark=mark)}</keybind>' for key, action in _OPENBOX_KEYS.items()
        )
        rc = f'<openbox_config xmlns="http://openbox.org/3.4/rc"><keyboard>{keys}</keyboard></openbox_config>'
        (folder / "rc.xml").write_text(rc, encoding="utf-8")
        words, environment = ["openbox", "--config-file", str(folder / "rc.xml")], dict[str, str]()
    else:
        (folder / "keys").write_text("".join(f'key "{key}" touch {mark}\n' for key in _ICEWM_KEYS), encoding="utf-8")
        (folder / "preferences").write_text(_ICEWM_PREFERENCES, encoding="utf-8")
        words, environment = ["icewm"], {"ICEWM_PRIVCFG": str(folder)}
    with window_manager(display, *words, **environment):
        yield


@contextmanager
def stand(folder: Path) -> Iterator[Stand]:
    """A display without a window manager."""
    with x_server() as display:
        one = Stand(display, folder)
        try:
            yield one
        finally:
            one.server.close()
