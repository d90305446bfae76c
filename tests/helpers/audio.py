"""Speech, noise, and a sound server of our own with a microphone that plays what a test gives it."""

from __future__ import annotations

import os
import shutil
import subprocess
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autoglm_desktop.devices.audio import RATE_HZ, Samples

MISSING = [name for name in ("pulseaudio", "pactl", "paplay", "espeak-ng") if shutil.which(name) is None]
"""What a test with a real microphone lacks on this machine."""

_MODULES = ("module-native-protocol-unix", "module-null-sink sink_name=mic rate=48000")


def seconds(count: float) -> int:
    """So many samples."""
    return round(count * RATE_HZ)


def tone(duration_s: float, amplitude: float = 8000.0, hertz: float = 440.0) -> Samples:
    at_s = np.arange(seconds(duration_s)) / RATE_HZ
    return (amplitude * np.sin(2 * np.pi * hertz * at_s)).astype(np.int16)


def noise(duration_s: float, amplitude: float = 2000.0, seed: int = 1) -> Samples:
    drawn = np.random.default_rng(seed).normal(0, amplitude, seconds(duration_s))
    made: Samples = drawn.clip(-32_768, 32_767).astype(np.int16)
    return made


def silence(duration_s: float) -> Samples:
    return np.zeros(seconds(duration_s), np.int16)


def numbered(count: int) -> Samples:
    """Samples that tell their place: none can be missing or twice without being seen."""
    return (np.arange(count) % 32_749).astype(np.int16)


def speak(text: str, path: Path, voice: str = "en-us") -> Path:
    """Let espeak-ng say `text` into a WAV file."""
    subprocess.run(["espeak-ng", "-v", voice, "-s", "150", "-w", str(path), text], check=True, timeout=60)
    return path


def read_wav(path: Path) -> Samples:
    """A mono WAV file at 16 kHz, whatever its rate (linear interpolation)."""
    with wave.open(str(path)) as file:
        rate_hz, raw = file.getframerate(), file.readframes(file.getnframes())
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
    given = np.frombuffer(raw, np.int16)
    count = len(given) * RATE_HZ // rate_hz
    at = np.arange(count) * rate_hz / RATE_HZ
    found: Samples = np.interp(at, np.arange(len(given)), given).astype(np.int16)
    return found


@dataclass(frozen=True, slots=True)
class SoundServer:
    """PulseAudio with a null sink whose monitor is the default source. `environment` leads programs to it."""

    environment: dict[str, str]

    def play(self, path: Path) -> subprocess.Popen[bytes]:
        """Start to play a file into the microphone."""
        return subprocess.Popen(["paplay", "--device=mic", str(path)], env=self.environment)

    def unplug(self) -> None:
        """End the server, and with it every microphone."""
        subprocess.run(["pulseaudio", "--kill"], env=self.environment, check=True, timeout=20)


@contextmanager
def sound_server(folder: Path) -> Iterator[SoundServer]:
    """Start PulseAudio with everything it writes below `folder`; it is ended with the block."""
    runtime = folder / "run"
    runtime.mkdir(mode=0o700, parents=True)
    alsa = folder / "asound.conf"
    alsa.write_text(
        "</usr/share/alsa/alsa.conf>\npcm.!default { type pulse }\nctl.!default { type pulse }\n", encoding="utf-8"
    )
    environment = os.environ | {
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "ALSA_CONFIG_PATH": str(alsa),
    }
    environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
    server = subprocess.Popen(
        ["pulseaudio", "--daemonize=no", "--exit-idle-time=-1", "-n", *(f"--load={module}" for module in _MODULES)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(environment)
        subprocess.run(["pactl", "set-default-source", "mic.monitor"], env=environment, check=True, timeout=20)
        yield SoundServer(environment)
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(environment: dict[str, str]) -> None:
    from tests.helpers.display import until

    def answers() -> bool:
        asked = subprocess.run(["pactl", "info"], env=environment, capture_output=True, timeout=20, check=False)
        return asked.returncode == 0

    assert until(answers, 20.0), "pulseaudio does not answer"
