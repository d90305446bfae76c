"""What the assistant reads and hears: images and speech as they cross the borders between the parts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Modality(StrEnum):
    """What the engine process can load beside the language model, on first use."""

    VISION = "vision"
    """Reads an image: text lines and labels of objects."""
    SPEECH = "speech"
    """Writes down speech."""


LIKELY = 0.2
"""Probability of the best label from which on it says something."""
_WORTH_TELLING = 0.1
"""The same of the labels after it."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text in an image. `box` is left, top, right, bottom in pixels; `confidence` 0 to 1."""

    text: str
    confidence: float
    box: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class ImageLabel:
    """What an image may show, with the probability (0 to 1) that the classifier gives."""

    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class ImageReading:
    """What the assistant read in an image: lines in reading order, likely labels, upright size in pixels, time.

    `turned_deg`: by how much it was turned clockwise to be read, while boxes are those of the picture as it is.
    `doubtful`: most of its text was read badly or not at all. A reading is not a look: a text-only model is told this
    and nothing else.
    """

    text_lines: tuple[TextLine, ...]
    labels: tuple[ImageLabel, ...]
    width: int
    height: int
    seconds: float
    turned_deg: int = 0
    doubtful: bool = False

    @property
    def likely_labels(self) -> tuple[ImageLabel, ...]:
        """The labels to tell people and models of, the best first: none where the classifier is at a loss."""
        if max((label.probability for label in self.labels), default=0.0) < LIKELY:
            return ()
        return tuple(label for label in self.labels if label.probability >= _WORTH_TELLING)


@dataclass(frozen=True, slots=True)
class SpeechSegment:
    """A piece of speech, in seconds from the beginning of the recording."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """Speech as text; `language` is an ISO 639-1 code, `duration_s` of the audio, `seconds` the time it took.

    `cut_short`: the head of the file tells of more sound than there is in it.
    """

    text: str
    language: str
    duration_s: float
    seconds: float
    segments: tuple[SpeechSegment, ...]
    cut_short: bool = False


@dataclass(frozen=True, slots=True)
class LookRequest:
    """Read the image in the file `path`. Events come back under `turn_id` and end with `ImageRead` or `Failed`."""

    turn_id: str
    path: str
    kind: Literal["look"] = "look"


@dataclass(frozen=True, slots=True)
class TranscribeRequest:
    """Write down the speech in the audio file `path`; any container and rate that FFmpeg reads.

    `language` None lets the model find it. `simplified` turns Chinese into simplified characters. `model_folder` holds
    the speech model. Events come back under `turn_id`: `SpeechHeard` for each segment, at the end `Transcribed` or
    `Failed`.
    """

    turn_id: str
    path: str
    model_folder: str
    language: str | None = None
    simplified: bool = True
    kind: Literal["transcribe"] = "transcribe"


@dataclass(frozen=True, slots=True)
class ImageRead:
    """The last event of a `LookRequest`. `load_s` is what loading the reader took, 0 when it was loaded."""

    turn_id: str
    reading: ImageReading
    load_s: float = 0.0
    kind: Literal["image_read"] = "image_read"


@dataclass(frozen=True, slots=True)
class SpeechHeard:
    """A segment of a transcription that goes on."""

    turn_id: str
    segment: SpeechSegment
    kind: Literal["speech_heard"] = "speech_heard"


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The last event of a `TranscribeRequest`. `load_s` as in `ImageRead`."""

    turn_id: str
    transcript: Transcript
    load_s: float = 0.0
    kind: Literal["transcribed"] = "transcribed"


@dataclass(frozen=True, slots=True)
class ModalityStatus:
    """One modality in the engine process. `bytes_held` is the growth of the resident set by loading it, measured."""

    modality: Modality
    loaded: bool
    bytes_held: int = 0
    load_s: float = 0.0
