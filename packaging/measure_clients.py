"""Fifty clients at once at the service of the real window, under Xvfb, with the real model.

    .venv/bin/python packaging/measure_clients.py [--clients 50] [--model ID] [--json]

Every client streams one short answer over the socket. Told: how many were answered, refused (429) or broken, the
stalls of the window's thread meanwhile, and the memory of the window's process before and after.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil

from autoglm_desktop.assets import default_data_dir
from autoglm_desktop.core.settings import DEFAULT_MODEL_ID

if TYPE_CHECKING:
    from autoglm_desktop.ui.shell import Shell
    from tests.helpers.stalls import Stalls

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the helpers of the tests

START_S, END_S = 60.0, 600.0
DONE, MEASURED = "done", "measured.json"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--model", default=DEFAULT_MODEL_ID)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout, nothing else")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        return in_window(arguments.child)
    from tests.helpers.display import x_server

    with x_server() as display, tempfile.TemporaryDirectory() as folder:
        result = run(display, Path(folder), arguments.model, arguments.clients)
    print(json.dumps(result, indent=2) if arguments.json else "\n".join(f"{k:18}{v}" for k, v in result.items()))
    return 0


def run(display: str, data_dir: Path, model_id: str, clients: int) -> dict[str, object]:
    """One window and all clients, from its start to its end."""
    port = free_port()
    (data_dir / "models").symlink_to(default_data_dir() / "models")
    settings = {"model_id": model_id, "service_enabled": True, "service_port": port, "language": "en"}
    (data_dir / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if key != "QT_QPA_PLATFORM"}
    command = [sys.executable, __file__, "--child", str(data_dir)]
    with subprocess.Popen(command, env=environment | {"DISPLAY": display}) as window:
        try:
            address = f"http://127.0.0.1:{port}"
            wait_ready(address)
            ask_one(address)
            before_mb = memory_mb(window.pid)
            began_s = time.monotonic()
            outcomes = asyncio.run(ask_all(address, clients))
            seconds = time.monotonic() - began_s
            after_mb = memory_mb(window.pid)
        finally:
            (data_dir / DONE).touch()
        window.wait(END_S)
    measured: dict[str, object] = json.loads((data_dir / MEASURED).read_text(encoding="utf-8"))
    return {
        "clients": clients,
        "outcomes": dict(outcomes),
        "seconds": round(seconds, 1),
        "memory_before_mb": round(before_mb),
        "memory_after_mb": round(after_mb),
        **measured,
    }


async def ask_all(address: str, clients: int) -> Counter[str]:
    """What became of every client."""
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=address, timeout=END_S, limits=limits) as client:
        return Counter(await asyncio.gather(*(ask(client, number) for number in range(clients))))


async def ask(client: httpx.AsyncClient, number: int) -> str:
    try:
        async with client.stream("POST", "/v1/chat/completions", json=question(number)) as answer:
            if answer.status_code != 200:
                await answer.aread()
                return f"refused ({answer.status_code})"
            lines = [line async for line in answer.aiter_lines()]
    except httpx.HTTPError as error:
        return f"broken ({type(error).__name__})"
    return "answered" if "data: [DONE]" in lines else "cut off"


def ask_one(address: str) -> None:
    """The model is loaded for it."""
    body = question(0) | {"stream": False}
    httpx.post(f"{address}/v1/chat/completions", json=body, timeout=END_S).raise_for_status()


def question(number: int) -> dict[str, object]:
    text = f"Say something short about the number {number}."
    messages = [{"role": "user", "content": text}]
    return {"model": "autoglm-phone-9b", "messages": messages, "max_tokens": 16, "stream": True}


def wait_ready(address: str) -> None:
    """Raises TimeoutError when nothing answers in time."""
    end_s = time.monotonic() + START_S
    while time.monotonic() < end_s:
        try:
            if httpx.get(f"{address}/health", timeout=5.0).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise TimeoutError(address)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def memory_mb(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss) / 1e6


def in_window(data_dir: Path) -> int:
    """The measured process: the application as it always is, with a beat on its thread."""
    from autoglm_desktop import app

    kept: list[Stalls] = []
    status = app.run_window(["--data-dir", str(data_dir)], on_shown=lambda shell: kept.append(beat(shell, data_dir)))
    (data_dir / MEASURED).write_text(json.dumps(kept[0].told()), encoding="utf-8")
    return status


def beat(shell: Shell, data_dir: Path) -> Stalls:
    """Beats until the clients are done, which ends the window."""
    from PySide6.QtCore import QTimer

    from tests.helpers.stalls import Stalls

    stalls = Stalls(shell.window)
    QTimer.singleShot(2000, stalls, stalls.begin)  # what a start costs is measured elsewhere

    def look() -> None:
        if (data_dir / DONE).exists():
            stalls.stop()
            shell.window.close()

    looks = QTimer(stalls, interval=200)
    looks.timeout.connect(look)
    looks.start()
    return stalls


if __name__ == "__main__":
    sys.exit(main())
