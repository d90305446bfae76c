"""Sweeps: a grid of scenarios, phones, policies, temperatures, seeds and amounts of work, each point one run.

The result of a run depends on its content alone, so it is known by a key over that content (and over the code that
computes it): an interrupted sweep goes on where it was, a changed file is computed anew, and where the runs were made
(one process, several, a cluster) makes no difference.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.text_files import read_toml
from autoglm_desktop.energy.policies import Policy
from autoglm_desktop.energy.profile import Profile, load_profile
from autoglm_desktop.energy.quality_figures import Quality
from autoglm_desktop.energy.scenario import AmbientC, Scenario
from autoglm_desktop.energy.scenario_files import load_scenario, no_file
from autoglm_desktop.energy.scenario_run import run_scenario

MAX_RUNS = 200_000
_Seed = Annotated[int, Field(ge=0, le=2**53)]
_Scale = Annotated[float, Field(ge=0.0, le=20.0)]


class Grid(BaseModel):
    """A sweep file. What is left out is the scenario's own; every combination is one run."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    scenarios: tuple[str, ...] = Field(min_length=1, max_length=1000)
    phones: tuple[str, ...] | None = Field(default=None, min_length=1, max_length=100)
    policies: tuple[Policy, ...] = Field(default=tuple(Policy), min_length=1)
    ambients_c: tuple[AmbientC, ...] | None = Field(default=None, min_length=1, max_length=1000)
    seeds: tuple[_Seed, ...] | None = Field(default=None, min_length=1, max_length=100_000)
    workload_scales: tuple[_Scale, ...] = Field(default=(1.0,), min_length=1, max_length=100)

    @property
    def size(self) -> int:
        axes = (self.scenarios, self.phones, self.policies, self.ambients_c, self.seeds, self.workload_scales)
        count = 1
        for axis in axes:
            count *= 1 if axis is None else len(axis)
        return count

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        if self.size > MAX_RUNS:
            raise ValueError(f"the grid has {self.size} runs; at most {MAX_RUNS} are allowed")
        return self


@dataclass(frozen=True, slots=True)
class Point:
    """One run of a sweep, with all that it needs: it can be sent to another process."""

    key: str
    scenario: Scenario
    profile: Profile
    policy: Policy
    ambient_c: float | None
    seed: int
    scale: float
    quality: Quality | None

    @property
    def place(self) -> dict[str, Any]:
        """Where it lies in the grid."""
        return {
            "scenario": self.scenario.id,
            "phone": self.profile.id,
            "policy": self.policy.value,
            "ambient_c": self.ambient_c,
            "seed": self.seed,
            "workload_scale": self.scale,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run gave. `cpu_s` is what computing it took, the only thing that differs from time to time."""

    key: str
    place: Mapping[str, Any]
    figures: Mapping[str, Any]
    cpu_s: float


def read_grid(path: Path) -> Grid:
    """Raises AppError BAD_INPUT with the file, each bad key and what it allows."""
    if not path.exists():
        raise no_file(path)
    try:
        return Grid.model_validate(read_toml(path))
    except ValidationError as error:
        found = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
        raise _refused(path, "; ".join(found[:6]).lstrip(": ")) from error


def points(
    grid: Grid, *, own_scenarios: Path | None = None, own_phones: Path | None = None, quality: Quality | None = None
) -> list[Point]:
    """Every run of a grid, in its order. Raises AppError BAD_INPUT for scenarios and phones that do not exist."""
    found = []
    for name in grid.scenarios:
        scenario = load_scenario(name, own_scenarios)
        for phone in grid.phones or (scenario.phone,):
            found += list(_of_phone(grid, scenario, load_profile(phone, own_phones), quality))
    return found


def execute(some: Sequence[Point]) -> list[Outcome]:
    """Compute some runs, here: what the processes of a sweep are sent."""
    found = []
    for point in some:
        began = time.process_time()
        result = run_scenario(
            point.scenario,
            point.profile,
            point.policy,
            seed=point.seed,
            scale=point.scale,
            ambient_c=point.ambient_c,
            quality=point.quality,
        )
        found.append(Outcome(point.key, point.place, result.figures, time.process_time() - began))
    return found


def chunks(some: Sequence[Point], size: int) -> list[Sequence[Point]]:
    """Runs in bundles of `size`: fewer messages, and progress still moves."""
    return [some[i : i + size] for i in range(0, len(some), size)]


def missing(some: Iterable[Point], known: Mapping[str, Outcome]) -> list[Point]:
    """Those that are not computed yet, each once."""
    return list({point.key: point for point in some if point.key not in known}.values())


def _of_phone(grid: Grid, scenario: Scenario, profile: Profile, quality: Quality | None) -> Iterator[Point]:
    content = _digest(scenario.model_dump_json(), profile.model_dump_json(), repr(quality), code_fingerprint())
    axes = product(grid.policies, grid.ambients_c or (None,), grid.seeds or (scenario.seed,), grid.workload_scales)
    for policy, ambient_c, seed, scale in axes:
        key = _digest(content, json.dumps([policy.value, ambient_c, seed, scale]))
        yield Point(key, scenario, profile, policy, ambient_c, seed, scale, quality)


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:32]


@cache
def code_fingerprint() -> str:
    """A digest over the simulation's own code: results of another version are not taken for this one's."""
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def _refused(path: Path, problems: str) -> AppError:
    return AppError(
        ErrorCode.BAD_INPUT,
        msg("The sweep {path} cannot be used: {problems}.", path=str(path), problems=problems.rstrip(".")),
        msg("Correct the named keys; see autoglm-desktop simulate sweep --help."),
    )
