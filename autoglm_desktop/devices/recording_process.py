"""Records for another process: ``python -m autoglm_desktop.devices.recording_process``.

The sound system's libraries run here, so that one that hangs or crashes (ALSA's pulse plug-in when its daemon dies)
takes this process alone. The first line of the input is JSON and says what is wanted: the devices, or a recording from
one of them until the input ends. The output is lines of JSON; a line with ``bytes`` is followed by so many bytes of
int16 samples.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any, BinaryIO

from autoglm_desktop.core.errors import AppError, ErrorReport

from .microphone import Block, Microphone, SoundDeviceMicrophone

DEVICES, RECORD = "devices", "record"


def encode_report(report: ErrorReport) -> str:
    """An error as JSON, for the other process to tell."""
    from pydantic import TypeAdapter

    return TypeAdapter(ErrorReport).dump_json(report).decode()


def decode_report(told: str) -> ErrorReport:
    from pydantic import TypeAdapter

    return TypeAdapter(ErrorReport).validate_json(told)


def serve(microphone: Microphone, source: BinaryIO, sink: BinaryIO) -> None:
    """Do what the first line of `source` asks for, once."""
    wanted = json.loads(source.readline())

    def tell(payload: bytes = b"", **message: Any) -> None:
        sink.write(json.dumps(message).encode() + b"\n" + payload)
        sink.flush()

    def on_block(block: Block) -> None:
        data = block.samples.tobytes()
        tell(data, bytes=len(data), level=block.level)

    try:
        if wanted["want"] == DEVICES:
            tell(devices=[device.name for device in microphone.devices()])
            return
        stopped = threading.Event()
        threading.Thread(target=_wait_for_end, args=(source, stopped), name="until-told", daemon=True).start()
        done = microphone.record(wanted["device"], on_block, stopped)
    except AppError as error:
        tell(failed=encode_report(error.report))
        return
    lost = None if done.lost is None else encode_report(done.lost)
    tell(done=[done.sample_count, done.dropped, done.overflows, done.silent, lost])


def _wait_for_end(source: BinaryIO, stopped: threading.Event) -> None:
    source.read()
    stopped.set()


if __name__ == "__main__":
    serve(SoundDeviceMicrophone(), sys.stdin.buffer, sys.stdout.buffer)
