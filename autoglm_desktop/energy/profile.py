"""Profiles of simulated phones: one TOML file each, every constant with its source beside it.

Unknown keys, wrong types, NaN, infinities and values outside the stated ranges are refused with file, key and range.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from autoglm_desktop.assets import resource
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.precision import Tier
from autoglm_desktop.core.problems import explain, refuse_lookalikes
from autoglm_desktop.core.text_files import read_toml

TemperatureC = Annotated[float, Field(ge=-40.0, le=150.0)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=False)

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_numbers(cls, value: object, info: ValidationInfo) -> object:
        field = cls.model_fields.get(info.field_name or "")
        return value if field is None else refuse_lookalikes(field.annotation, value)


class BatterySection(_Section):
    """A Thevenin cell with one RC pair. Resistances hold at 25 °C and follow Arrhenius' law."""

    energy_wh: float = Field(ge=0.1, le=200.0, description="open-circuit energy from full to empty")
    r0_ohm: float = Field(ge=0.001, le=2.0)
    r1_ohm: float = Field(ge=0.0005, le=2.0)
    tau_s: float = Field(ge=1.0, le=600.0, description="R1·C1 at 25 °C")
    activation_k: float = Field(ge=0.0, le=8000.0, description="activation energy over the gas constant")
    cutoff_v: float = Field(ge=2.5, le=4.0)
    ocv_soc_percent: tuple[int, ...] = Field(min_length=2)
    ocv_v: tuple[float, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _table_rises(self) -> Self:
        soc, volts = self.ocv_soc_percent, self.ocv_v
        if len(soc) != len(volts) or (soc[0], soc[-1]) != (0, 100):
            raise ValueError("ocv_soc_percent must run from 0 to 100 and be as long as ocv_v")
        if any(b <= a for a, b in pairwise(soc)) or any(b <= a for a, b in pairwise(volts)):
            raise ValueError("ocv_soc_percent and ocv_v must rise")
        if not (volts[0] >= 2.0 and volts[-1] <= 5.0):
            raise ValueError("ocv_v must lie within 2 to 5 V")
        return self


class ChargerSection(_Section):
    """Constant current, then constant voltage; held while the pack is hot or cold."""

    power_w: float = Field(ge=0.5, le=300.0, description="at the phone's rail")
    efficiency: float = Field(ge=0.5, le=1.0, description="of the converter in the phone")
    max_current_a: float = Field(ge=0.05, le=30.0)
    voltage_v: float = Field(ge=3.5, le=5.0)
    taper_a: float = Field(ge=0.001, le=5.0, description="charging ends below this current")
    hot_stop_c: TemperatureC
    hot_resume_c: TemperatureC
    cold_stop_c: TemperatureC

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.cold_stop_c < self.hot_resume_c < self.hot_stop_c:
            raise ValueError("cold_stop_c < hot_resume_c < hot_stop_c must hold")
        return self


class ThermalSection(_Section):
    """Junction → spreader → body (skin and cell) → ambient. Resistances in K/W, capacities in J/K."""

    junction_spreader_k_w: float = Field(ge=0.05, le=200.0)
    spreader_body_k_w: float = Field(ge=0.05, le=200.0)
    body_ambient_k_w: float = Field(ge=0.1, le=500.0)
    junction_j_k: float = Field(ge=0.01, le=100.0)
    spreader_j_k: float = Field(ge=0.05, le=1000.0)
    body_j_k: float = Field(ge=0.5, le=10000.0)


class ThrottleSection(_Section):
    """Trip points on the skin, and the allocator that shares out the processor's watts."""

    poll_s: float = Field(ge=0.1, le=60.0)
    hysteresis_k: float = Field(ge=0.0, le=10.0)
    light_c: TemperatureC
    moderate_c: TemperatureC
    severe_c: TemperatureC
    critical_c: TemperatureC
    emergency_c: TemperatureC
    shutdown_c: TemperatureC
    sustainable_w: float = Field(ge=0.01, le=200.0, description="processor watts that the body gets rid of")
    control_target_c: TemperatureC = Field(description="of the spreader")
    gain_w_k: float = Field(ge=0.0, le=20.0)
    integral_w_k_s: float = Field(ge=0.0, le=1.0)
    integral_share: float = Field(ge=0.0, le=0.9, description="largest correction, as a share of sustainable_w")

    @property
    def trips_c(self) -> tuple[float, ...]:
        """Skin temperatures of LIGHT … SHUTDOWN, rising."""
        return (
            self.light_c, self.moderate_c, self.severe_c, self.critical_c, self.emergency_c, self.shutdown_c,
        )  # fmt: skip

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if any(b <= a for a, b in pairwise(self.trips_c)):
            raise ValueError("light_c < moderate_c < … < shutdown_c must hold")
        return self


class PowerSection(_Section):
    """What each activity draws, and how quickly the processor can work when it is cool."""

    idle_w: float = Field(ge=0.0, le=20.0, description="awake, screen off")
    standby_w: float = Field(default=0.08, ge=0.0, le=20.0, description="asleep: only scenarios put a phone to sleep")
    screen_w: float = Field(ge=0.0, le=20.0, description="at full brightness")
    screen_level: float = Field(ge=0.0, le=1.0, description="brightness in use")
    read_j_gb: float = Field(ge=0.001, le=10.0, description="processor and memory energy per GB that decoding reads")
    bandwidth_gb_s: float = Field(ge=0.1, le=5000.0, description="effective, cool")
    prefill_j_gparam: float = Field(ge=1e-6, le=1.0, description="energy per prompt token and 1e9 parameters")
    prefill_gparam_s: float = Field(ge=0.1, le=1e7, description="1e9 parameters times prompt tokens per second")
    image_j: float = Field(ge=0.0, le=500.0)
    image_w: float = Field(ge=0.01, le=100.0, description="while an image is encoded")
    speech_w: float = Field(ge=0.0, le=50.0)
    load_w: float = Field(ge=0.0, le=50.0, description="while weights are read from storage")
    storage_gb_s: float = Field(ge=0.01, le=100.0)
    radio_w: float = Field(ge=0.0, le=20.0)
    radio_tail_w: float = Field(ge=0.0, le=20.0)
    radio_tail_s: float = Field(ge=0.0, le=120.0)


class MemorySection(_Section):
    """GB are 1e9 bytes."""

    ram_gb: float = Field(ge=0.1, le=2000.0)
    app_share: float = Field(gt=0.0, le=1.0, description="of RAM that one app may hold")

    @property
    def app_gb(self) -> float:
        return self.ram_gb * self.app_share


class Tiers(_Section):
    """One positive number per tier."""

    fp16: float = Field(gt=0.0, le=10000.0)
    int8: float = Field(gt=0.0, le=10000.0)
    int4: float = Field(gt=0.0, le=10000.0)

    def of(self, tier: Tier) -> float:
        value: float = getattr(self, tier.value)
        return value


class ModelSection(_Section):
    """The model that the phone runs. `weights_gb` is what its file holds; decoding leaves `unread_share` unread."""

    name: str = Field(min_length=1, max_length=80)
    params_b: float = Field(gt=0.0, le=10000.0, description="1e9 parameters")
    weights_gb: Tiers
    unread_share: float = Field(ge=0.0, lt=1.0, description="an untied input embedding: a row is read, not the table")
    kv_kib_token: float = Field(ge=0.0, le=10000.0)
    context_tokens: int = Field(ge=0, le=10_000_000, description="typical length while decoding")
    token_s: Tiers | None = Field(default=None, description="latency per token where stated, instead of bandwidth")

    def kv_gb(self) -> float:
        """GB of KV cache that a token reads at the typical context."""
        return self.kv_kib_token * 1024.0 * self.context_tokens / 1e9

    def read_gb(self, tier: Tier) -> float:
        """GB that decoding one token reads: weights in use and KV cache."""
        return self.weights_gb.of(tier) * (1.0 - self.unread_share) + self.kv_gb()


class Profile(_Section):
    """One phone."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    name: str = Field(min_length=1, max_length=60)
    battery: BatterySection
    charger: ChargerSection
    thermal: ThermalSection
    throttle: ThrottleSection
    power: PowerSection
    memory: MemorySection
    model: ModelSection


def profile_ids(own: Path | None = None) -> tuple[str, ...]:
    """Names of the phones that ship, and of those in the user's folder `own`, sorted."""
    return tuple(sorted(_places(own)))


def load_profile(phone_id: str, own: Path | None = None) -> Profile:
    """A phone that ships, or one of the user's folder `own` (a shipped one of the same name wins).

    Raises AppError BAD_INPUT for an unknown name, naming those that exist, and for a profile that cannot be used.
    """
    places = _places(own)
    if phone_id not in places:
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("There is no simulated phone called {name}.", name=phone_id),
            msg("Choose one of: {names}.", names=", ".join(sorted(places))),
        )
    profile = read_profile(places[phone_id])
    if profile.id != phone_id:
        problem = f"id ({profile.id!r}): the file is called {phone_id}.toml"
        raise _refused(places[phone_id], problem, ValueError(problem))
    return profile


def _places(own: Path | None) -> dict[str, Path]:
    folders = [resource("phones")] if own is None else [own, resource("phones")]
    return {path.stem: path for folder in folders for path in folder.glob("*.toml")}


def read_profile(path: Path) -> Profile:
    """A profile from any file. Raises AppError BAD_INPUT with the file, each bad key and what it allows."""
    try:
        return Profile.model_validate(read_toml(path))
    except ValidationError as error:
        raise _refused(path, explain(error, Profile), error) from error


def _refused(path: Path, problems: str, error: Exception) -> AppError:
    return AppError(
        ErrorCode.BAD_INPUT,
        msg("The phone profile {path} cannot be used: {problems}.", path=str(path), problems=problems),
        msg("Correct the named keys; the profiles that ship show every key with its unit and source."),
        details=str(error),
    )
