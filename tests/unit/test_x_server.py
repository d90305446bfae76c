"""What an X server shows of a window, over a made-up tree of windows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from autoglm_desktop.devices.x_server import Rect, XServer
from autoglm_desktop.devices.xcb import Geometry, Xcb

ROOT, OURS, OTHER = 100, 1 << 20, 1 << 21
SCREEN = Geometry(0, 0, 1440, 900, 0)


@dataclass(slots=True)
class Tree:
    """Windows by id: the parent and the place in it; children lie over each other in the order of their making."""

    windows: dict[int, tuple[int, Geometry]] = field(default_factory=lambda: {ROOT: (0, SCREEN)})
    unmapped: set[int] = field(default_factory=set)
    names: dict[int, tuple[str, ...]] = field(default_factory=dict)
    sunk: list[int] = field(default_factory=list)

    def add(self, window: int, x: int, y: int, width: int, height: int, *, parent: int = ROOT, border: int = 0) -> None:
        self.windows[window] = (parent, Geometry(x, y, width, height, border))

    def server(self) -> XServer:
        return XServer(cast(Xcb, self))

    def parent(self, window: int) -> int:
        return self.windows.get(window, (0, SCREEN))[0]

    def children(self, window: int) -> tuple[int, ...]:
        return tuple(one for one, (parent, _) in self.windows.items() if parent == window)

    def geometry(self, window: int) -> Geometry | None:
        return self.windows[window][1] if window in self.windows else None

    def is_painted(self, window: int) -> bool:
        return window not in self.unmapped

    def owner(self, window: int) -> int:
        return window >> 20

    def stack(self, window: int, *, above: bool) -> None:
        assert not above
        self.sunk.append(window)

    def classes(self, window: int) -> tuple[str, ...]:
        return self.names.get(window, ())


def test_a_frame_moves_a_window_and_a_parent_cuts_it() -> None:
    tree = Tree()
    tree.add(OTHER, 100, 50, 400, 300, border=2)
    tree.add(OURS, 10, 20, 1440, 900, parent=OTHER)
    assert tree.server().shown(OURS) == Rect(112, 72, 502, 352)


def test_the_screens_edge_cuts_and_what_lies_outside_is_not_shown() -> None:
    tree = Tree()
    tree.add(OURS, -200, 800, 1440, 900)
    tree.add(OTHER, 1440, 0, 10, 10)
    assert tree.server().shown(OURS) == Rect(0, 800, 1240, 900)
    assert tree.server().shown(OTHER) is None


def test_what_is_gone_or_not_mapped_is_not_shown_and_nothing_covers_it() -> None:
    tree = Tree(unmapped={OURS})
    tree.add(OURS, 0, 0, 1440, 900)
    tree.add(OTHER, 0, 0, 10, 10)
    for window in (OURS, 1 << 22):
        assert tree.server().shown(window) is None
        assert tree.server().covering(window) == []


def test_only_what_lies_above_and_over_it_covers_it() -> None:
    tree = Tree(unmapped={OTHER + 3})
    tree.add(OTHER, 0, 0, 1440, 900)
    tree.add(OURS, 0, 0, 700, 900)
    tree.add(OTHER + 1, 600, 10, 200, 10)
    tree.add(OTHER + 2, 700, 0, 200, 10)
    tree.add(OTHER + 3, 0, 0, 200, 10)
    tree.add(ROOT + 1, 0, 0, 1440, 900)  # a compositing manager's
    assert tree.server().covering(OURS) == [OTHER + 1]


def test_a_keyboard_on_the_screen_is_known_by_its_name_with_and_without_a_frame() -> None:
    tree = Tree(names={OTHER: ("Onboard", "Onboard"), OTHER + 2: ("ibus-ui-gtk3", "")})
    tree.add(OURS, 0, 0, 1440, 900)
    tree.add(OTHER, 0, 500, 1440, 400)
    tree.add(OTHER + 1, 0, 0, 100, 100)
    tree.add(OTHER + 2, 0, 0, 100, 100, parent=OTHER + 1)
    tree.add(OTHER + 4, 0, 0, 100, 100)
    assert tree.server().covering(OURS, ("onboard", "ibus")) == [OTHER + 4]


def test_windows_of_the_manager_that_framed_it_are_not_sunk() -> None:
    tree = Tree()
    frame, indicator, popup = OTHER, OTHER + 1, OTHER << 1
    tree.add(frame, 0, 0, 1440, 900)
    tree.add(OURS, 0, 0, 1440, 900, parent=frame)
    for one in (indicator, popup):
        tree.add(one, 0, 0, 100, 100)
        tree.server().sink(one, OURS)
    assert tree.sunk == [popup]


def test_without_a_manager_everything_may_be_sunk() -> None:
    tree = Tree()
    tree.add(OURS, 0, 0, 1440, 900)
    tree.add(OURS + 1, 0, 0, 100, 100)
    tree.server().sink(OURS + 1, OURS)
    assert tree.sunk == [OURS + 1]


def test_a_display_that_is_not_there_is_none() -> None:
    assert XServer.connect(":4711") is None


RECTS = st.builds(
    lambda left, top, wide, high: Rect(left, top, left + wide, top + high),
    *(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 60), st.integers(1, 60)),
)


@given(RECTS, RECTS)
def test_what_two_rectangles_have_in_common(one: Rect, other: Rect) -> None:
    def pixels(rect: Rect | None) -> set[tuple[int, int]]:
        if rect is None:
            return set()
        return {(x, y) for x in range(rect.left, rect.right) for y in range(rect.top, rect.bottom)}

    assert pixels(one.cut(other)) == pixels(one) & pixels(other)
