"""The rules: pure, total, and nothing leaves before consent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.routing import (
    CloudMode,
    CloudRules,
    Endpoint,
    Need,
    Overflow,
    Where,
    checked_url,
    decide,
    rules_of,
)
from autoglm_desktop.core.settings import Settings

ENDPOINT = Endpoint("https://far.example/v1", "big")
SEEING = replace(ENDPOINT, takes_images=True)
NEEDED = CloudRules(CloudMode.WHEN_NEEDED, ENDPOINT, consented=True)
ALWAYS = replace(NEEDED, mode=CloudMode.ALWAYS)
TOO_LONG = Need(overflow=Overflow(5000, 4096))


@pytest.mark.parametrize(
    ("rules", "need", "where", "words"),
    [
        (CloudRules(), TOO_LONG, Where.LOCAL, "The cloud is off."),
        (NEEDED, Need(), Where.LOCAL, "This machine can answer."),
        (NEEDED, TOO_LONG, Where.CLOUD, "5000 tokens; the model here holds 4096"),
        (NEEDED, Need(rest=msg("The battery is nearly empty.")), Where.CLOUD, "nearly empty"),
        (ALWAYS, Need(), Where.CLOUD, "You chose the cloud"),
        (NEEDED, Need(images=True), Where.LOCAL, "Images stay on this machine"),
        (ALWAYS, Need(images=True), Where.LOCAL, "Images stay on this machine"),
        (replace(NEEDED, endpoint=SEEING), Need(images=True), Where.CLOUD, "cannot see"),
        (replace(NEEDED, endpoint=SEEING), Need(images=True, sees_images_here=True), Where.LOCAL, "can answer"),
        (replace(ALWAYS, consented=False), Need(), Where.LOCAL, "not agreed to send anything to far.example"),
        (ALWAYS, Need(network=False), Where.LOCAL, "no network"),
        (ALWAYS, Need(down=msg("It failed.")), Where.LOCAL, "It failed."),
        (replace(ALWAYS, endpoint=None), Need(), Where.LOCAL, "No cloud endpoint"),
    ],
)
def test_every_rule_has_its_reason(rules: CloudRules, need: Need, where: Where, words: str) -> None:
    route = decide(rules, need)
    assert route.where is where
    assert words in str(route.reason)


def test_it_is_told_when_only_the_users_word_is_missing() -> None:
    assert decide(replace(NEEDED, consented=False), TOO_LONG).asks_consent
    assert not decide(replace(NEEDED, consented=False), Need()).asks_consent
    assert not decide(replace(NEEDED, consented=False), replace(TOO_LONG, network=False)).asks_consent


@given(
    mode=st.sampled_from(CloudMode),
    endpoint=st.sampled_from([None, ENDPOINT, SEEING]),
    consented=st.booleans(),
    need=st.builds(
        Need,
        images=st.booleans(),
        sees_images_here=st.booleans(),
        overflow=st.sampled_from([None, Overflow(9, 3)]),
        rest=st.sampled_from([None, msg("Rest.")]),
        network=st.booleans(),
        down=st.sampled_from([None, msg("Down.")]),
    ),
)
def test_nothing_leaves_without_mode_endpoint_and_consent(
    mode: CloudMode, endpoint: Endpoint | None, consented: bool, need: Need
) -> None:
    route = decide(CloudRules(mode, endpoint, consented), need)
    assert str(route.reason)
    if route.where is Where.CLOUD:
        assert mode is not CloudMode.OFF
        assert consented
        assert need.network
        assert route.endpoint is endpoint is not None
        assert endpoint.takes_images or not need.images
    assert not (route.asks_consent and consented)


@pytest.mark.parametrize(
    ("given_url", "url"),
    [
        ("https://far.example", "https://far.example/v1"),
        (" https://far.example/v1/ ", "https://far.example/v1"),
        ("https://far.example/api/v2/chat/completions", "https://far.example/api/v2"),
        ("http://127.0.0.1:8001/v1", "http://127.0.0.1:8001/v1"),
        ("http://localhost:8001", "http://localhost:8001/v1"),
        ("http://192.168.1.20:8000/v1", "http://192.168.1.20:8000/v1"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
    ],
)
def test_addresses_are_completed(given_url: str, url: str) -> None:
    assert checked_url(given_url, allow_http=True) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "far.example",
        "ftp://far.example",
        "file:///etc/passwd",
        "https://",
        "https://user:pw@far.example/v1",
        "https://far.example/v1?key=1",
        "https://far.example/v1#x",
        "https://far.example:99999/v1",
        "https://[::1/v1",
        "https://far example/v1",
        "http://far.example/v1",
        "http://8.8.8.8/v1",
        "http://0.0.0.0/v1",
        "http://localhost.evil.example/v1",
        "http://printer.local/v1",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(AppError) as caught:
        checked_url(url, allow_http=True)
    assert caught.value.report.code is ErrorCode.BAD_INPUT


@pytest.mark.parametrize("url", ["http://127.0.0.1:8001/v1", "http://10.0.0.2/v1"])
def test_plain_http_needs_the_users_word(url: str) -> None:
    with pytest.raises(AppError) as caught:
        checked_url(url, allow_http=False)
    assert "without encryption" in str(caught.value.report.cause)


def test_the_settings_say_what_holds_and_consent_is_for_one_address() -> None:
    settings = Settings(cloud_mode="always", cloud_url="https://far.example/v1", cloud_model="big")
    assert not rules_of(settings).consented
    agreed = settings.model_copy(update={"cloud_consents": ("https://far.example/v1",)})
    assert rules_of(agreed) == ALWAYS
    moved = agreed.model_copy(update={"cloud_url": "https://other.example/v1"})
    assert not rules_of(moved).consented
    broken = rules_of(agreed.model_copy(update={"cloud_url": "http://far.example"}))
    assert broken.endpoint is None
    assert "encryption" in str(decide(broken, Need()).reason)
    assert rules_of(Settings()).mode is CloudMode.OFF


def test_an_endpoint_knows_its_host_and_whether_it_is_near() -> None:
    assert Endpoint("https://far.example:8443/v1", "m").host == "far.example:8443"
    assert Endpoint("http://[::1]:8000/v1", "m").is_here
    assert Endpoint("http://localhost:8000/v1", "m").is_here
    assert not ENDPOINT.is_here
