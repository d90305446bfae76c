"""Pictures of text as a screen shows it, drawn by Pillow; skips where no Chinese font is installed."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

LINES = (
    "打开设置，选择“显示与亮度”，把屏幕亮度调到最低。",
    "Open the settings and choose Display & Brightness.",
    "电池剩余 20%，预计还能使用 3 小时 45 分钟。",
    "The quick brown fox jumps over the lazy dog 0123456789",
    "订单号：A-2026-1122-0457，合计 ¥1,299.00（含税）",
    "Your parcel arrives on Tuesday between 9:00 and 11:30.",
    "请在 Settings → Battery 里打开 Low Power Mode 省电模式",
    "北京市朝阳区建国路 88 号院 5 号楼 1203 室",
    "Meeting: Friday, 27 November 2026, room B-214",
    "会议改到下周三下午两点半，请大家准时参加。",
    "Wi-Fi 已连接，信号强，速度 866 Mbps，IP 192.168.1.23",
    "Error 404: the page you are looking for was not found",
    "本月用电 215 千瓦时，比上个月减少了百分之八",
    "Download complete (3 of 5 files, 1.2 GB left)",
    "航班 CA1831 北京首都 T3 → 上海虹桥 T2，登机口 C17",
    "Temperature 38 °C, humidity 62 %, wind 12 km/h",
    "天行健，君子以自强不息；地势坤，君子以厚德载物。",
    "Copyright 2026 Example Company. All rights reserved.",
    "王小明给你发来一条消息：“今晚一起吃饭吗？”",
    "Version 2.4.1 (build 20261122), released under Apache-2.0",
)
"""Twenty lines, Chinese and English mixed."""


@cache
def chinese_font() -> tuple[str, int]:
    """File and index of a font with simplified Chinese."""
    listed = subprocess.run(
        ["fc-match", "-f", "%{file}\n%{index}", "Noto Sans CJK SC:lang=zh-cn"],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = listed.stdout.splitlines()
    if len(lines) != 2 or "CJK" not in lines[0]:
        pytest.skip("Noto's font for Chinese is not installed (fonts-noto-cjk)")
    return lines[0], int(lines[1])


def draw_screen(
    lines: Sequence[str] = LINES,
    *,
    size: tuple[int, int] = (1920, 1080),
    height: int = 24,
    dark: bool = False,
    left: int = 60,
) -> Image.Image:
    """The lines one below the other, in letters `height` pixels high."""
    file, index = chinese_font()
    font = ImageFont.truetype(file, height, index=index)
    image = Image.new("RGB", size, "#101418" if dark else "white")
    pen = ImageDraw.Draw(image)
    pitch = (size[1] - 80) / max(1, len(lines))
    for number, line in enumerate(lines):
        pen.text((left, 40 + number * pitch), line, font=font, fill="#e8eaed" if dark else "#1b1f23")
    return image


def draw_texts(
    texts: Sequence[tuple[int, int, str]], *, size: tuple[int, int] = (1200, 800), height: int = 20
) -> Image.Image:
    """Each text at its place, left and top, on white."""
    file, index = chinese_font()
    font = ImageFont.truetype(file, height, index=index)
    image = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(image)
    for left, top, text in texts:
        pen.text((left, top), text, font=font, fill="black")
    return image


def draw_upright_lines(lines: Sequence[str], *, height: int = 32) -> Image.Image:
    """Lines that run downwards, the first at the right, glyph below glyph."""
    pitch = round(height * 1.8)
    width, depth = 100 + pitch * len(lines), 100 + round(1.1 * height * max(map(len, lines)))
    glyphs = [
        (width - 50 - height - pitch * column, 50 + round(1.1 * height * row), glyph)
        for column, line in enumerate(lines)
        for row, glyph in enumerate(line)
    ]
    return draw_texts(glyphs, size=(width, depth), height=height)


def photograph(size: tuple[int, int] = (640, 480), seed: int = 1) -> Image.Image:
    """Soft spots of all colours: what a photograph is to a program that looks at colours."""
    spots = np.random.default_rng(seed).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    return Image.fromarray(spots).resize(size).filter(ImageFilter.GaussianBlur(12))
