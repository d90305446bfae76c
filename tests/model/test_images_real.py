"""A question about a screenshot, from the file to the words of the real model that only reads text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.events import NodePhase
from autoglm_desktop.assistant.image_text import block
from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.events import Phase
from autoglm_desktop.core.messages import ImagePart, Sampling
from autoglm_desktop.core.perception import Modality
from autoglm_desktop.core.precision import TierChoice
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.client import EngineClient, EngineOptions
from autoglm_desktop.models.library import ModelLibrary
from autoglm_desktop.store.store import Store
from tests.helpers.assistants import Heard
from tests.helpers.command_line import run
from tests.helpers.real_models import QWEN, real_model

pytestmark = [pytest.mark.model, pytest.mark.timeout(900)]
GREEDY = Sampling(temperature=0.0, repetition_penalty=1.05, seed=1)
WAIT_S = 300.0
LINES = ("Station closed", "Next train: 17:45", "Platform Zanzibar")


def screenshot(path: Path) -> Path:
    image = Image.new("RGB", (1000, 400), "white")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(LINES):
        draw.text((60, 50 + 100 * number), line, fill="black", font=ImageFont.load_default(48))
    image.save(path)
    return path


@pytest.fixture
def asked(shared_data_dir: Path, tmp_path: Path) -> Iterator[tuple[Assistant, Heard]]:
    real_model(shared_data_dir, QWEN)
    folder = tmp_path
    with ExitStack() as closing:
        engine = EngineClient(EngineOptions(2, 1 << 28, 0, folder / "engine.log"))
        closing.callback(engine.close)
        settings = Settings(model_id=QWEN, tier=TierChoice.INT8, max_tokens=64)
        assistant = Assistant(engine, Store(folder / "db"), ModelLibrary(shared_data_dir), settings)
        closing.callback(assistant.close)
        heard = Heard()
        assistant.subscribe(heard)
        yield assistant, heard


def answer(asked: tuple[Assistant, Heard], chat: str, text: str, *images: ImagePart) -> Node:
    assistant, heard = asked
    node = assistant.send(chat, text, images=images, sampling=GREEDY)
    heard.wait_finished(node.id, WAIT_S)
    done = assistant.node(node.id)
    assert done.error is None, done.error
    return done


def test_what_stands_in_a_screenshot_is_answered_from_the_reading_and_paid_once(
    asked: tuple[Assistant, Heard], tmp_path: Path
) -> None:
    assistant, heard = asked
    chat = assistant.new_conversation().id
    part = assistant.take_in_image(screenshot(tmp_path / "shot.png"))
    first = answer(asked, chat, "图里写了什么?", part)
    prompt = assistant.path(chat)[0].parts[0]
    assert isinstance(prompt, ImagePart)
    assert prompt.reading is not None
    assert tuple(line.text for line in prompt.reading.text_lines) == LINES
    assert "closed" in first.text or "Zanzibar" in first.text
    phases = [event.phase for event in heard.of(NodePhase) if event.node_id == first.id]
    assert Phase.READING_IMAGE in phases
    before = len(heard.of(NodePhase))
    second = answer(asked, chat, "Which platform is it? Answer in one word.")
    assert "zanzibar" in second.text.lower()
    assert first.usage is not None
    assert second.usage is not None
    assert second.usage.cached_tokens >= first.usage.prompt_tokens - 1, "the block is in the session's cache"
    assert second.usage.prompt_tokens - second.usage.cached_tokens < len(block(1, prompt, prompt.reading)) / 4
    assert Phase.READING_IMAGE not in [event.phase for event in heard.of(NodePhase)[before:]]
    vision = next(m for m in assistant.engine_status().modalities if m.modality is Modality.VISION)
    assert vision.loaded
    assert vision.bytes_held > 0
    assert first.energy is not None
    assert second.energy is not None
    assert (first.energy.phone.value or 0.0) > assistant.energy.profile.power.image_j


def test_chat_takes_an_image_and_tells_what_was_read(shared_data_dir: Path, tmp_path: Path) -> None:
    real_model(shared_data_dir, QWEN)
    (tmp_path / "models").symlink_to(shared_data_dir / "models")
    image = screenshot(tmp_path / "shot.png")
    done = run(
        tmp_path, "chat", "--image", image, "--tier", "int8", "--temperature", "0", "--max-tokens", "48", "--json",
        "When does the next train go?",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert done.json["images"][0]["text_lines"] == list(LINES)
    assert "17:45" in done.json["text"]
    kept = {"logs", "models", "settings.json", "window.lock"}  # where the phone stands now, and no word
    assert {path.name for path in tmp_path.glob("*")} == kept | {"shot.png"}
