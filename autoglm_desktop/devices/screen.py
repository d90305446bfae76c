"""Pictures of the screens, where the system lets a program take them; else the reason why not."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PySide6.QtCore import QRect
from PySide6.QtGui import QGuiApplication, QImage, QPainter

from autoglm_desktop.core.i18n import Text, msg


@dataclass(frozen=True, slots=True)
class Screenshot:
    """What a screen showed. `geometry` in logical pixels of the virtual desktop, `ratio` pixels to each of them."""

    geometry: QRect
    ratio: float
    picture: QImage


def no_picture() -> Text:
    return msg("This desktop does not give pictures of its screen to programs.")


class ScreenSource(Protocol):
    """Takes pictures of all screens."""

    def hindrance(self) -> Text | None:
        """Why no picture can be taken here, or None."""

    def take(self) -> tuple[Screenshot, ...]:
        """All screens as they are now. GUI thread."""


class QtScreens:
    """The screens of this computer. Implements ScreenSource."""

    def hindrance(self) -> Text | None:
        platform = QGuiApplication.platformName()
        if platform.startswith("wayland"):
            return msg(
                "Under Wayland a program may not take pictures of the screen. "
                "Use the system's screenshot key, then paste the picture here with Ctrl+V."
            )
        if platform == "cocoa" and not _mac_allows():
            return msg(
                "macOS does not allow this application to record the screen. "
                "Allow it under Privacy & Security, Screen Recording, and start it again."
            )
        if not any(_grab(number) is not None for number in range(len(QGuiApplication.screens()))):
            return no_picture()
        return None

    def take(self) -> tuple[Screenshot, ...]:
        shots = (_grab(number) for number in range(len(QGuiApplication.screens())))
        return tuple(shot for shot in shots if shot is not None)


@dataclass(frozen=True, slots=True)
class SyntheticScreens:
    """Screens that always show the same. Implements ScreenSource."""

    shots: tuple[Screenshot, ...]
    why_not: Text | None = None

    def hindrance(self) -> Text | None:
        return self.why_not

    def take(self) -> tuple[Screenshot, ...]:
        return self.shots


def cut(shots: Sequence[Screenshot], region: QRect) -> QImage:
    """The part of the desktop inside `region` (logical pixels), at the resolution of its sharpest screen.

    A null image where no screen is touched.
    """
    touched = [shot for shot in shots if shot.geometry.intersects(region)]
    if not touched or region.isEmpty():
        return QImage()
    ratio = max(shot.ratio for shot in touched)
    whole = QImage(round(region.width() * ratio), round(region.height() * ratio), QImage.Format.Format_RGB32)
    whole.fill(0)
    painter = QPainter(whole)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.scale(ratio, ratio)
    painter.translate(-region.topLeft())
    for shot in touched:
        painter.drawImage(shot.geometry, shot.picture)
    painter.end()
    return whole


def _grab(number: int) -> Screenshot | None:
    screen = QGuiApplication.screens()[number]
    pixmap = screen.grabWindow(0)
    if pixmap.isNull():
        return None
    picture = pixmap.toImage()
    picture.setDevicePixelRatio(1.0)
    return Screenshot(screen.geometry(), screen.devicePixelRatio(), picture)


def _mac_allows() -> bool:
    """CoreGraphics' own answer; without the permission a grab holds only the wallpaper. True before macOS 10.15."""
    path = ctypes.util.find_library("CoreGraphics")
    ask = getattr(ctypes.CDLL(path), "CGPreflightScreenCaptureAccess", None) if path else None
    if ask is None:
        return True
    ask.restype = ctypes.c_bool
    return bool(ask())
