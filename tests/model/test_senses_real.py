"""Images and speech by the real networks: accuracy on what tests draw and speak, and on the shared recordings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jiwer
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.perception import SpeechSegment, Transcript
from autoglm_desktop.engine.runtime import sound, speech
from autoglm_desktop.engine.runtime.speech import SpeechReader
from autoglm_desktop.engine.runtime.vision import VisionReader, class_names
from tests.helpers.audio_files import CHINESE, ENGLISH, SENTENCES, recording, speak, write_tracks, write_wav
from tests.helpers.real_models import WHISPER
from tests.helpers.screenshots import LINES, draw_screen

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

_PUNCTUATION = jiwer.RemovePunctuation()  # type: ignore[no-untyped-call]
_WORDS = jiwer.Compose([jiwer.ToLowerCase(), _PUNCTUATION, jiwer.RemoveMultipleSpaces(), jiwer.Strip()])
_ENGLISH_TEXT = (
    "it was the first great sorrow of his life it was not so much the loss of the cotton itself but the fantasy "
    "the hopes the dreams built around it"
)
_CHINESE_TEXT = "广州市房地产中介协会分析"


@pytest.fixture(scope="module")
def eyes() -> VisionReader:
    return VisionReader.load(2, lambda _: None)


@pytest.fixture(scope="module")
def ears(model_folder: Callable[[str], Path]) -> SpeechReader:
    return SpeechReader.load(model_folder(WHISPER), 2, lambda _: None)


def _hear(ears: SpeechReader, path: Path, language: str | None = None) -> Transcript:
    told: list[SpeechSegment] = []
    found = ears.transcribe(path, language=language, simplified=True, on_segment=told.append, check=lambda: None)
    assert tuple(told) == found.segments
    return found


# -- images


@pytest.mark.parametrize(("height", "dark"), [(14, False), (28, True)], ids=["small on white", "large on black"])
def test_a_mixed_screenshot_is_read_with_few_errors(
    eyes: VisionReader, tmp_path: Path, height: int, *, dark: bool
) -> None:
    draw_screen(height=height, dark=dark).save(tmp_path / "screen.png")
    found = eyes.read(tmp_path / "screen.png", lambda: None)
    assert (found.width, found.height) == (1920, 1080)
    assert len(found.text_lines) == len(LINES)
    assert jiwer.cer("\n".join(LINES), "\n".join(line.text for line in found.text_lines)) <= 0.03
    tops = [line.box[1] for line in found.text_lines]
    assert tops == sorted(tops)
    assert all(line.confidence >= 0.5 for line in found.text_lines)


def test_a_long_scrolled_screenshot_is_read_in_tiles_without_loss(eyes: VisionReader, tmp_path: Path) -> None:
    lines = [f"第 {number} 条消息 Message number {number}" for number in range(1, 61)]
    draw_screen(lines, size=(720, 5200), height=26).save(tmp_path / "long.png")
    found = eyes.read(tmp_path / "long.png", lambda: None)
    assert [line.text.replace(" ", "") for line in found.text_lines] == [line.replace(" ", "") for line in lines]
    assert all(0 <= line.box[1] < line.box[3] <= 5200 for line in found.text_lines)


def test_columns_are_read_one_after_the_other(eyes: VisionReader, tmp_path: Path) -> None:
    left = draw_screen([f"Left column of the page, line {n}" for n in range(1, 9)], size=(960, 600), height=22)
    right = draw_screen([f"Right column of the page, line {n}" for n in range(1, 8)], size=(960, 600), height=22)
    page = Image.new("RGB", (1920, 600), "white")
    page.paste(left, (0, 0))
    page.paste(right, (960, 0))
    page.save(tmp_path / "page.png")
    words = [line.text.split()[0] for line in eyes.read(tmp_path / "page.png", lambda: None).text_lines]
    assert words == ["Left"] * 8 + ["Right"] * 7


def test_an_empty_picture_has_no_text(eyes: VisionReader, tmp_path: Path) -> None:
    for size in ((1, 1), (3, 900), (640, 480)):
        Image.new("RGB", size, "white").save(tmp_path / "empty.png")
        found = eyes.read(tmp_path / "empty.png", lambda: None)
        assert (found.text_lines, found.width, found.height) == ((), *size)


def test_labels_name_what_is_drawn(eyes: VisionReader, tmp_path: Path) -> None:
    """A screen full of text is a web site to ImageNet's classes; probabilities are such."""
    draw_screen(height=20).save(tmp_path / "screen.png")
    labels = eyes.read(tmp_path / "screen.png", lambda: None).labels
    assert all(0.05 <= label.probability <= 1.0 for label in labels)
    assert sum(label.probability for label in labels) <= 1.0
    assert {label.name for label in labels} <= set(class_names())
    assert labels[0].name == "web site"
    assert len(set(class_names())) == 1000


def test_a_look_can_be_stopped_between_its_steps(eyes: VisionReader, tmp_path: Path) -> None:
    draw_screen(height=20).save(tmp_path / "screen.png")
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        eyes.read(tmp_path / "screen.png", check)


# -- speech


def test_english_sentences_are_written_down(ears: SpeechReader, tmp_path: Path) -> None:
    found = [_hear(ears, speak(sentence, tmp_path / "sentence.wav")) for sentence in SENTENCES]
    assert {transcript.language for transcript in found} == {"en"}
    assert jiwer.wer(list(map(_WORDS, SENTENCES)), [_WORDS(transcript.text) for transcript in found]) <= 0.10


def test_a_recorded_sentence_in_english(ears: SpeechReader) -> None:
    found = _hear(ears, recording(ENGLISH))
    assert found.language == "en"
    assert found.duration_s == pytest.approx(8.73, abs=0.1)
    assert jiwer.wer(_ENGLISH_TEXT, _WORDS(found.text)) <= 0.10
    assert all(0 <= s.start_s < s.end_s <= found.duration_s + 0.5 for s in found.segments)


def test_a_recorded_sentence_in_chinese_comes_in_simplified_characters(ears: SpeechReader) -> None:
    for language in (None, "zh_CN"):
        found = _hear(ears, recording(CHINESE), language)
        assert found.language == "zh"
        assert jiwer.cer(_CHINESE_TEXT, _WORDS(found.text).replace(" ", "")) <= 0.25
        assert "廣" not in found.text


@pytest.mark.parametrize("names", [(ENGLISH, CHINESE), (CHINESE, ENGLISH)], ids=["English first", "Chinese first"])
def test_each_language_of_a_recording_is_written_in_its_own(
    ears: SpeechReader, tmp_path: Path, names: tuple[str, str]
) -> None:
    pause = np.zeros(16_000)
    both = np.concatenate([part for name in names for part in (*_samples_of(recording(name)), pause)])
    found = _hear(ears, write_wav(tmp_path / "both.wav", both))
    texts = [_ENGLISH_TEXT if name == ENGLISH else _CHINESE_TEXT for name in names]
    assert jiwer.cer(" ".join(texts), _WORDS(found.text)) <= 0.12
    assert "廣" not in found.text
    assert found.language == "en"  # there is more of it


def test_languages_do_not_flicker(ears: SpeechReader, tmp_path: Path) -> None:
    path = speak(" ".join(SENTENCES), tmp_path / "twenty.wav")
    found = _hear(ears, path)
    assert found.language == "en"
    assert found.text.isascii()
    assert jiwer.wer(_WORDS(" ".join(SENTENCES)), _WORDS(found.text)) <= 0.10


def _samples_of(path: Path) -> list[NDArray[np.float64]]:
    return [block.astype(np.float64) for block in sound.blocks(path, 1 << 20, lambda: None)]


def test_stereo_at_44_khz_is_the_same_sentence(ears: SpeechReader, tmp_path: Path) -> None:
    import av

    with av.open(str(recording(ENGLISH))) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=44_100)
        parts = [p.to_ndarray().reshape(-1) for f in container.decode(audio=0) for p in resampler.resample(f)]
    samples = np.concatenate(parts).astype(np.float64) / 32768
    path = write_wav(tmp_path / "stereo.wav", samples, rate_hz=44_100, channels=2)
    assert jiwer.wer(_ENGLISH_TEXT, _WORDS(_hear(ears, path).text)) <= 0.10


def test_the_track_that_speaks_is_written_down(ears: SpeechReader, tmp_path: Path) -> None:
    """Screen recorders put the computer's sound, often silent or a hum, before the microphone."""
    spoken = np.concatenate(list(sound.blocks(speak(SENTENCES[9], tmp_path / "one.wav"), 16_000, lambda: None)))
    time_s = np.arange(len(spoken)) / 16_000
    firsts = {"silent": np.zeros(len(spoken)), "hum": 0.2 * np.sin(2 * np.pi * 50 * time_s)}
    for name, first in firsts.items():
        path = write_tracks(tmp_path / f"{name}.mkv", [first, spoken.astype(np.float64)], film=True)
        assert jiwer.wer(_WORDS(SENTENCES[9]), _WORDS(_hear(ears, path, "en").text)) <= 0.15, name


def test_silence_and_noise_give_no_text(ears: SpeechReader, tmp_path: Path) -> None:
    dice = np.random.default_rng(5)
    length = 12 * 16_000
    time_s = np.arange(length) / 16_000
    sounds = {
        "silence": np.zeros(length),
        "hiss": dice.normal(0, 0.1, length),
        "faint hiss": dice.normal(0, 0.005, length),
        "hum": 0.3 * np.sin(2 * np.pi * 50 * time_s) + 0.1 * np.sin(2 * np.pi * 150 * time_s),
        "rumble": np.cumsum(dice.normal(0, 0.01, length)) * 0.1 % 1.0 - 0.5,
        "beeps": 0.4 * np.sin(2 * np.pi * 1000 * time_s) * (time_s % 1.0 < 0.2),
    }
    for name, samples in sounds.items():
        found = _hear(ears, write_wav(tmp_path / "sound.wav", samples))
        assert (found.text, found.segments) == ("", ()), name
        assert found.duration_s == pytest.approx(12.0, abs=0.01)


def test_a_longer_recording_is_heard_in_blocks_that_end_in_pauses(
    ears: SpeechReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "BLOCK_S", 6)
    path = speak(" ".join(SENTENCES[:4]), tmp_path / "four.wav")
    found = _hear(ears, path)
    assert jiwer.wer(_WORDS(" ".join(SENTENCES[:4])), _WORDS(found.text)) <= 0.15
    starts = [segment.start_s for segment in found.segments]
    assert starts == sorted(starts)
    assert found.segments[-1].end_s <= found.duration_s + 0.5


def test_a_transcription_can_be_stopped(ears: SpeechReader) -> None:
    heard: list[SpeechSegment] = []

    def check() -> None:
        if heard:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        ears.transcribe(recording(ENGLISH), language="en", simplified=True, on_segment=heard.append, check=check)
    assert len(heard) == 1


def test_an_unknown_language_is_refused(ears: SpeechReader) -> None:
    with pytest.raises(AppError, match="klingon"):
        _hear(ears, recording(ENGLISH), "klingon")


def test_a_damaged_or_absent_model_is_told(tmp_path: Path, model_folder: Callable[[str], Path]) -> None:
    whole = model_folder(WHISPER)
    broken = tmp_path / "whisper"
    broken.mkdir()
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (broken / name).write_bytes((whole / name).read_bytes())
    with pytest.raises(AppError) as caught:
        SpeechReader.load(broken, 2, lambda _: None)
    assert caught.value.report.code is ErrorCode.MODEL_MISSING
    (broken / "model.bin").write_bytes((whole / "model.bin").read_bytes()[:100_000])
    with pytest.raises(AppError) as caught:
        SpeechReader.load(broken, 2, lambda _: None)
    assert caught.value.report.code is ErrorCode.WEIGHTS_CORRUPT
