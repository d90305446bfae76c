"""Where an answer is made, and why: on this machine, or by an endpoint that the user named and agreed to.

`decide` is pure and total. Nothing leaves the machine unless the user switched the cloud on, named an endpoint and
agreed to send to it; images only where that was allowed, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit, urlunsplit

from .errors import AppError, ErrorCode
from .i18n import Text, msg

if TYPE_CHECKING:
    from .settings import Settings


class Where(StrEnum):
    LOCAL = "local"
    CLOUD = "cloud"


class CloudMode(StrEnum):
    """How far the user goes; `OFF` is the default."""

    OFF = "off"
    WHEN_NEEDED = "when_needed"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible service. `url` ends before ``/chat/completions`` and was checked by `checked_url`.

    `takes_images`: it can see them, and the user lets them be sent.
    """

    url: str
    model: str
    takes_images: bool = False

    @property
    def host(self) -> str:
        """Host and port: what people are told."""
        return urlsplit(self.url).netloc

    @property
    def is_here(self) -> bool:
        """Whether it is a program on this machine: nothing goes over a network."""
        return is_loopback(urlsplit(self.url).hostname or "")


@dataclass(frozen=True, slots=True)
class CloudRules:
    """What the user set. `problem`: why the endpoint cannot be used."""

    mode: CloudMode = CloudMode.OFF
    endpoint: Endpoint | None = None
    consented: bool = False
    problem: Text | None = None


@dataclass(frozen=True, slots=True)
class Overflow:
    """A prompt that the model here cannot hold, in tokens."""

    prompt_tokens: int
    context_tokens: int


@dataclass(frozen=True, slots=True)
class Need:
    """What one turn asks of this machine, and how it stands."""

    images: bool = False
    sees_images_here: bool = False
    overflow: Overflow | None = None
    rest: Text | None = None
    """Why this device should rather rest, if it should."""
    network: bool = True
    down: Text | None = None
    """Why the endpoint is not asked at the moment: it failed a moment ago."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a turn goes. `endpoint` for the cloud.

    `wanted_cloud`: staying here is second best, so the answer says why. `asks_consent`: the user's word is all that is
    missing.
    """

    where: Where
    reason: Text
    endpoint: Endpoint | None = None
    wanted_cloud: bool = False
    asks_consent: bool = False
    wish: Text | None = None
    """Why the cloud would be better, where consent is missing."""


@dataclass(frozen=True, slots=True)
class AnsweredBy:
    """Who made an answer, where that is worth saying: the cloud, or this machine in its place.

    `endpoint` is host and port, `radio_s` the seconds of traffic with it, also where that came to nothing.
    """

    where: Where
    reason: Text
    endpoint: str = ""
    model: str = ""
    radio_s: float = 0.0


def answerer(by: AnsweredBy | None) -> dict[str, object]:
    """Who answered, as programs read it: ``local``, or ``cloud`` with its endpoint.

    `reason` where the cloud was or should have been asked, in the current language; `radio_s` are the seconds of
    traffic that the simulated phone is charged.
    """
    if by is None:
        return {"where": Where.LOCAL.value, "endpoint": None, "model": None, "reason": None, "radio_s": 0.0}
    return {
        "where": by.where.value,
        "endpoint": by.endpoint or None,
        "model": by.model or None,
        "reason": str(by.reason),
        "radio_s": round(by.radio_s, 3),
    }


def decide(rules: CloudRules, need: Need) -> Route:
    """Where the turn goes."""
    if rules.mode is CloudMode.OFF:
        return _here(msg("The cloud is off."))
    wanted = _why_cloud(rules.mode, need)
    if wanted is None:
        return _here(msg("This machine can answer."))
    if rules.endpoint is None:
        return _instead(rules.problem or msg("No cloud endpoint is set up."))
    if (obstacle := _obstacle(rules.endpoint, need)) is not None:
        return _instead(obstacle)
    if not rules.consented:
        reason = msg("You have not agreed to send anything to {host}.", host=rules.endpoint.host)
        return Route(Where.LOCAL, reason, rules.endpoint, wanted_cloud=True, asks_consent=True, wish=wanted)
    return Route(Where.CLOUD, wanted, rules.endpoint, wanted_cloud=True)


def rules_of(settings: Settings) -> CloudRules:
    """The rules in the settings. An endpoint that cannot be used is none, and says why."""
    mode = CloudMode(settings.cloud_mode)
    if not settings.cloud_url.strip():
        return CloudRules(mode)
    try:
        endpoint = endpoint_of(settings)
    except AppError as error:
        return CloudRules(mode, problem=error.report.cause)
    return CloudRules(mode, endpoint, endpoint.url in settings.cloud_consents)


def endpoint_of(settings: Settings) -> Endpoint:
    """The endpoint in the settings. Raises AppError BAD_INPUT."""
    url = checked_url(settings.cloud_url, allow_http=settings.cloud_allow_http)
    if not settings.cloud_model.strip():
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("The model of the cloud endpoint has no name."),
            msg("Give the name that the endpoint knows it by."),
        )
    return Endpoint(url, settings.cloud_model.strip(), settings.cloud_images)


def checked_url(text: str, *, allow_http: bool) -> str:
    """The base address, ending before ``/chat/completions``; without a path ``/v1`` is meant.

    HTTPS only; plain HTTP to this machine or to an address of a private network where `allow_http`. Raises AppError
    BAD_INPUT.
    """
    parts = _split(text.strip())
    if parts is None:
        raise _bad_url(msg("“{url}” is not the address of a service.", url=text.strip()))
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise _bad_url(msg("The address of the endpoint must hold no password, no “?” and no “#”."))
    host = parts.hostname or ""
    if parts.scheme == "http" and not _is_near(host):
        raise _bad_url(msg("{host} would be reached without encryption.", host=host))
    if parts.scheme == "http" and not allow_http:
        raise _bad_url(msg("{host} would be reached without encryption, which you have not allowed.", host=host))
    path = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/") or "/v1"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _why_cloud(mode: CloudMode, need: Need) -> Text | None:
    """The first rule that speaks for the cloud."""
    if mode is CloudMode.ALWAYS:
        return msg("You chose the cloud for every answer.")
    if need.overflow is not None:
        return msg(
            "The prompt takes {prompt} tokens; the model here holds {context}.",
            prompt=need.overflow.prompt_tokens,
            context=need.overflow.context_tokens,
        )
    if need.images and not need.sees_images_here:
        return msg("There are images, and the model here cannot see.")
    return need.rest


def _obstacle(endpoint: Endpoint, need: Need) -> Text | None:
    """What keeps the endpoint from answering this turn, whatever the user agreed to."""
    if need.images and not endpoint.takes_images:
        return msg("Images stay on this machine: sending them to {host} is not allowed.", host=endpoint.host)
    if not need.network:
        return msg("There is no network to reach {host}.", host=endpoint.host)
    return need.down


def _here(reason: Text) -> Route:
    return Route(Where.LOCAL, reason)


def _instead(reason: Text) -> Route:
    return Route(Where.LOCAL, reason, wanted_cloud=True)


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if sound and not any(map(str.isspace, text)) else None


def _is_near(host: str) -> bool:
    """This machine, or a private address given as such: a name could point anywhere tomorrow."""
    if is_loopback(host):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_private and not address.is_unspecified


def _bad_url(cause: Text) -> AppError:
    return AppError(
        ErrorCode.BAD_INPUT,
        cause,
        msg(
            "Give an https:// address; http:// is possible for this machine and for addresses of a private network, "
            "when you allow it."
        ),
    )
