"""faster-whisper's model, with a quick way to find the language of a stretch of speech."""

from __future__ import annotations

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.transcribe import get_ctranslate2_storage
from numpy.typing import NDArray
from tqdm import tqdm  # type: ignore[import-untyped]

tqdm.monitor_interval = 0  # the package counts its progress with it; its watching thread would never end

_LONGEST_S = 30


class Whisper(WhisperModel):  # type: ignore[misc]  # the package has no types
    """The text of a window needs the encoder's pass over half a minute; its language shows in what is spoken alone."""

    def likely_languages(self, samples: NDArray[np.float32]) -> list[tuple[str, float]]:
        """Codes of languages with probabilities, from the first half minute.

        A second of speech takes some 25 ms; with the silence that fills the window up, it would be more than a second.
        """
        features = self.feature_extractor(samples[: _LONGEST_S * self.feature_extractor.sampling_rate])[..., :-1]
        encoded = self.model.encode(get_ctranslate2_storage(np.ascontiguousarray(features[np.newaxis])), to_cpu=False)
        return [(mark[2:-2], probability) for mark, probability in self.model.detect_language(encoded)[0]]
