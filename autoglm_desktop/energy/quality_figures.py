"""What ``bench`` measured of every tier's quality, kept in the data folder for reports. Nothing here is typed in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from autoglm_desktop.core.files import atomic_write
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.text_files import decode, parse_json


@dataclass(frozen=True, slots=True)
class Quality:
    """Per tier, as measured on a model of this computer: mean KL divergence from the 16-bit weights in nats, and
    perplexity on the shipped texts."""

    model: str
    kl: Mapping[Tier, float]
    ppl: Mapping[Tier, float]


def figures_path(data_dir: Path, model_id: str) -> Path:
    return data_dir / "measurements" / f"bench-{model_id}.json"


def save_figures(data_dir: Path, model_id: str, report: Mapping[str, Any]) -> Path:
    """Keep the JSON object of ``bench``; tiers that this run left out stay from earlier ones. Raises OSError."""
    path = figures_path(data_dir, model_id)
    before = _read(path) or {}
    tiers = {**before.get("tiers", {}), **report.get("tiers", {})}
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, json.dumps({**report, "tiers": tiers}, ensure_ascii=False, indent=1).encode())
    return path


def load_quality(data_dir: Path, model_id: str | None = None) -> Quality | None:
    """The measured quality of `model_id`, else of the model that was measured last; None where nothing was measured."""
    if model_id is not None and (found := _quality(figures_path(data_dir, model_id))) is not None:
        return found
    paths = list((data_dir / "measurements").glob("bench-*.json"))
    paths.sort(key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)
    return next((found for path in paths if (found := _quality(path)) is not None), None)


def _quality(path: Path) -> Quality | None:
    report = _read(path)
    tiers = report.get("tiers") if report else None
    if not report or not isinstance(tiers, dict):
        return None
    kl, ppl = _per_tier(tiers, "kl"), _per_tier(tiers, "ppl")
    return Quality(str(report.get("model", "")), kl, ppl) if kl else None


def _per_tier(tiers: Mapping[str, Any], name: str) -> dict[Tier, float]:
    found = {tier: figures.get(name) for tier in Tier if isinstance(figures := tiers.get(tier.value), dict)}
    return {tier: float(v) for tier, v in found.items() if isinstance(v, int | float) and isfinite(v)}


def _read(path: Path) -> dict[str, Any] | None:
    """A damaged or missing file is no measurement."""
    try:
        found = parse_json(decode(path.read_bytes()))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
