"""What images and speech cost the simulated phone, what they hold in memory, and when they must go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.energy_memory import memory_of
from autoglm_desktop.assistant.energy_turns import TurnMeter
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.events import EngineState, EngineStatus, PerceptionEvent
from autoglm_desktop.core.perception import Modality, ModalityStatus, SpeechSegment, Transcribed, Transcript
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.settings import SPEECH_MODEL_ID, Settings
from autoglm_desktop.energy.price import price
from autoglm_desktop.energy.workload import Costs, Work
from tests.helpers.assistants import Installed, assistant_over
from tests.helpers.energy_services import Clock, service_at
from tests.helpers.images import picture, reading
from tests.helpers.manual_engine import ManualEngine

SPEECH = Transcript("hello", "en", 8.0, 2.0, (SpeechSegment(0.0, 8.0, "hello"),))


@dataclass(frozen=True, slots=True)
class Desk:
    assistant: Assistant
    engine: ManualEngine
    energy: EnergyService
    clock: Clock
    chat: str
    folder: Path

    def tell(self, *modalities: ModalityStatus) -> None:
        for watcher in self.engine.watchers:
            watcher(EngineStatus(EngineState.READY, modalities=modalities))

    def joules_of(self, seconds: float = 60.0) -> float:
        """What the phone spends while it works off what was queued."""
        self.energy.beat()
        before = self.energy.view().snapshot.joules
        for _ in range(int(seconds / 5.0)):
            self.clock.now_s += 5.0
            self.energy.beat()
        return self.energy.view().snapshot.joules - before

    def recording(self) -> Path:
        path = self.folder / "a.wav"
        path.write_bytes(b"RIFF")
        return path


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    engine, clock = ManualEngine(), Clock()
    energy = service_at(clock)
    with assistant_over(engine, tmp_path / "db", energy=energy) as (assistant, _):
        yield Desk(assistant, engine, energy, clock, assistant.new_conversation().id, tmp_path)


def test_an_image_is_charged_once_to_the_answer_and_the_phone(desk: Desk) -> None:
    part = desk.assistant.take_in_image(picture())
    answers = []
    for question in ("What?", "And?"):
        answers.append(desk.assistant.send(desk.chat, question, images=[part]).id)
        if len(answers) == 1:
            desk.engine.perceptions[-1].read(reading("words"))
            assert desk.energy.view().snapshot.backlog.images == 0.0
            desk.energy.beat()
            assert desk.energy.view().snapshot.backlog.images == 1.0
        desk.engine.last.say("a")
        desk.engine.last.finish()
    first, second = (desk.assistant.node(id_).energy for id_ in answers)
    assert first is not None
    assert second is not None
    assert first.phone.value is not None
    assert second.phone.value is not None
    profile = desk.energy.profile
    image = price(
        profile, Costs.of(profile), Work(Tier.INT8, images=1), screen=desk.energy.view().snapshot.conditions.screen
    )
    assert first.phone.value - second.phone.value == pytest.approx(image.joules)
    assert image.joules > profile.power.image_j


def test_speech_is_charged_by_its_seconds(desk: Desk) -> None:
    idle_j = desk.joules_of()
    heard: list[PerceptionEvent] = []
    desk.assistant.transcribe(desk.recording(), on_event=heard.append)
    desk.engine.perceptions[-1].transcribed(SPEECH)
    assert isinstance(heard[-1], Transcribed)
    extra_j = desk.joules_of() - idle_j
    assert extra_j == pytest.approx(8.0 * desk.energy.profile.power.speech_w, rel=0.05)


def test_a_spoken_question_is_charged_to_its_answer_and_once_to_the_phone(desk: Desk) -> None:
    def ask(text: str, meter: TurnMeter | None) -> float:
        node = desk.assistant.send(desk.chat, text, meter=meter)
        desk.engine.last.say("a")
        desk.engine.last.finish()
        energy = desk.assistant.node(node.id).energy
        assert energy is not None
        assert energy.phone.value is not None
        return energy.phone.value

    meter = desk.energy.begin(Tier.INT4)
    desk.assistant.transcribe(desk.recording(), on_event=lambda _event: None, meter=meter)
    desk.engine.perceptions[-1].transcribed(SPEECH)
    desk.energy.beat()
    assert desk.energy.view().snapshot.backlog.speech_s == pytest.approx(8.0)
    assert ask("And?", meter) - ask("And?", None) > 8.0 * desk.energy.profile.power.speech_w
    assert desk.energy.view().answering == 0


def test_what_is_loaded_is_charged_by_its_bytes_and_shown(desk: Desk) -> None:
    desk.tell(ModalityStatus(Modality.VISION, True, 400_000_000, 0.8))
    desk.tell(ModalityStatus(Modality.VISION, True, 400_000_000, 0.8))
    desk.energy.beat()
    assert desk.energy.view().snapshot.backlog.loading_gb == pytest.approx(0.4)
    profile = desk.energy.profile
    costs = Costs.of(profile)
    cost = price(profile, costs, Work(Tier.INT8, loads_gb=0.4), screen=0.0)
    assert cost.joules == pytest.approx(0.4 * costs.loading.joules + cost.seconds * profile.power.idle_w)
    vision, speech = desk.energy.view().memory[2:]
    assert (vision.loaded, vision.bytes, vision.load_s) == (True, 400_000_000, 0.8)
    assert (vision.can_load, vision.can_unload) == (False, True)
    assert (speech.loaded, speech.bytes, speech.load_s) == (False, 0, None)
    assert (speech.can_load, speech.can_unload) == (True, False)
    desk.tell(ModalityStatus(Modality.VISION, False))
    assert not desk.energy.view().memory[2].loaded


def test_a_stopped_engine_holds_nothing() -> None:
    for part in memory_of(EngineStatus(EngineState.STOPPED)):
        assert (part.loaded, part.bytes) == (False, 0)
        assert part.reason.english()


def test_a_low_battery_gives_idle_modalities_back_and_lets_none_stay(desk: Desk) -> None:
    loaded = ModalityStatus(Modality.SPEECH, True, 1 << 20, 0.5)
    desk.engine.statuses = (loaded,)
    desk.tell(loaded)
    desk.energy.set_battery(0.8)
    assert desk.engine.modalities == []
    desk.energy.set_battery(0.1)
    assert desk.energy.decision.release_modalities
    assert desk.engine.modalities == [("unload", Modality.SPEECH)]
    desk.engine.statuses = ()
    parts = [desk.assistant.take_in_image(picture(seed)) for seed in (1, 2)]
    desk.assistant.send(desk.chat, "?", images=parts)
    desk.engine.perceptions[-1].read(reading("one"))
    assert desk.engine.modalities[1:] == [], "the second image comes at once"
    desk.engine.perceptions[-1].read(reading("two"))
    assert desk.engine.modalities[1:] == [("unload", Modality.VISION)]
    desk.engine.last.finish()
    desk.assistant.transcribe(desk.recording(), on_event=lambda _event: None)
    desk.engine.perceptions[-1].transcribed(SPEECH)
    assert desk.engine.modalities[2:] == [("unload", Modality.SPEECH)]
    desk.energy.set_battery(0.9)
    desk.assistant.transcribe(desk.recording(), on_event=lambda _event: None)
    desk.engine.perceptions[-1].transcribed(SPEECH)
    assert desk.engine.modalities[3:] == []


def test_speech_needs_its_model(tmp_path: Path) -> None:
    recording = tmp_path / "a.wav"
    recording.write_bytes(b"RIFF")
    library = Installed(installed=(Settings().model_id,))
    with assistant_over(ManualEngine(), library=library) as (assistant, _):
        for ask in (
            lambda: assistant.transcribe(recording, on_event=lambda _event: None),
            lambda: assistant.load_modality(Modality.SPEECH),
        ):
            with pytest.raises(AppError) as refused:
                ask()
            assert refused.value.report.code is ErrorCode.MODEL_MISSING
            assert SPEECH_MODEL_ID in refused.value.report.line()


def test_what_cannot_be_a_recording_is_refused_before_the_engine_is_asked(desk: Desk) -> None:
    empty = desk.folder / "empty.wav"
    empty.touch()
    huge = desk.folder / "huge.wav"
    with huge.open("wb") as file:
        file.truncate((2 << 30) + 1)
    bad = {desk.folder: "folder", empty: "empty", desk.folder / "absent.wav": "no file", huge: "too large",
           Path("/dev/zero"): "not a file", Path("a\0b"): "no file"}  # fmt: skip
    for path, words in bad.items():
        with pytest.raises(AppError) as refused:
            desk.assistant.transcribe(path, on_event=lambda _event: None)
        assert refused.value.report.code is ErrorCode.BAD_INPUT
        assert words in refused.value.report.line()
    assert desk.engine.perceptions == []
