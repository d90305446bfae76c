"""A second `serve` process with real weights stands for the cloud.

Consent, escalation, a wrong key, a slow network, one that is killed.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.cloud import CloudDesk
from autoglm_desktop.assistant.energy import EnergyService
from autoglm_desktop.assistant.events import AssistantEvent, NodeDelta, NodeFinished
from autoglm_desktop.cloud.keys import CLOUD_VARIABLE
from autoglm_desktop.core.conversation import Node, NodeState
from autoglm_desktop.core.routing import Where
from autoglm_desktop.core.settings import Settings, save_settings
from autoglm_desktop.engine.client import EngineClient, EngineOptions
from autoglm_desktop.models.library import ModelLibrary
from autoglm_desktop.store.store import Store
from tests.helpers.command_line import command, environment, run
from tests.helpers.keyrings import keyring_of, no_keyring
from tests.helpers.real_models import SMOLLM
from tests.helpers.slow_relay import slow_relay

pytestmark = pytest.mark.model

KEY = "sk-of-the-other-process"
LIMIT_S = 120.0
NARROW_TOKENS = 512
LONG = "The lighthouse keeper counted the ships that went by. " * 60 + "Name a colour."


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


@pytest.fixture(scope="module")
def narrow(model_folder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose model, of the same weights, holds few tokens."""
    folder, data_dir = model_folder(SMOLLM), tmp_path_factory.mktemp("narrow")
    model = data_dir / "models" / SMOLLM
    for path in (path for path in folder.rglob("*") if path.is_file()):
        link = model / path.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    text = (model / "config.json").read_text(encoding="utf-8")
    (model / "config.json").unlink()
    narrowed = text.replace(" 8192,", f"{NARROW_TOKENS: 5},")  # of the same size, which the library looks at
    assert json.loads(narrowed)["max_position_embeddings"] == NARROW_TOKENS
    (model / "config.json").write_text(narrowed, encoding="utf-8")
    return data_dir


@contextmanager
def serving(data_dir: Path, env: Mapping[str, str] | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`serve` in a process of its own; its base URL."""
    process = subprocess.Popen(
        command("serve", "--port", "0"),
        env=environment(data_dir, {"AUTOGLM_API_KEY": KEY, **(env or {})}),
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
            done = run(here, "chat", "--json", "Name a colour.", env={CLOUD_VARIABLE: KEY})
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
        wrong = run(here, "chat", "--json", "Name a colour.", env={CLOUD_VARIABLE: "sk-wrong"})
        assert wrong.json["answered_by"]["where"] == "local"
        assert "does not accept the API key" in wrong.json["answered_by"]["reason"]
        assert wrong.json["text"]
        logs = "".join(path.read_text(errors="replace") for path in (here / "logs").glob("*.log"))
        assert KEY not in logs + json.dumps(wrong.json) + wrong.err


def test_what_does_not_fit_here_goes_to_the_other_process_and_nothing_else(
    data_dirs: tuple[Path, Path], narrow: Path
) -> None:
    """From the command line, and by a client of the service of this machine."""
    with serving(data_dirs[1]) as (_, url):
        save_settings(narrow / "settings.json", cloud_settings(url, "when_needed"))
        short = run(narrow, "chat", "--json", "Name a colour.", env={CLOUD_VARIABLE: KEY})
        long = run(narrow, "chat", "--json", "-", stdin=LONG.encode(), env={CLOUD_VARIABLE: KEY})
        assert (short.status, long.status) == (0, 0), short.err + long.err
        assert short.json["answered_by"]["where"] == "local"
        assert long.json["answered_by"]["where"] == "cloud"
        assert f"the model here holds {NARROW_TOKENS}" in long.json["answered_by"]["reason"]
        assert long.json["prompt_tokens"] > NARROW_TOKENS
        with serving(narrow, {CLOUD_VARIABLE: KEY}) as (_, near):
            where = {text: _asked_over_http(near, text)["answered_by"]["where"] for text in ("Name a colour.", LONG)}
    assert where == {"Name a colour.": "local", LONG: "cloud"}


def _asked_over_http(url: str, text: str) -> dict[str, Any]:
    """The usage."""
    body = {"model": "autoglm-phone-9b", "messages": [{"role": "user", "content": text}], "max_tokens": 24}
    headers = {"Authorization": f"Bearer {KEY}"}
    answer = httpx.post(f"{url}/chat/completions", json=body, headers=headers, timeout=LIMIT_S)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"].strip()
    usage: dict[str, Any] = answer.json()["usage"]
    return usage


def test_a_slow_network_costs_time_and_nothing_of_the_answer(data_dirs: tuple[Path, Path]) -> None:
    here, far = data_dirs
    with serving(far) as (_, url), slow_relay(url) as (relay, slow_url):
        answers = []
        for address in (url, url, slow_url):  # the first finds no cache, which may tip the balance between two words
            save_settings(here / "settings.json", cloud_settings(address))
            done = run(here, "chat", "--json", "Name a colour.", env={CLOUD_VARIABLE: KEY})
            assert done.status == 0, done.err
            assert done.json["answered_by"]["where"] == "cloud"
            answers.append(done.json["text"])
    assert answers[1] == answers[2]
    assert relay.pieces > 20, "it came through the relay in pieces"


def test_killing_the_other_process_in_mid_stream_ends_with_an_answer_of_this_machine(
    data_dirs: tuple[Path, Path], tmp_path: Path
) -> None:
    here, far = data_dirs
    os.environ[CLOUD_VARIABLE] = KEY
    try:
        with keyring_of(no_keyring()), serving(far) as (process, url):
            settings = cloud_settings(url).model_copy(update={"max_tokens": 400})
            node = _ask(here, tmp_path, settings, on_text=lambda: process.send_signal(signal.SIGKILL))
    finally:
        del os.environ[CLOUD_VARIABLE]
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
