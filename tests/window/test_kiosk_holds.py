"""The kiosk under real window managers: no key and no window of another program leads a visitor out of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.display import until
from tests.helpers.kiosk_stand import MANAGERS, Stand, manager, stand

pytestmark = [pytest.mark.window, pytest.mark.timeout(300)]

if not all(shutil.which(name) for name in ("Xvfb", "xdotool", *MANAGERS)):
    pytest.skip("needs Xvfb, xdotool, openbox and icewm", allow_module_level=True)

KEYS = (
    *("super+d", "super+e", "ctrl+alt+t", "alt+Tab", "alt+F4", "alt+F9", "ctrl+q", "ctrl+w", "alt+space"),
    *("Super_L", "ctrl+alt+Left", "ctrl+alt+Right", "F11", "Print"),
)


@pytest.fixture(params=MANAGERS)
def booth(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stand]:
    """A display whose window manager obeys its keys."""
    with stand(tmp_path) as one, manager(one.display, request.param, tmp_path):
        press_until_marked(one)
        yield one


def press_until_marked(booth: Stand) -> None:
    """The window manager runs and nobody holds its keys."""

    def marked() -> bool:
        booth.do("key", "super+e")
        return booth.mark.exists()

    assert until(marked)
    booth.mark.unlink()


def write(booth: Stand, text: str) -> None:
    """Touch the field, then type."""
    booth.do("mousemove", 800, booth.state["photo_button"][1], "click", 1)
    assert until(lambda: booth.state["place"] == "visitor")
    booth.do("type", text)


def test_no_key_leads_out(booth: Stand) -> None:
    with booth.kiosk(), booth.other_window():
        assert until(booth.holds)
        window = booth.state["id"]
        write(booth, "before")
        assert until(lambda: booth.state["text"] == "before")
        for key in KEYS:
            booth.do("key", key)
            assert booth.holds(), key
        booth.do("type", " after")
        assert until(lambda: booth.state["text"] == "before after")
        assert booth.state["id"] == window, "it was never away"
        assert not booth.mark.exists()


@pytest.mark.parametrize("end", ["signal", "killed", "staff"])
def test_the_keys_are_free_again_when_it_ended(booth: Stand, end: str) -> None:
    with booth.kiosk() as process:
        assert until(booth.holds)
        if end == "killed":
            process.kill()
        if end == "staff":
            booth.do("key", "ctrl+alt+s")
            assert until(lambda: booth.state["page"] == "PinPad")
            booth.do("type", booth.pin)
            booth.do("key", "Return")
            assert until(lambda: booth.state["place"] == "staff")
            booth.do("mousemove", *booth.state["end_button"], "click", 1)
            process.wait(30)
    assert process.returncode == (-9 if end == "killed" else 0)
    press_until_marked(booth)


def test_keys_that_another_program_holds_at_the_start_are_taken_when_they_are_free(tmp_path: Path) -> None:
    with stand(tmp_path) as booth, manager(booth.display, "openbox", tmp_path):
        press_until_marked(booth)
        with booth.other_window(), booth.other_window():
            booth.do("keydown", "alt", "key", "Tab")  # the list of windows is open, and holds the keyboard
            with booth.kiosk():
                assert until(lambda: booth.server.shown(booth.state["id"]) is not None)
                assert not booth.state["keys"]
                booth.do("keyup", "alt")
                assert until(booth.holds)
                booth.do("key", "super+e")
                write(booth, "x")
                assert until(lambda: booth.state["text"] == "x")
                assert not booth.mark.exists()


def test_a_kiosk_that_leaves_the_desktop_its_keys_comes_back(booth: Stand) -> None:
    booth.hold_keys = False
    with booth.kiosk(), booth.other_window():
        assert booth.comes_back()
        for key in ("super+d", "alt+Tab", "alt+F4", "alt+F9", "F11", "ctrl+alt+Right", "super+d", "alt+F9"):
            booth.do("key", key)
            assert booth.comes_back(), key
        booth.do("key", "super+e")
        assert until(booth.mark.exists)


def test_it_comes_back_whatever_is_done_to_its_window(booth: Stand) -> None:
    with booth.kiosk():
        assert until(booth.holds)
        write(booth, "kept")
        for words in (
            ("windowminimize", "{id}"),
            ("windowunmap", "{id}"),
            ("windowlower", "{id}"),
            ("windowsize", "{id}", 300, 200),
            ("windowmove", "{id}", 500, 300),
            ("windowstate", "--remove", "FULLSCREEN", "{id}"),
            ("set_num_desktops", 3, "set_desktop", 1),
            ("set_desktop_for_window", "{id}", 2),
            ("set_desktop", 0),
        ):
            booth.do(*words)
            assert booth.comes_back(), words
        booth.do("type", "!")
        assert until(lambda: booth.state["text"] == "kept!")


@pytest.mark.parametrize("kind", [(), ("above",)], ids=["ordinary", "above"])
def test_a_window_of_another_program_does_not_stay_over_it(booth: Stand, kind: tuple[str, ...]) -> None:
    with booth.kiosk():
        assert until(booth.holds)
        with booth.other_window("notes", *kind) as other:
            for words in (
                ("windowraise", other),
                ("windowfocus", other),
                ("windowactivate", other),
                ("windowreparent", "{id}", other),
            ):
                booth.do(*words)
                assert booth.comes_back(), words


def test_a_keyboard_on_the_screen_stays_over_it(booth: Stand) -> None:
    with booth.kiosk():
        assert until(booth.holds)
        with booth.other_window("onboard", "above") as keyboard:
            assert until(lambda: booth.server.covering(booth.state["id"]) == [keyboard])
            with booth.other_window("notes"):
                pass  # what comes meanwhile is put below, and the keyboard is left alone
            write(booth, "by hand")
            assert until(lambda: booth.state["text"] == "by hand")
            assert booth.server.covering(booth.state["id"], ("onboard",)) == []


def test_it_does_not_need_a_window_manager(tmp_path: Path) -> None:
    with stand(tmp_path) as booth, booth.kiosk():
        assert until(booth.holds)
        with booth.other_window() as other:
            for words in (
                ("windowraise", other),
                ("windowfocus", other),
                ("windowsize", "{id}", 300, 200),
                ("windowmove", "{id}", 500, 300),
                ("windowunmap", "{id}"),
            ):
                booth.do(*words)
                assert booth.comes_back(), words


def test_a_window_manager_may_come_and_go(tmp_path: Path) -> None:
    with stand(tmp_path) as booth, booth.kiosk():
        for name in MANAGERS:
            with manager(booth.display, name, tmp_path):
                assert booth.comes_back(), name
                booth.do("windowminimize", "{id}")
                assert booth.comes_back(), name
            assert booth.comes_back(), name


def test_the_camera_opens_no_window(booth: Stand) -> None:
    with booth.kiosk():
        assert until(booth.holds)
        booth.do("mousemove", *booth.state["photo_button"], "click", 1)
        assert until(lambda: booth.state["page"] == "PhotoPage" and booth.state["live"])
        assert booth.holds()
        named = booth.do("search", "--onlyvisible", "--name", "AutoGLM|Camera|摄像头").split()
        assert named == [str(booth.state["id"])]
        booth.do("windowminimize", "{id}")
        assert until(booth.holds)
        assert booth.state["page"] == "PhotoPage"
