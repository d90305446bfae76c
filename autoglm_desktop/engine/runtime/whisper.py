"""faster-whisper's model, changed in one thing: the encoder, half of the work on a short recording, runs once."""

from __future__ import annotations

from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray
from tqdm import tqdm  # type: ignore[import-untyped]

tqdm.monitor_interval = 0  # the package counts its progress with it; its watching thread would never end


class OnePassWhisper(WhisperModel):  # type: ignore[misc]  # the package has no types
    """Remembers the last pass of the encoder: the language is found from it, then the text from the same."""

    _kept: tuple[NDArray[np.float32], Any] | None = None

    def encode(self, features: NDArray[np.float32]) -> Any:
        if self._kept is not None and np.array_equal(self._kept[0], features):
            return self._kept[1]
        encoded = super().encode(features)
        self._kept = (features.copy(), encoded)
        return encoded

    def likely_languages(self, samples: NDArray[np.float32]) -> list[tuple[str, float]]:
        """Codes of languages with probabilities, from the first half minute."""
        features = self.feature_extractor(samples)[..., :-1]  # as `transcribe` cuts them, so that the pass is shared
        found: list[tuple[str, float]] = self.detect_language(features=features)[2]
        return found
