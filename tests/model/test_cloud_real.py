"""A second `serve` process with real weights stands for the cloud: consent, escalation, a wrong key, a killed one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.cloud import CloudDesk
from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.events import AssistantEvent, NodeDelta, NodeFinished
from autoglm_desktop.cloud.keys import ENVIRONMENT
from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.routing import Where
from autoglm_desktop.core.settings import Settings, save_settings
from autoglm_desktop.engine.client import EngineClient, EngineOptions
from autoglm_desktop.models.library import ModelLibrary
from autoglm_desktop.store.store import Store
from tests.helpers.command_line import command, environment, run
from tests.helpers.keyrings import keyring_of, no_keyring
from tests.helpers.real_models import SMOLLM

pytestmark = pytest.mark.model

KEY = "sk-of-the-other-process"
LIMIT_S = 120.0


@pytest.fixture(scope="module")
def data_dirs(
    shared_data_dir: Path, model_folder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Two data folders with the same weights: of the one that asks, and of the one that stands for the cloud."""
    folder = model_folder(SMOLLM)
    made = []
    for name in ("here", "far"):
        data_dir = tmp_path_factory.mktemp(name)
        (data_dir / "models").mkdir()
        (data_dir / "models" / SMOLLM).symlink_to(folder)
        save_settings(data_dir / "settings.json", Settings(model_id=SMOLLM, temperature=0.0, max_tokens=24))
        made.append(data_dir)
    return made[0], made[1]


@contextmanager
def serving(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`serve` in a process of its own; its base URL."""
    process = subprocess.Popen(
        command("serve", "--port", "0"),
        env=environment(data_dir, {"AUTOGLM_API_KEY": KEY}),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        lines: list[str] = []
        while not (found := re.search(r"Server running on (\S+)", lines[-1] if lines else "")):
            lines.append(process.stderr.readline())
            assert lines[-1], lines
        rest = threading.Thread(target=process.stderr.read)
        rest.start()
        yield process, f"{found[1]}/v1"
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(LIMIT_S)
        rest.join(LIMIT_S)
        process.stderr.close()


def cloud_settings(url: str, mode: str = "always", *, consent: bool = True) -> Settings:
    return Settings.model_validate(
        {
            "model_id": SMOLLM,
            "temperature": 0.0,
            "max_tokens": 24,
            "cloud_mode": mode,
            "cloud_url": url,
            "cloud_model": "autoglm-phone-9b",
            "cloud_allow_http": True,
            "cloud_consents": (url,) if consent else (),
        }
    )


def test_the_command_line_asks_the_other_process_after_consent_alone(data_dirs: tuple[Path, Path]) -> None:
    here, far = data_dirs
    with serving(far) as (_, url):
        answers = {}
        for consent in (False, True):
            save_settings(here / "settings.json", cloud_settings(url, consent=consent))
            done = run(here, "chat", "--json", "Name a colour.", env={ENVIRONMENT: KEY})
            assert done.status == 0, done.err
            answers[consent] = done.json
        assert answers[False]["answered_by"]["where"] == "local"
        assert "not agreed" in answers[False]["answered_by"]["reason"]
        told = answers[True]["answered_by"]
        assert (told["where"], told["model"]) == ("cloud", "autoglm-phone-9b")
        assert told["radio_s"] > 0
        assert answers[True]["text"]
        assert answers[True]["prompt_tokens"] > 0
        assert answers[True]["rss_mb"] == 0, "nothing was loaded here for it"
        wrong = run(here, "chat", "--json", "Name a colour.", env={ENVIRONMENT: "sk-wrong"})
        assert wrong.json["answered_by"]["where"] == "local"
        assert "does not accept the API key" in wrong.json["answered_by"]["reason"]
        assert wrong.json["text"]
        logs = "".join(path.read_text(errors="replace") for path in (here / "logs").glob("*.log"))
        assert KEY not in logs + json.dumps(wrong.json) + wrong.err


def test_killing_the_other_process_in_mid_stream_ends_with_an_answer_of_this_machine(
    data_dirs: tuple[Path, Path], tmp_path: Path
) -> None:
    here, far = data_dirs
    os.environ[ENVIRONMENT] = KEY
    try:
        with keyring_of(no_keyring()), serving(far) as (process, url):
            settings = cloud_settings(url).model_copy(update={"max_tokens": 400})
            node = _ask(here, tmp_path, settings, on_text=lambda: process.send_signal(signal.SIGKILL))
    finally:
        del os.environ[ENVIRONMENT]
    assert node.state is NodeState.COMPLETE
    assert node.usage is not None
    assert node.usage.answered_by is not None
    assert node.usage.answered_by.where is Where.LOCAL
    assert "This machine went on." in str(node.usage.answered_by.reason)
    assert node.usage.memory.rss_bytes > 0


def _ask(data_dir: Path, folder: Path, settings: Settings, *, on_text: Callable[[], None]) -> Node:
    """One long answer; `on_text` is called when its first words are here."""
    library = ModelLibrary(data_dir)
    energy = EnergyService(settings=settings)
    engine = EngineClient(EngineOptions(0, 1 << 30, 0, folder / "engine.log"))
    assistant = Assistant(
        CloudDesk(engine, settings, library, energy).engine, Store(None), library, settings, energy=energy
    )
    ended, begun, nodes = threading.Event(), threading.Event(), list[Node]()

    def listen(event: AssistantEvent) -> None:
        if isinstance(event, NodeDelta) and not begun.is_set():
            begun.set()
            on_text()
        if isinstance(event, NodeFinished):
            nodes.append(event.node)
            ended.set()

    assistant.subscribe(listen)
    try:
        assistant.send(assistant.new_conversation().id, "Tell me a very long story about the sea.")
        assert ended.wait(LIMIT_S)
    finally:
        assistant.close()
    return nodes[0]
