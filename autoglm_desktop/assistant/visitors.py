"""The visitors of a kiosk, one after the other: what each may ask, and how nothing of them stays.

No Qt. Everything happens in a temporary conversation, which never reaches the disk; what other parts put into the
folder for temporary files is removed with it, at the next start at the latest.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.kiosk import KioskConfig, Touch
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.core.settings import DEFAULT_SYSTEM_PROMPT, Settings

from .assistant import Assistant
from .events import AssistantEvent, NodeFinished
from .leftovers import remove_files

log = logging.getLogger(__name__)

_CAR_C, _COLD_C, _LOW = 45.0, -10.0, 0.20
_RETRIES = {ErrorCode.ENGINE_DIED, ErrorCode.ENGINE_FAILED, ErrorCode.OUT_OF_MEMORY}
"""Failures that asking again can mend: the engine is started anew."""
_MOST_REPEATS = 2
"""Of one prompt. An engine may die as the prompt reaches it, and the next one in the answer."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What the staff page shows; counts since the start. `failures` were told to a visitor, `recovered` were not."""

    started_s: float = field(default_factory=time.time)
    visitors: int = 0
    turns: int = 0
    failures: int = 0
    recovered: int = 0


class Visitors:
    """`greet` for each visitor, `ask` for each prompt, `wipe` when the visitor went."""

    def __init__(self, assistant: Assistant, config: KioskConfig, temporary_files: Path) -> None:
        """`temporary_files`: a folder of the kiosk's own, emptied now and at every wipe."""
        self._assistant, self._config, self._files = assistant, config, temporary_files
        self._conversation_id: str | None = None
        self._leaving: set[str] = set()
        self._asked = 0
        self._repeats: Counter[str] = Counter()
        """How often the answer to a prompt (by its id) was asked for again."""
        self.tally = Tally()
        self.files_left: tuple[str, ...] = ()
        """What the last wipe could not remove, and why."""
        self._unsubscribe = assistant.subscribe(self._count)
        self._remove_files()

    @property
    def conversation_id(self) -> str | None:
        """The visitor's conversation; None before the first prompt."""
        return self._conversation_id

    @property
    def prompts_left(self) -> int:
        return max(0, self._config.max_prompts - self._asked)

    @property
    def answering(self) -> bool:
        return self._conversation_id is not None and self._assistant.is_busy(self._conversation_id)

    def greet(self) -> None:
        """Count a visitor, and put the simulated phone to where every visitor finds it."""
        self.tally = replace(self.tally, visitors=self.tally.visitors + 1)
        self.reset_phone()

    def reset_phone(self) -> None:
        """The phone as the configuration says, cool and unplugged."""
        phone, energy = self._config.phone, self._assistant.energy
        if self._assistant.settings.phone_id != phone.id:
            energy.set_phone(phone.id)
        energy.set_plugged(False)
        energy.set_ambient(phone.ambient_c)
        energy.set_speed(phone.speed)
        energy.set_temperature(None)
        energy.set_battery(phone.battery)

    def touch(self, what: Touch) -> None:
        """Do to the phone what a chip says."""
        energy = self._assistant.energy
        match what:
            case "car":
                energy.set_ambient(_CAR_C)
            case "cold":
                energy.set_ambient(_COLD_C)
            case "low":
                energy.set_battery(_LOW)
            case "full":
                energy.set_battery(1.0)

    def ask(self, text: str, images: Sequence[ImagePart] = ()) -> Node:
        """Ask for an answer; returns it (STREAMING). Raises AppError BAD_INPUT over the limits, and as `send` does."""
        if self.prompts_left == 0:
            raise AppError(
                ErrorCode.BAD_INPUT,
                msg("You have asked {count} times, as often as this stand allows.", count=self._config.max_prompts),
                msg("Start over, so that others have their turn, too."),
            )
        if len(text) > self._config.max_prompt_chars:
            raise AppError(
                ErrorCode.BAD_INPUT,
                msg("{count} characters are too many here.", count=len(text)),
                msg("Ask in at most {count} characters.", count=self._config.max_prompt_chars),
            )
        if self._conversation_id is None:
            self._conversation_id = self._assistant.new_conversation(temporary=True).id
        answer = self._assistant.send(
            self._conversation_id,
            text,
            images=images,
            max_tokens=self._config.max_answer_tokens,
            drop_oldest=True,
        )
        self._asked += 1
        self.tally = replace(self.tally, turns=self.tally.turns + 1)
        return answer

    def stop(self) -> None:
        """End the running answer."""
        if self._conversation_id is not None:
            self._assistant.stop(self._conversation_id)

    def ask_again(self, failed: Node) -> bool:
        """Make an answer anew that failed with the engine; False when that was tried enough, or cannot help."""
        if not self._may_repeat(failed):
            return False
        self._repeats[failed.parent_id or ""] += 1
        self._assistant.regenerate(failed.id, drop_oldest=True)
        self.tally = replace(self.tally, recovered=self.tally.recovered + 1)
        return True

    def wipe(self) -> bool:
        """Forget the visitor: conversation, caches, temporary files. Call it until it returns True: an answer that
        still runs has to end first, and a file may be held by somebody (`files_left`).
        """
        if self._conversation_id is not None:
            self._leaving.add(self._conversation_id)
            self._conversation_id = None
            self._asked = 0
            self._repeats.clear()
            for conversation_id in self._leaving:
                self._assistant.stop(conversation_id)
        if any(self._assistant.is_busy(conversation_id) for conversation_id in self._leaving):
            return False
        for conversation_id in self._leaving:
            self._assistant.delete(conversation_id)
        self._leaving.clear()
        self._assistant.purge_deleted()
        self._assistant.forget_images()
        self._assistant.forget_sessions()
        self._assistant.energy.forget_turn()
        return self._remove_files()

    def _remove_files(self) -> bool:
        left = remove_files(self._files)
        if left and left != self.files_left:
            log.error("temporary files of a visitor are left: %s", "; ".join(left))
        self.files_left = left
        return not left

    def close(self) -> None:
        """Hear nothing more of the assistant."""
        self._unsubscribe()

    def _count(self, event: AssistantEvent) -> None:
        """On any thread. A failure is counted when asking again was tried enough, or cannot help."""
        if isinstance(event, NodeFinished) and event.node.error is not None and not self._may_repeat(event.node):
            self.tally = replace(self.tally, failures=self.tally.failures + 1)

    def _may_repeat(self, failed: Node) -> bool:
        mends = failed.error is not None and failed.error.code in _RETRIES
        return mends and self._repeats[failed.parent_id or ""] < _MOST_REPEATS


def kiosk_settings(settings: Settings, config: KioskConfig) -> Settings:
    """The settings that a kiosk runs with: its own language, large and dark, governed, nothing of a person's choice."""
    wanted = {
        "language": config.language,
        "theme": "dark",
        "font_scale": 1.3,
        "system_prompt": DEFAULT_SYSTEM_PROMPT,
        "tier": "auto",
        "policy": "steady",
        "energy_source": "phone",
        "idle_unload_s": 0,
        "think": False,
        "cloud_mode": "off",
        "max_tokens": config.max_answer_tokens,
        "phone_id": config.phone.id,
        "phone_battery": config.phone.battery,
        "phone_ambient_c": config.phone.ambient_c,
        "phone_speed": config.phone.speed,
        "phone_plugged": False,
    }
    return Settings.model_validate(settings.model_dump() | wanted)
