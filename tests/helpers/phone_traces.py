"""The measured phone runs that calibration tests read. They are not part of the repository."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Row:
    """What a run's gauge told, and the size of its 4-bit weights (4.5 bits each) from the parameter count."""

    name: str
    params_b: float
    weights_gb: float
    j_token: float
    mean_w: float
    tok_s: float
    tokens_per_percent: float
    cool: bool
    rates: tuple[float, ...]


def folder() -> Path:
    """``AUTOGLM_PHONE_TRACES``, else ``shared/data/phone-traces`` beside the repository; skips where there is none."""
    given = os.environ.get("AUTOGLM_PHONE_TRACES")
    path = Path(given) if given else ROOT.parent / "shared" / "data" / "phone-traces"
    if not any(path.glob("*.json")):
        pytest.skip(f"the measured phone runs are not at {path} (set AUTOGLM_PHONE_TRACES)")
    return path


def rows(names: Sequence[str]) -> list[Row]:
    return [_row(folder() / f"{name}.json") for name in names]


def _row(path: Path) -> Row:
    raw = json.loads(path.read_text(encoding="utf-8"))
    metrics = raw["metrics"]
    params_b = 3.21 if "llama-3.2-3b" in path.stem else 1.78
    return Row(
        name=path.stem,
        params_b=params_b,
        weights_gb=params_b * 4.5 / 8.0,
        j_token=metrics["energyJoulesPerToken"],
        mean_w=metrics["averagePackagePowerW"],
        tok_s=metrics["generatedTokenCount"] / metrics["energyMeasurementWindowSeconds"],
        tokens_per_percent=metrics["generatedTokenCount"] / metrics["batteryDeltaPercent"],
        cool=raw["device"]["initialThermalState"] != "serious",
        rates=tuple(metrics["decodeRateRollingWindow"]),
    )
