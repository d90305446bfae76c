"""Prompts with images: what the engine is asked, what is kept, what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.events import ImageReadingChanged, ModalitiesChanged, NodePhase
from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import EngineState, EngineStatus, FinishReason, Phase, PhaseChanged
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.limits import MAX_IMAGES_PER_MESSAGE
from autoglm_desktop.core.messages import ImagePart, Role, Sampling, TextPart
from autoglm_desktop.core.perception import ImageReading, LookRequest, Modality, ModalityStatus
from autoglm_desktop.engine.scripted import Reply, ScriptedEngine, Senses
from tests.helpers.assistants import Heard, Installed, assistant_over
from tests.helpers.energy_services import Clock, service_at
from tests.helpers.images import picture, reading
from tests.helpers.manual_engine import ManualEngine, ManualPerception

_BROKEN = ErrorReport(ErrorCode.ENGINE_FAILED, msg("The image could not be read."), msg("Ask again."))


@dataclass(frozen=True, slots=True)
class Desk:
    assistant: Assistant
    engine: ManualEngine
    heard: Heard
    chat: str
    folder: Path

    def image(self, seed: int = 0, name: str = "shot.png") -> ImagePart:
        return self.assistant.take_in_image(picture(seed), name=name)

    @property
    def look(self) -> ManualPerception:
        return self.engine.perceptions[-1]

    def asked(self) -> str:
        """The last prompt as the engine got it."""
        return self.engine.last.request.messages[-1].text

    def files(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "attachments").glob("*"))

    def private(self) -> list[Path]:
        return list((self.folder / "private").glob("*"))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    engine = ManualEngine()
    with assistant_over(engine, tmp_path / "db") as (assistant, heard):
        yield Desk(assistant, engine, heard, assistant.new_conversation().id, tmp_path)


def test_an_image_is_read_first_then_the_model_is_told_what_was_read(desk: Desk) -> None:
    part = desk.image()
    answer = desk.assistant.send(desk.chat, "What does it say?", images=[part])
    prompt = desk.assistant.node(answer.parent_id or "")
    assert prompt.parts == (part, TextPart("What does it say?"))
    assert desk.engine.turns == [], "nothing is asked before it is read"
    assert isinstance(desk.look.request, LookRequest)
    assert Path(desk.look.request.path).read_bytes() == desk.assistant.image_path(part.sha256).read_bytes()
    desk.look.event(lambda id_: PhaseChanged(id_, Phase.LOADING, 0.5))
    found = reading("Hello 世界", "line two", labels=(("notebook", 0.62), ("cat", 0.01)))
    desk.look.read(found, load_s=0.3)
    assert [(p.phase, p.fraction) for p in desk.heard.of(NodePhase)] == [
        (Phase.READING_IMAGE, 0.0),
        (Phase.LOADING, 0.5),
    ]
    assert desk.heard.of(ImageReadingChanged) == [ImageReadingChanged(prompt.id, part.sha256, found)]
    text = desk.asked()
    assert text.endswith("What does it say?")
    assert "shot.png" not in text
    for words in (
        "a program read 2 lines",
        "40 × 30 pixels, landscape",
        "notebook (62%)",
        "> Hello 世界\n> line two\n",
    ):
        assert words in text
    assert "cat" not in text
    desk.engine.last.say("It says hello.")
    desk.engine.last.finish()
    done = desk.assistant.node(answer.id)
    assert (done.text, done.state) == ("It says hello.", NodeState.COMPLETE)
    assert desk.assistant.node(prompt.id).parts[0] == ImagePart(
        part.sha256, "image/png", 40, 30, "shot.png", reading=found
    )


def test_a_second_question_reads_nothing_again_and_its_prompt_begins_like_the_first(desk: Desk) -> None:
    part = desk.image()
    desk.assistant.send(desk.chat, "First?", images=[part])
    desk.look.read(reading("some words"))
    first = desk.engine.last.request
    desk.engine.last.say("One.")
    desk.engine.last.finish()
    desk.assistant.send(desk.chat, "Second?")
    second = desk.engine.last.request
    assert len(desk.engine.perceptions) == 1
    assert second.messages[: len(first.messages)] == first.messages
    desk.engine.last.finish()
    other = desk.assistant.new_conversation(temporary=True)
    desk.assistant.send(other.id, "First?", images=[desk.image(name="shot.png")])
    assert len(desk.engine.perceptions) == 1, "readings go by content"
    assert desk.engine.last.request.messages == first.messages


def test_readings_outlive_the_process(tmp_path: Path) -> None:
    engine = ManualEngine()
    with assistant_over(engine, tmp_path / "db") as (assistant, _):
        chat = assistant.new_conversation().id
        assistant.send(chat, "?", images=[assistant.take_in_image(picture())])
        engine.perceptions[-1].read(reading("kept words"))
        engine.last.finish()
    later = ManualEngine()
    with assistant_over(later, tmp_path / "db") as (assistant, _):
        assistant.send(chat, "And now?")
        assert later.perceptions == []
        assert "> kept words" in later.last.request.messages[1].text
        later.last.finish()
        assert [hit.conversation.id for hit in assistant.search("kept words")] == [chat]


def test_several_images_are_read_one_after_the_other_and_numbered(desk: Desk) -> None:
    parts = [desk.image(seed, f"{seed}.png") for seed in range(3)]
    desk.assistant.send(desk.chat, "", images=[*parts, parts[0]])
    for number in range(3):
        assert len(desk.engine.perceptions) == number + 1
        desk.look.read(reading(f"words {number}"))
    assert [p.fraction for p in desk.heard.of(NodePhase)] == pytest.approx([0, 1 / 3, 2 / 3])
    text = desk.asked()
    assert [text.index(f", Image {n}:") for n in (1, 2, 3, 4)] == sorted(
        text.index(f", Image {n}:") for n in (1, 2, 3, 4)
    )
    assert text.count("> words 0") == 2
    desk.engine.last.finish()
    assert desk.assistant.conversation(desk.chat).title == "0.png"


def test_a_reading_that_fails_is_an_error_on_the_answer_and_can_be_tried_again(desk: Desk) -> None:
    answer = desk.assistant.send(desk.chat, "What?", images=[desk.image()])
    desk.look.fail(_BROKEN)
    failed = desk.assistant.node(answer.id)
    assert (failed.state, failed.error) == (NodeState.INTERRUPTED, _BROKEN)
    assert not desk.assistant.is_busy(desk.chat)
    assert desk.heard.of(ImageReadingChanged)[-1].reading == _BROKEN
    assert desk.assistant.path(desk.chat)[0].text == "What?", "the prompt is kept"
    again = desk.assistant.regenerate(answer.id)
    assert len(desk.engine.perceptions) == 2
    desk.look.read(reading("now it works"))
    desk.engine.last.finish()
    assert desk.assistant.node(again.id).state is NodeState.COMPLETE


def test_stop_ends_the_reading(desk: Desk) -> None:
    answer = desk.assistant.send(desk.chat, "What?", images=[desk.image(1), desk.image(2)])
    desk.assistant.stop(desk.chat)
    stopped = desk.assistant.node(answer.id)
    assert (stopped.state, stopped.finish, stopped.error) == (NodeState.INTERRUPTED, FinishReason.CANCELLED, None)
    assert len(desk.engine.perceptions) == 1
    assert desk.engine.turns == []
    assert not desk.assistant.is_busy(desk.chat)


def test_a_close_in_the_middle_of_a_reading(tmp_path: Path) -> None:
    engine = ManualEngine()
    with assistant_over(engine, tmp_path / "db") as (assistant, _):
        chat = assistant.new_conversation().id
        answer = assistant.send(chat, "What?", images=[assistant.take_in_image(picture())])
    with assistant_over(ManualEngine(), tmp_path / "db") as (assistant, _):
        assert assistant.node(answer.id).state is NodeState.INTERRUPTED
        assert assistant.path(chat)[0].parts[1] == TextPart("What?")


def test_a_model_that_sees_gets_the_image_itself(tmp_path: Path) -> None:
    engine = ManualEngine()
    library = Installed(modalities=("text", "image"))
    with assistant_over(engine, tmp_path / "db", library=library) as (assistant, _):
        part = assistant.take_in_image(picture())
        assistant.send(assistant.new_conversation().id, "What?", images=[part])
        assert engine.perceptions == []
        assert engine.last.request.messages[-1].parts == (part, TextPart("What?"))
        engine.last.finish()


def test_an_edit_keeps_the_images_unless_told_otherwise(desk: Desk) -> None:
    part = desk.image()
    answer = desk.assistant.send(desk.chat, "What?", images=[part])
    desk.look.read(reading("words"))
    desk.engine.last.finish()
    prompt_id = answer.parent_id or ""
    edited = desk.assistant.edit(prompt_id, "Why?")
    desk.engine.last.finish()
    assert [type(p) for p in _prompt_of(desk.assistant, edited).parts] == [ImagePart, TextPart]
    bare = desk.assistant.edit(prompt_id, "Why?", images=())
    desk.engine.last.finish()
    assert _prompt_of(desk.assistant, bare).parts == (TextPart("Why?"),)
    with pytest.raises(AppError):
        desk.assistant.edit(prompt_id, " ", images=())


def _prompt_of(assistant: Assistant, answer: Node) -> Node:
    return assistant.node(answer.parent_id or "")


def test_too_many_images_change_nothing(desk: Desk) -> None:
    parts = [desk.image()] * (MAX_IMAGES_PER_MESSAGE + 1)
    with pytest.raises(AppError) as refused:
        desk.assistant.send(desk.chat, "What?", images=parts)
    assert refused.value.report.code is ErrorCode.BAD_INPUT
    assert desk.assistant.path(desk.chat) == []
    assert not desk.assistant.is_busy(desk.chat)


def test_an_image_whose_file_is_gone_does_not_end_the_conversation(desk: Desk) -> None:
    part = desk.image()
    path = desk.assistant.image_path(part.sha256)
    desk.assistant.send(desk.chat, "What?", images=[part])
    desk.look.fail(_BROKEN)
    path.unlink()
    for kept in (desk.folder / "attachments").glob("*"):
        kept.unlink()
    with pytest.raises(AppError):
        desk.assistant.image_path(part.sha256)
    desk.assistant.send(desk.chat, "And without?")
    assert "could not be read" in desk.engine.last.request.messages[-1].text
    desk.engine.last.finish()


def test_images_are_kept_with_kept_conversations_alone(desk: Desk) -> None:
    assert desk.files() == []
    hidden = desk.assistant.new_conversation(temporary=True)
    desk.assistant.send(hidden.id, "?", images=[desk.image(1)])
    desk.look.read(reading("a secret"))
    desk.engine.last.finish()
    assert desk.files() == []
    assert desk.assistant.search("secret") == []
    part = desk.image(2)
    assert desk.files() == [], "nothing is kept before it is sent"
    desk.assistant.send(desk.chat, "?", images=[part])
    assert desk.files() == [f"{part.sha256}.png"]
    desk.look.read(reading("x"))
    desk.engine.last.finish()
    assert len(desk.private()) == 1
    desk.assistant.close()
    assert desk.private() == [], "what was temporary is gone"
    assert desk.files() == [f"{part.sha256}.png"]


def test_a_purged_conversation_takes_its_images_along_unless_another_has_them(desk: Desk) -> None:
    mine, shared = desk.image(1), desk.image(2)
    desk.assistant.send(desk.chat, "?", images=[mine, shared])
    desk.look.read(reading("mine"))
    desk.look.read(reading("shared"))
    desk.engine.last.finish()
    other = desk.assistant.new_conversation()
    desk.assistant.send(other.id, "?", images=[shared])
    desk.engine.last.finish()
    desk.assistant.delete(desk.chat)
    assert len(desk.files()) == 2, "until it is purged it can be restored"
    desk.assistant.purge_deleted()
    assert desk.files() == [f"{shared.sha256}.png"]
    desk.assistant.delete(other.id)
    desk.assistant.purge_deleted()
    assert desk.files() == []


def test_nothing_of_a_temporary_conversation_stays_after_its_purge(desk: Desk) -> None:
    hidden = desk.assistant.new_conversation(temporary=True)
    sent, waiting = desk.image(1), desk.image(2)
    desk.assistant.send(hidden.id, "?", images=[sent])
    desk.look.read(reading("a secret"))
    desk.engine.last.finish()
    desk.assistant.delete(hidden.id)
    desk.assistant.purge_deleted()
    with pytest.raises(AppError):
        desk.assistant.image_path(sent.sha256)
    assert desk.assistant.image_path(waiting.sha256).is_file(), "it may yet be sent"
    desk.assistant.forget_images()
    with pytest.raises(AppError):
        desk.assistant.image_path(waiting.sha256)
    assert [path.name for folder in desk.private() for path in folder.iterdir()] == ["held.lock"]
    desk.assistant.send(desk.chat, "?", images=[desk.image(1)])
    assert len(desk.engine.perceptions) == 2, "the reading is forgotten, too"
    desk.look.read(reading("a secret"))
    desk.engine.last.finish()


def test_look_reads_once(desk: Desk) -> None:
    part = desk.image()
    found: list[ImageReading | ErrorReport] = []
    desk.assistant.look(part, found.append)
    desk.look.read(reading("words"))
    desk.assistant.look(part, found.append)
    assert found == [reading("words")] * 2
    assert len(desk.engine.perceptions) == 1
    assert [event.node_id for event in desk.heard.of(ImageReadingChanged)] == [None, None]
    desk.assistant.send(desk.chat, "?", images=[part])
    assert len(desk.engine.perceptions) == 1, "sent later, it is not read again"
    desk.engine.last.finish()
    assert desk.assistant.path(desk.chat)[0].parts[0] == replace(part, reading=reading("words"))


def test_a_look_can_be_cancelled(desk: Desk) -> None:
    found: list[ImageReading | ErrorReport] = []
    job = desk.assistant.look(desk.image(), found.append)
    desk.assistant.cancel_job(job)
    assert [error.code for error in found if isinstance(error, ErrorReport)] == [ErrorCode.CANCELLED]


def test_loaded_modalities_are_told(desk: Desk) -> None:
    status = ModalityStatus(Modality.VISION, True, 1 << 20, 0.5)
    for watcher in desk.engine.watchers:
        watcher(EngineStatus(EngineState.READY, modalities=(status,)))
        watcher(EngineStatus(EngineState.BUSY, modalities=(status,)))
    assert desk.heard.of(ModalitiesChanged) == [ModalitiesChanged((status,))]
    desk.assistant.load_modality(Modality.SPEECH)
    desk.assistant.unload_modality(Modality.VISION)
    assert desk.engine.modalities == [("load", Modality.SPEECH), ("unload", Modality.VISION)]


def test_export_and_import_bring_images_and_readings(desk: Desk, tmp_path: Path) -> None:
    part = desk.image(name="a *shot*.png")
    desk.assistant.send(desk.chat, "What?", images=[part])
    desk.look.read(reading("kept words", labels=(("cat", 0.9),)))
    desk.engine.last.say("That.")
    desk.engine.last.finish()
    json_text, markdown = desk.assistant.export_json(desk.chat), desk.assistant.export_markdown(desk.chat)
    assert "a \\*shot\\*.png" in markdown
    assert "> kept words" in markdown
    again = desk.assistant.import_markdown(markdown)
    assert "kept words" in desk.assistant.path(again.id)[0].text
    engine = ManualEngine()
    with assistant_over(engine, tmp_path / "elsewhere" / "db") as (assistant, _):
        chat = assistant.import_json(json_text).id
        prompt = assistant.path(chat)[0]
        assert prompt.parts == desk.assistant.path(desk.chat)[0].parts
        assert assistant.image_path(part.sha256).read_bytes() == desk.assistant.image_path(part.sha256).read_bytes()
        assert [hit.node_id for hit in assistant.search("kept words")] == [prompt.id]
        assistant.send(chat, "And?")
        assert engine.perceptions == []
        engine.last.finish()


@pytest.mark.parametrize(
    ("old", "new"),
    [('"media_type": "image/png"', '"media_type": "image/jpeg"'), ('"width": 40', '"width": 4000'), ("iVBOR", "iVBOS")],
)
def test_an_export_whose_image_is_not_what_it_says_is_refused(desk: Desk, old: str, new: str) -> None:
    desk.assistant.send(desk.chat, "What?", images=[desk.image()])
    desk.look.fail(_BROKEN)
    text = desk.assistant.export_json(desk.chat)
    assert old in text
    before = desk.assistant.conversations()
    with pytest.raises(AppError) as refused:
        desk.assistant.import_json(text.replace(old, new))
    assert refused.value.report.code is ErrorCode.BAD_INPUT
    assert desk.assistant.conversations() == before


def test_the_scripted_engine_reads_and_answers_and_reuses_the_block(tmp_path: Path) -> None:
    found = reading("one two three four five six seven eight")
    engine = ScriptedEngine([Reply("Numbers.")], senses=Senses(read=lambda _request: found))
    with assistant_over(engine, tmp_path / "db") as (assistant, heard):
        chat = assistant.new_conversation().id
        part = assistant.take_in_image(picture())
        first = assistant.send(chat, "What?", images=[part])
        heard.wait_finished(first.id)
        second = assistant.send(chat, "Really?")
        heard.wait_finished(second.id)
        usage = assistant.node(second.id).usage
        one = assistant.node(first.id).usage
        assert usage is not None
        assert one is not None
        assert usage.cached_tokens >= one.prompt_tokens - 1
        assert len(engine.perceptions) == 1
        assert assistant.path(chat)[0].role is Role.USER


def test_above_65_degrees_an_answer_is_reused_for_the_same_image_alone(tmp_path: Path) -> None:
    engine, energy = ManualEngine(), service_at(Clock())
    with assistant_over(engine, tmp_path / "db", energy=energy) as (assistant, _):
        energy.set_temperature(70.0)
        answers = []
        for seed in (1, 2, 1):
            chat = assistant.new_conversation().id
            turns, looks = len(engine.turns), len(engine.perceptions)
            part = assistant.take_in_image(picture(seed), name="x.png")
            node = assistant.send(chat, "What?", images=[part], sampling=Sampling(temperature=0.0, seed=1))
            if len(engine.perceptions) > looks:
                engine.perceptions[-1].read(reading(f"number {seed}"))
            if len(engine.turns) > turns:
                engine.last.say(f"It is {seed}.")
                engine.last.finish()
            answers.append(assistant.node(node.id))
        assert [answer.text for answer in answers] == ["It is 1.", "It is 2.", "It is 1."]
        assert [answer.from_cache for answer in answers] == [False, False, True]


def test_the_oldest_can_be_left_out_with_their_images(desk: Desk) -> None:
    for seed in range(4):
        desk.assistant.send(desk.chat, f"prompt {seed}", images=[desk.image(seed)])
        desk.look.read(reading(f"words {seed} " * 20))
        desk.engine.last.say("a")
        desk.engine.last.finish()
    answer = desk.assistant.send(desk.chat, "the last one", drop_oldest=True)
    full = msg("{prompt_tokens} {room_tokens} {context_tokens}", prompt_tokens=900, room_tokens=0, context_tokens=500)
    desk.engine.last.fail(ErrorReport(ErrorCode.CONTEXT_FULL, full, msg("Shorten.")))
    kept = " ".join(message.text for message in desk.engine.last.request.messages)
    assert "words 0" not in kept
    assert "words 3" in kept
    assert "the last one" in kept
    desk.engine.last.finish()
    assert desk.assistant.node(answer.id).dropped_messages >= 2
