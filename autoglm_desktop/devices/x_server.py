"""What an X server really shows of a window.

Qt knows a window's states as the window manager reports them. It does not know whether another window lies above, or
whether a foreign parent cuts the window off.
"""

from __future__ import annotations

from typing import NamedTuple

from .xcb import Xcb

_FIRST_CLIENT_ID = 1 << 18
"""Windows with smaller ids are the server's own: the root, and the one that compositing managers draw on."""


class Rect(NamedTuple):
    """A rectangle in pixels; right and bottom lie just outside."""

    left: int
    top: int
    right: int
    bottom: int

    def moved(self, x: int, y: int) -> Rect:
        return Rect(self.left + x, self.top + y, self.right + x, self.bottom + y)

    def cut(self, other: Rect) -> Rect | None:
        """What both have in common."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Rect(left, top, right, bottom) if left < right and top < bottom else None


class XServer:
    """The server of this session. A window that is gone is shown nowhere."""

    def __init__(self, xcb: Xcb) -> None:
        self._xcb = xcb

    @classmethod
    def connect(cls, display: str | None = None) -> XServer | None:
        """Connect to `display`, else to that of the environment. None where there is no X server."""
        xcb = Xcb.connect(display)
        return cls(xcb) if xcb is not None else None

    def close(self) -> None:
        """End the connection; no other call may follow."""
        self._xcb.close()

    def shown(self, window: int) -> Rect | None:
        """The part of `window` that neither a parent nor the screen's edge cuts off, in pixels of the screen."""
        inner = self._xcb.geometry(window)
        rect = Rect(0, 0, inner.width, inner.height) if inner and self._xcb.is_painted(window) else None
        for parent in self._parents(window):
            outer = self._xcb.geometry(parent)
            if rect is None or inner is None or outer is None:
                return None
            rect = rect.moved(inner.x + inner.border, inner.y + inner.border).cut(Rect(0, 0, outer.width, outer.height))
            inner = outer
        return rect

    def covering(self, window: int, allowed: tuple[str, ...] = ()) -> list[int]:
        """The windows that hide some of `window`, but for those whose WM_CLASS begins with a word of `allowed`."""
        rect, line = self.shown(window), [window, *self._parents(window)]
        if rect is None:
            return []
        siblings = self._xcb.children(line[-1])
        above = siblings[siblings.index(line[-2]) + 1 :] if line[-2] in siblings else ()
        clients = [one for one in above if one >= _FIRST_CLIENT_ID]
        return [one for one in clients if self._hides(one, rect) and not self._is_of(one, allowed)]

    def has_focus(self, window: int) -> bool:
        """Whether keys go to `window`."""
        return self._xcb.focus() == window

    def lift(self, window: int) -> None:
        """Put `window`, with the frame that a window manager gave it, above all others."""
        if frame := self._frame(window):
            self._xcb.stack(frame, above=True)

    def sink(self, other: int, window: int) -> None:
        """Put `other`, a child of the root window, below all windows.

        Not those of the window manager that framed `window`: it stacks them by requests relative to each other, and
        would from then on leave `window` below what it believes to lie under it.
        """
        frame = self._frame(window)
        if frame in (0, window) or self._xcb.owner(other) != self._xcb.owner(frame):
            self._xcb.stack(other, above=False)

    def give_focus(self, window: int) -> None:
        """Let keys go to `window`, whatever the window manager thinks of it."""
        self._xcb.give_focus(window)

    def _frame(self, window: int) -> int:
        """The child of the root window that holds `window`, which may be itself; 0 when it is gone."""
        line = [window, *self._parents(window)]
        return line[-2] if len(line) > 1 else 0

    def _parents(self, window: int) -> list[int]:
        """The nearest first, the root window last."""
        parents: list[int] = []
        while parent := self._xcb.parent(parents[-1] if parents else window):
            parents.append(parent)
        return parents

    def _hides(self, window: int, rect: Rect) -> bool:
        shown = self.shown(window)
        return shown is not None and shown.cut(rect) is not None

    def _is_of(self, window: int, allowed: tuple[str, ...]) -> bool:
        """A window manager's frame has no class; the program's window inside has it."""
        found = (word for one in (window, *self._xcb.children(window)) for word in self._xcb.classes(one))
        return any(word.lower().startswith(allowed) for word in found)
