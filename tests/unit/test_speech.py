"""What is believed of the recogniser, and how its pieces are put together, without the recogniser."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from autoglm_desktop.core.perception import SpeechSegment
from autoglm_desktop.engine.runtime.sound import RATE_HZ
from autoglm_desktop.engine.runtime.speech import _credible, _joined, _likely, _main_language, _stretches


@dataclass(frozen=True, slots=True)
class Heard:
    """A segment as the model gives it."""

    text: str = " Good morning."
    avg_logprob: float = -0.2
    no_speech_prob: float = 0.05
    compression_ratio: float = 1.3


@pytest.mark.parametrize(
    ("segment", "text"),
    [
        (Heard(), "Good morning."),
        (Heard(avg_logprob=-1.1), ""),
        (Heard(no_speech_prob=0.9), "Good morning."),
        (Heard(no_speech_prob=0.9, avg_logprob=-0.7), ""),
        (Heard("Thank you. " * 20, compression_ratio=11.0), ""),
        (Heard(compression_ratio=2.4), "Good morning."),
        (Heard(compression_ratio=2.5), ""),
    ],
)
def test_what_the_model_doubts_or_repeats_is_no_text(segment: Heard, text: str) -> None:
    assert _credible(segment) == text


def _pieces(*seconds: float) -> list[dict[str, int]]:
    found, at = [], 0
    for length in seconds:
        found.append({"start": at, "end": at + int(length * RATE_HZ)})
        at += int((length + 1) * RATE_HZ)
    return found


def test_a_piece_too_short_to_tell_its_language_joins_its_neighbour() -> None:
    assert [len(stretch) for stretch in _stretches(_pieces(3, 0.5, 4, 2, 1))] == [1, 2, 2]
    assert [len(stretch) for stretch in _stretches(_pieces(0.5))] == [1]
    assert _stretches([]) == []


def test_another_language_has_to_be_surer_than_the_first() -> None:
    assert _likely([("fr", 0.6), ("en", 0.3), ("zh", 0.1)], None) == "fr"
    assert _likely([("fr", 0.6), ("en", 0.3), ("zh", 0.1)], "zh") == "zh"
    assert _likely([("fr", 0.9), ("en", 0.05), ("zh", 0.05)], "zh") == "fr"
    assert _likely([("ms", 0.4), ("en", 0.2), ("zh", 0.3)], None) == "zh"
    assert _likely([("ms", 0.4), ("nn", 0.3)], None) == "ms"


def test_segments_are_joined_as_each_script_asks() -> None:
    found = [
        (SpeechSegment(0, 2, "Hello."), "en"),
        (SpeechSegment(2, 3, "你好。"), "zh"),
        (SpeechSegment(3, 4, "再见。"), "zh"),
        (SpeechSegment(4, 5, "Bye."), "en"),
    ]
    assert _joined(found) == "Hello. 你好。再见。 Bye."
    assert _main_language(found) == "en"
    assert _main_language([]) == ""
