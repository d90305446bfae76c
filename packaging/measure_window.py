"""Measure the real window under Xvfb, with the real model: start, first token, stalls while streaming, a long chat.

    .venv/bin/python packaging/measure_window.py [--runs 3] [--model ID] [--json]

Each run is a fresh process with a fresh data folder (the models are those of the usual one). One run before the counted
ones warms the disk and packs the tier. The figures are medians over the runs, of stalls the worst.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from autoglm_desktop.assets import default_data_dir
from autoglm_desktop.core.settings import DEFAULT_MODEL_ID

if TYPE_CHECKING:
    from window_probe import Probe  # type: ignore[import-not-found]  # beside this script

    from autoglm_desktop.ui.shell import Shell

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the helpers of the tests

TARGETS = {
    "window_s": 1.0,
    "first_token_s": 4.0,
    "stall_p999_ms": 50.0,
    "stall_worst_ms": 120.0,
    "open_5000_s": 0.5,
}
QUESTION = "你是谁?"
LONG_TASK = "Explain in detail, with a table, a list and a Python code block, how a KV cache saves work."
MESSAGES = 5000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--model", default=DEFAULT_MODEL_ID)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout, nothing else")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        return in_window(arguments.child)
    from tests.helpers.display import x_server

    with x_server() as display:
        one_run(display, arguments.model)
        runs = [one_run(display, arguments.model) for _ in range(arguments.runs)]
    result = summary(runs)
    print(json.dumps(result, indent=2) if arguments.json else table(result))
    return 0


def summary(runs: list[dict[str, float]]) -> dict[str, object]:
    """Medians over the runs, worst stalls, and whether the targets are met."""
    merged = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    for key in ("stall_p999_ms", "stall_worst_ms"):
        merged[key] = max(run[key] for run in runs)
    met = {key: merged[key] <= target for key, target in TARGETS.items()}
    return {"measured": merged, "targets": TARGETS, "met": met, "load_average": os.getloadavg()[0], "runs": runs}


def table(result: dict[str, object]) -> str:
    """The result for people, then as JSON."""
    measured = result["measured"]
    assert isinstance(measured, dict)
    lines = [f"{'':18}{'measured':>12}{'target':>10}"]
    for key, value in measured.items():
        target = TARGETS.get(key)
        verdict = "" if target is None else "  met" if value <= target else "  MISSED"
        lines.append(f"{key:18}{value:>12.3f}{'' if target is None else target:>10}{verdict}")
    return "\n".join((*lines, "", json.dumps(result)))


def one_run(display: str, model_id: str) -> dict[str, float]:
    """One process of the application, from its start to its end."""
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        (data_dir / "models").symlink_to(default_data_dir() / "models")
        settings = {"model_id": model_id, "language": "zh_CN", "max_tokens": 400, "temperature": 0.0}
        (data_dir / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        fill(data_dir)
        environment = os.environ | {"DISPLAY": display, "AUTOGLM_STARTED_NS": str(time.monotonic_ns())}
        for name in ("QT_QPA_PLATFORM", "PYTHONDONTWRITEBYTECODE"):  # a start reads compiled modules
            environment.pop(name, None)
        command = [sys.executable, __file__, "--child", str(data_dir)]
        subprocess.run(command, env=environment, check=True, timeout=300)
        measured: dict[str, float] = json.loads((data_dir / "measured.json").read_text(encoding="utf-8"))
        return measured


def fill(data_dir: Path) -> None:
    """A conversation of 5,000 messages, as it lies on the disk."""
    from autoglm_desktop.core.conversation import Conversation, Node
    from autoglm_desktop.core.messages import Role, TextPart
    from autoglm_desktop.store.store import Store
    from autoglm_desktop.ui.paths import DataPaths

    identity = uuid.uuid4().hex
    nodes: list[Node] = []
    for number in range(MESSAGES):
        role = Role.ASSISTANT if number % 2 else Role.USER
        text = f"Message **{number}** with `code`, a list\n\n- one\n- two\n\nand some more words. " * (1 + number % 3)
        parent = nodes[-1].id if nodes else None
        nodes.append(Node(uuid.uuid4().hex, identity, parent, role, (TextPart(text),), 1.7e9 + number))
    store = Store(DataPaths(data_dir).store)
    store.add_conversation(Conversation(identity, "long", 1.7e9, 1.7e9 + MESSAGES, leaf_id=nodes[-1].id), nodes)
    store.close()


def in_window(data_dir: Path) -> int:
    """The measured process: the application as it always is, with a probe that it calls once the window is shown."""
    from autoglm_desktop import app

    kept: list[Probe] = []

    def attach(shell: Shell) -> None:
        from window_probe import Probe  # here, because Qt is not imported before the application does it

        kept.append(Probe(shell, QUESTION, LONG_TASK))

    status = app.run_window(["--data-dir", str(data_dir)], on_shown=attach)
    (data_dir / "measured.json").write_text(json.dumps(kept[0].measured), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
