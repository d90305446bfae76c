"""The time of a scenario, in seconds after its start."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QSlider, QStyle, QStyleOptionSlider

_STEP_S, _PAGE_S = 60, 1800


class TimeSlider(QSlider):
    """A click goes to where it was made, and the handle follows from there; keys go by minutes and half hours."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setSingleStep(_STEP_S)
        self.setPageStep(_PAGE_S)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            handle = self._handle().width()
            at, room = round(event.position().x() - handle / 2), self.width() - handle
            self.setValue(QStyle.sliderValueFromPosition(self.minimum(), self.maximum(), at, room))
        super().mousePressEvent(event)

    def _handle(self) -> QSize:
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        return (
            self.style()
            .subControlRect(QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, self)
            .size()
        )
