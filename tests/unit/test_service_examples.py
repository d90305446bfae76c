"""The examples run as they are, against a service on a socket."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autoglm_desktop.engine.scripted import Reply, ScriptedEngine
from tests.helpers.services import OnSocket, on_socket

EXAMPLES = Path(__file__).resolve().parents[2] / "packaging" / "examples"
ANSWER, THOUGHT = "我是 AutoGLM-Phone-9B。", "They ask who I am."


def run(service: OnSocket, *command: str, key: str = "") -> str:
    """What the example prints."""
    done = subprocess.run(
        [*command, service.base_url],
        capture_output=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "utf-8", "AUTOGLM_API_KEY": key},
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_every_example_is_tested() -> None:
    names = {path.name for path in EXAMPLES.iterdir() if path.is_file()}
    assert names == {"langchain_client.py", "openai_client.py", "curl_client.sh"}


def test_the_langchain_example() -> None:
    with on_socket(ScriptedEngine([Reply(ANSWER, reasoning=THOUGHT)])) as service:
        said = run(service, sys.executable, str(EXAMPLES / "langchain_client.py"))
    assert said.splitlines() == [ANSWER, f"reasoning: {THOUGHT}", f"text: {ANSWER}"]


def test_the_openai_example() -> None:
    with on_socket(ScriptedEngine([Reply(ANSWER, reasoning=THOUGHT)])) as service:
        said = run(service, sys.executable, str(EXAMPLES / "openai_client.py"))
    assert said.startswith(THOUGHT + ANSWER)
    assert "prompt tokens came from the cache" in said
    assert "J (" in said


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
@pytest.mark.parametrize(("key", "battery"), [("", 0.8), ("secret", 0.2)])
def test_the_curl_example(key: str, battery: float) -> None:
    with on_socket(ScriptedEngine([Reply(ANSWER)]), api_key=key or None) as service:
        said = run(service, "bash", str(EXAMPLES / "curl_client.sh"), key=key)
    assert '"weights"' in said
    assert "data: [DONE]" in said
    page = json.loads(said.splitlines()[-1])
    assert page["phone"]["battery"] == pytest.approx(battery, abs=0.01)
