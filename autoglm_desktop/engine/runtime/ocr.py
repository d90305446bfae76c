"""Reads the text in a picture line by line, by RapidOCR: PP-OCR for Chinese and English.

Text is found on the whole picture made smaller and then read line by line from the picture itself. Pictures much longer
than wide (scrolled screenshots) are read in tiles, pages that do not stand upright a second time, turned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from autoglm_desktop.core.perception import TextLine

from .contracts import ProgressSink
from .orientation import SURE, Found, is_better, is_lengthy, quarter_turns
from .packages import package_folder, present
from .skew import from_upper_left, slope_rad

Check: TypeAlias = Callable[[], None]
"""Called between steps; raises to end the work."""
Pixels: TypeAlias = NDArray[np.uint8]
"""[height, width, 3], blue first."""

MAX_SIDE = 2000
"""Longer pictures are read in tiles, or made smaller, in pixels."""
DETECTION_SIDE = 1280
"""Length of the longer side at which text is looked for: letters 12 pixels high on a full-HD screen are still found."""
_LINES_A_STEP = 12
_LEAST_WIDTH = 160
"""Lines are padded to so many pixels at least, at a height of 48. The package's 320 make short words cost double."""
_OVERLAP = 160
"""Pixels that tiles share; a line less than half as high lies whole in the tile that owns its middle."""
_MAX_TILES = 16
_TILE_RATIO = 2.5
_TURNED = {1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_270}


@dataclass(frozen=True, slots=True)
class Page:
    """What was found in a picture, read after `quarter_turns` to the left; boxes are those of the `upright` one."""

    found: tuple[Found, ...]
    upright: Image.Image
    quarter_turns: int


class TextReader:
    """The loaded networks. Used on one thread."""

    def __init__(self, ocr: Any) -> None:
        self._ocr = ocr

    @classmethod
    def load(cls, threads: int, on_progress: ProgressSink) -> TextReader:
        """Raises AppError ENGINE_FAILED when a file of the networks is missing."""
        return cls(_load_ocr(threads, on_progress))

    def read(self, picture: Image.Image, check: Check) -> Page:
        """Every line of a picture, which may stand any way up, also what cannot be read."""
        found = self._found(picture, check)
        turns = quarter_turns(found)
        if not turns:
            return Page(tuple(found), picture, 0)
        check()
        upright = picture.transpose(_TURNED[turns])
        return Page(tuple(self._found(upright, check)), upright, turns)

    def _found(self, picture: Image.Image, check: Check) -> list[Found]:
        width, height = picture.size
        across = width > height  # tiles lie along the longer side
        lines: list[Found] = []
        shown, scale = _shrunk(picture)
        for begin, end, own_from, own_to in _tiles(max(shown.size), min(shown.size)):
            check()
            area = (begin, 0, end, shown.height) if across else (0, begin, shown.width, end)
            pixels = np.asarray(shown.crop(area))[:, :, ::-1]
            for found in self._lines(np.ascontiguousarray(pixels), check):
                moved = _moved(found.line, area[0], area[1])
                middle = (moved.box[0] + moved.box[2]) / 2 if across else (moved.box[1] + moved.box[3]) / 2
                if own_from <= middle < own_to:
                    lines.append(replace(found, line=_scaled(moved, scale, width, height)))
        return lines

    def _lines(self, pixels: Pixels, check: Check) -> list[Found]:
        """The lines of one tile, also those that cannot be read: some of these are read again, turned around."""
        found = self._ocr(pixels, use_det=True, use_cls=False, use_rec=False)
        if found.boxes is None:
            return []
        boxes = np.stack([from_upper_left(box) for box in np.asarray(found.boxes, np.float32)])
        crops = self._ocr.crop_text_regions(pixels, boxes)
        read = self._recognised(crops, check)
        lines = [
            Found(TextLine(text, score, _bounds(box)), slope_rad=slope_rad(box))
            for (text, score), box in zip(read, boxes, strict=True)
        ]
        again = [i for i, one in enumerate(lines) if one.line.confidence < SURE and is_lengthy(one.line.box)]
        again = sorted(again, key=lambda i: -crops[i].shape[1])[:_LINES_A_STEP]
        turned_around = self._recognised([np.ascontiguousarray(crops[i][::-1, ::-1]) for i in again], check)
        for i, (text, score) in zip(again, turned_around, strict=True):
            line = lines[i].line
            flipped = is_better(score, line.confidence)
            line = TextLine(text, score, line.box) if flipped else line
            lines[i] = replace(lines[i], line=line, reread=True, flipped=flipped)
        return lines

    def _recognised(self, crops: Sequence[Pixels], check: Check) -> list[tuple[str, float]]:
        """Text and confidence of each, a few at a time."""
        by_length = sorted(
            range(len(crops)), key=lambda i: crops[i].shape[1] / crops[i].shape[0]
        )  # a step pads to its longest
        texts: dict[int, tuple[str, float]] = {}
        for start in range(0, len(crops), _LINES_A_STEP):
            check()
            step = by_length[start : start + _LINES_A_STEP]
            read = self._ocr.recognize_txt([crops[i] for i in step])
            for i, text, score in zip(step, read.txts, read.scores, strict=True):
                texts[i] = text.strip(), float(score) if text.strip() else 0.0
        return [texts[i] for i in range(len(crops))]


def _load_ocr(threads: int, on_progress: ProgressSink) -> Any:
    from rapidocr import RapidOCR

    on_progress(0.5)
    ocr = RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.max_side_len": MAX_SIDE,
            "Global.use_cls": False,
            "Det.limit_type": "max",
            "Det.limit_side_len": DETECTION_SIDE,
            "Rec.rec_img_shape": [3, 48, _LEAST_WIDTH],
        }
    )
    models = package_folder("rapidocr") / "models"
    _give_session(ocr.cfg, "Det", models / "PP-OCRv6_det_small.onnx", threads)
    on_progress(0.6)
    _give_session(ocr.cfg, "Rec", models / "PP-OCRv6_rec_small.onnx", threads)
    blank = np.full((64, 256, 3), 255, np.uint8)
    ocr(blank, use_rec=False)  # its parts are made when they are first used
    ocr.recognize_txt([blank])
    return ocr


def _give_session(config: Any, part: str, model: Path, threads: int) -> None:
    """Let a part of RapidOCR use a session of ours: its own threads spin while they wait, at the cost of all others."""
    from omegaconf import OmegaConf
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = False  # it would keep the memory of the largest picture
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = InferenceSession(str(present(model)), options, providers=["CPUExecutionProvider"])
    known = dict(config[part])
    OmegaConf.set_struct(config, False)
    config[part] = OmegaConf.create({**known, "session": session}, flags={"allow_objects": True})


def _shrunk(picture: Image.Image) -> tuple[Image.Image, float]:
    """The picture as small as it is read, and by how much that was."""
    longer, shorter = max(picture.size), min(picture.size)
    if longer > _TILE_RATIO * shorter:
        limit = min(MAX_SIDE / shorter, _MAX_TILES * (MAX_SIDE - _OVERLAP) / longer)
    else:
        limit = MAX_SIDE / longer
    if limit >= 1.0:
        return picture, 1.0
    width, height = max(1, round(picture.width * limit)), max(1, round(picture.height * limit))
    return picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0), limit


def _tiles(longer: int, shorter: int) -> Iterator[tuple[int, int, int, int]]:
    """Begin and end of every tile along the longer side, and what of that it owns."""
    if longer <= MAX_SIDE or longer <= _TILE_RATIO * shorter:
        yield 0, longer, -longer, 2 * longer
        return
    step = MAX_SIDE - _OVERLAP
    starts = range(0, longer - _OVERLAP, step)
    for begin in starts:
        is_last = begin + step >= longer - _OVERLAP
        own_from = begin + _OVERLAP // 2 if begin else -longer
        own_to = 2 * longer if is_last else begin + step + _OVERLAP // 2
        yield begin, min(longer, begin + MAX_SIDE), own_from, own_to


def _bounds(corners: NDArray[np.float32]) -> tuple[int, int, int, int]:
    left, top = np.floor(corners.min(axis=0)).astype(int)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int)
    return int(left), int(top), int(right), int(bottom)


def _moved(line: TextLine, x: int, y: int) -> TextLine:
    left, top, right, bottom = line.box
    return TextLine(line.text, line.confidence, (left + x, top + y, right + x, bottom + y))


def _scaled(line: TextLine, scale: float, width: int, height: int) -> TextLine:
    """In pixels of the picture itself, within it."""
    left, top, right, bottom = (round(value / scale) for value in line.box)
    box = (max(0, left), max(0, top), min(width, right), min(height, bottom))
    return TextLine(line.text, line.confidence, box)
