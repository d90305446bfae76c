"""A notch of the mouse wheel over a widget."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QAbstractSlider, QAbstractSpinBox, QApplication, QComboBox, QScrollBar, QWidget


def turn_wheel(widget: QWidget) -> bool:
    """Towards the user, in the middle of the widget; True when the widget kept it for itself."""
    middle = QPointF(widget.rect().center())
    wheel = QWheelEvent(
        middle, widget.mapToGlobal(middle), QPoint(0, 0), QPoint(0, -120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(widget, wheel)
    return wheel.isAccepted()


def turned_by_the_wheel(page: QWidget) -> list[str]:
    """The boxes and sliders of a page that a wheel over them would change, or give the focus to."""
    boxes = [
        box
        for kind in (QComboBox, QAbstractSpinBox, QAbstractSlider)
        for box in page.findChildren(kind)
        if not isinstance(box, QScrollBar)
    ]
    assert boxes
    takes_focus = Qt.FocusPolicy.WheelFocus.value & ~Qt.FocusPolicy.StrongFocus.value
    return [
        box.accessibleName() or type(box).__name__
        for box in boxes
        if turn_wheel(box) or box.focusPolicy().value & takes_focus
    ]
