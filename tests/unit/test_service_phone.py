"""The simulated phone over HTTP: who may move it, and what its joules are called."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.scripted import Reply, ScriptedEngine
from tests.helpers.energy_services import Clock, service_at
from tests.helpers.services import InProcess, in_process

CHANGES: dict[str, dict[str, Any]] = {
    "the battery": {"battery": 0.1},
    "the plug": {"plugged": True},
    "the heat": {"soc_temperature_c": 90},
    "nothing": {},
}


def moved(ask: InProcess, change: dict[str, Any], **headers: str) -> httpx.Response:
    return ask("PUT", "/v1/energy/phone", json=change, headers=headers)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer EMPTY"}], ids=["no key", "a key nobody asked for"])
def test_without_a_key_the_phone_is_read_and_not_moved(change: dict[str, Any], headers: dict[str, str]) -> None:
    with in_process(ScriptedEngine([Reply("Yes.")])) as ask:
        before = ask.get("/v1/energy").json()
        refused = moved(ask, change, **headers)
        after = ask.get("/v1/energy").json()
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (403, "phone_is_read_only")
    assert "service_phone_control" in error["message"]
    for name in ("battery", "plugged", "held_c"):
        assert after["phone"][name] == pytest.approx(before["phone"][name], abs=1e-3)
    assert after["decision"]["tier"] == before["decision"]["tier"]


def test_the_right_key_moves_it() -> None:
    with in_process(ScriptedEngine([Reply("Yes.")]), api_key="secret") as ask:
        assert moved(ask, {"battery": 0.1}).status_code == 401
        assert moved(ask, {"battery": 0.1}, Authorization="Bearer wrong").status_code == 401
        page = moved(ask, {"battery": 0.1}, Authorization="Bearer secret").json()
    assert page["phone"]["battery"] == pytest.approx(0.1, abs=1e-3)


def test_the_setting_opens_and_closes_it_while_the_service_runs() -> None:
    with in_process(ScriptedEngine([Reply("Yes.")])) as ask:
        for is_open, status in ((True, 200), (False, 403)):
            changed = ask.assistant.settings.model_copy(update={"service_phone_control": is_open})
            ask.assistant.update_settings(changed)
            assert moved(ask, {"battery": 0.1}).status_code == status


def test_a_charge_is_no_energy_drawn() -> None:
    clock = Clock()
    settings = Settings(phone_battery=0.3, phone_plugged=True)
    energy = service_at(clock, settings)
    drawn, charged = [], []
    with in_process(ScriptedEngine([Reply("Hello.")]), settings, energy=energy) as ask:
        for plugged in (True, False, True):
            energy.set_plugged(plugged)
            for _ in range(30):
                clock.now_s += 5.0
                energy.beat()
            phone = ask.get("/v1/energy").json()["phone"]
            drawn.append(phone["joules"])
            charged.append(phone["charged_joules"])
            assert phone["net_joules"] == pytest.approx(phone["joules"] - phone["charged_joules"])
        metrics = ask.get("/metrics").text
    assert drawn[0] == 0.0 < drawn[1] == drawn[2]
    assert 0.0 < charged[0] == charged[1] < charged[2]
    assert phone["net_joules"] < 0.0, "the phone gained"
    assert f"autoglm_phone_joules {drawn[2]}" in metrics
    assert f"autoglm_phone_charged_joules {charged[2]}" in metrics
