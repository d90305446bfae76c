"""``serve``: how it starts, what it refuses, how it ends."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.cli.serve import StartUp
from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.events import EngineState, EngineStatus
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.perception import Modality, ModalityStatus
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.script import Senses
from autoglm_desktop.engine.scripted import Reply, ScriptedEngine
from tests.helpers.assistants import assistant_over
from tests.helpers.command_line import assert_failed, run
from tests.helpers.manual_engine import ManualEngine
from tests.unit.test_service_socket import wait_until

MODEL = Settings().model_id
LOADING = f"[INFO] Loading AutoGLM-Phone-9B model... (weights: {MODEL})"
BACKBONE = "[INFO] Initializing AutoGLM-Phone-9B backbone with KV cache optimization..."


def test_each_line_comes_when_its_part_begins(capsys: pytest.CaptureFixture[str]) -> None:
    with assistant_over(ScriptedEngine([Reply("x")], senses=Senses())) as (assistant, _):
        StartUp(assistant, MODEL).run((Modality.VISION, Modality.SPEECH))
        status = assistant.engine_status()
        assert status.model_id == MODEL
        assert {m.modality for m in status.modalities if m.loaded} == {Modality.VISION, Modality.SPEECH}
    assert capsys.readouterr().err.splitlines() == [
        LOADING,
        "[INFO] Initializing vision encoder...",
        "[INFO] Initializing speech frontend...",
        BACKBONE,
    ]


def test_without_modalities_only_the_backbone_is_loaded_and_the_rest_is_told_later(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with assistant_over(ScriptedEngine([Reply("x")], senses=Senses())) as (assistant, _):
        StartUp(assistant, MODEL).run(())
        assert assistant.engine_status().modalities == ()
        assert capsys.readouterr().err.splitlines() == [LOADING, BACKBONE]
        assistant.load_modality(Modality.VISION)
        wait_until(lambda: "Loaded on first use: vision encoder" in capsys.readouterr().err)


def test_it_waits_for_the_engine_and_fails_with_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ErrorReport(ErrorCode.OUT_OF_MEMORY, msg("There is not enough memory."), msg("Choose a smaller tier."))
    engine = ManualEngine()
    with assistant_over(engine) as (assistant, _):

        def preload(self: Assistant) -> None:
            for status in (
                EngineStatus(EngineState.STARTING),
                EngineStatus(EngineState.READY, modalities=(ModalityStatus(Modality.VISION, True),)),
                EngineStatus(EngineState.READY, error=error),
            ):
                for watcher in engine.watchers:
                    watcher(status)

        monkeypatch.setattr(Assistant, "preload", preload)
        with pytest.raises(AppError, match="not enough memory"):
            StartUp(assistant, MODEL).run(())


def test_an_address_for_others_needs_a_key(tmp_path: Path) -> None:
    assert_failed(run(tmp_path, "serve", "--host", "0.0.0.0"), "API key")  # noqa: S104 - it is refused


def test_a_port_in_use_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_failed(run(tmp_path, "serve", "--port", str(port)), f"Port {port}")


def test_a_model_that_is_not_here_names_the_command_that_fetches_it(tmp_path: Path) -> None:
    assert_failed(run(tmp_path, "serve", "--port", "0"), f"autoglm-desktop models pull {MODEL}")


@pytest.mark.parametrize("wrong", [("--port", "70000"), ("--load", "smell"), ("--port", "x")], ids=" ".join)
def test_wrong_usage_is_status_2(tmp_path: Path, wrong: tuple[str, ...]) -> None:
    done: Any = run(tmp_path, "serve", *wrong)
    assert done.status == 2
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "variable"),
    [(("--api-key", ""), "k"), (("--api-key", " "), ""), (("--api-key", "密钥"), ""), ((), " \t")],
)
def test_a_key_that_no_client_could_send_is_wrong_usage(
    tmp_path: Path, arguments: tuple[str, ...], variable: str
) -> None:
    done = run(tmp_path, "serve", "--port", "0", *arguments, env={"AUTOGLM_API_KEY": variable})
    assert done.status == 2
    assert "key" in done.err
    assert "Traceback" not in done.err
