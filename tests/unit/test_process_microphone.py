"""Recording in a process of its own: one that works, and ones that hang, crash or babble."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.devices import process_microphone
from autoglm_desktop.devices.microphone import Block
from autoglm_desktop.devices.process_microphone import ProcessMicrophone

SYNTHETIC = """
import sys
import numpy as np
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.devices.microphone import SyntheticMicrophone
from autoglm_desktop.devices.recording_process import serve
samples = np.arange(16_000, dtype=np.int16)
fails = AppError(ErrorCode.DEVICE_FAILED, msg("No microphone was found."), msg("Plug one in."), details="none")
microphone = SyntheticMicrophone(samples, {arguments})
serve(microphone, sys.stdin.buffer, sys.stdout.buffer)
"""
ONE_BLOCK = """
import os, sys, time
sys.stdin.buffer.readline()
sys.stdout.buffer.write(b'{"bytes": 4, "level": 0.5}\\n' + b"\\x01\\x00\\x02\\x00")
sys.stdout.buffer.flush()
"""
HANG = "time.sleep(600)\n"


def list_devices(asked: ProcessMicrophone) -> object:
    return asked.devices()


def start_recording(asked: ProcessMicrophone) -> object:
    return asked.record("x", lambda _: None, threading.Event())


CALLS = (list_devices, start_recording)


def microphone(code: str) -> ProcessMicrophone:
    return ProcessMicrophone([sys.executable, "-c", code])


def synthetic(arguments: str = "") -> ProcessMicrophone:
    return microphone(SYNTHETIC.replace("{arguments}", arguments))


class Taken:
    """Keeps blocks; sets `enough` when so many samples came."""

    def __init__(self, enough: int) -> None:
        self.blocks: list[Block] = []
        self.stopped = threading.Event()
        self._enough = enough

    def __call__(self, block: Block) -> None:
        self.blocks.append(block)
        if sum(len(each.samples) for each in self.blocks) >= self._enough:
            self.stopped.set()

    @property
    def samples(self) -> list[int]:
        return [int(x) for block in self.blocks for x in block.samples]


def test_every_sample_comes_through_in_order() -> None:
    taken = Taken(16_000)
    done = synthetic().record(None, taken, taken.stopped)
    assert taken.samples[:16_000] == list(range(16_000))
    assert done.sample_count == len(taken.samples)
    assert (done.dropped, done.silent, done.lost) == (0, False, None)
    assert all(0.0 <= block.level <= 1.0 for block in taken.blocks)


def test_names_come_through() -> None:
    assert [device.name for device in synthetic("names=['内置', 'USB']").devices()] == ["内置", "USB"]


def test_what_the_process_says_went_wrong_is_told() -> None:
    for call in CALLS:
        with pytest.raises(AppError) as caught:
            call(synthetic("fails=fails"))
        assert caught.value.report.cause.english() == "No microphone was found."
        assert caught.value.report.details == "none"


def test_a_device_that_goes_ends_the_recording_with_the_reason() -> None:
    taken = Taken(10**9)
    done = synthetic("lost_at_end=True").record(None, taken, taken.stopped)
    assert len(taken.samples) == done.sample_count == 16_000
    assert done.lost is not None
    assert "stopped in the middle" in done.lost.cause.english()


@pytest.mark.parametrize(
    "then",
    [
        HANG,
        "os.kill(os.getpid(), 11)\n",
        "os._exit(3)\n",
        "sys.stdout.write('nonsense')\n",
        "print('{\"bytes\": 9}')\n",
    ],
)
def test_a_process_that_breaks_keeps_what_came(then: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_microphone, "_END_S", 0.5)
    monkeypatch.setattr(process_microphone, "LOST_S", 0.5)
    taken = Taken(10**9)
    done = microphone(ONE_BLOCK + then).record(None, taken, taken.stopped)
    assert taken.samples == [1, 2]
    assert (done.sample_count, done.silent) == (2, False)
    assert done.lost is not None
    assert done.lost.code is ErrorCode.DEVICE_FAILED


def test_one_that_hangs_while_it_is_stopped_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_microphone, "_END_S", 0.5)
    taken = Taken(2)
    done = microphone(ONE_BLOCK + HANG).record(None, taken, taken.stopped)
    assert done.sample_count == 2
    assert done.lost is None


@pytest.mark.parametrize("code", ["import os; os._exit(1)", "import time; time.sleep(600)"])
def test_one_that_never_delivers_is_an_error(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_START_S", "FIRST_S", "_LIST_S"):
        monkeypatch.setattr(process_microphone, name, 0.3)
    for call in CALLS:
        with pytest.raises(AppError) as caught:
            call(microphone(code))
        assert caught.value.report.code is ErrorCode.DEVICE_FAILED


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(AppError) as caught:
        ProcessMicrophone([str(tmp_path / "none")]).devices()
    assert caught.value.report.cause.english() == "The sound system of this computer does not answer."
