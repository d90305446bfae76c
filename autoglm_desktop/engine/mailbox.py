"""What the parent asked of the child: filled by the reading thread, emptied by the one that works."""

from __future__ import annotations

import threading
import time
from collections import deque
from itertools import takewhile

from autoglm_desktop.core.precision import Tier

from .protocol import Cancel, Command, Perceive, Preload, SetTier, Submit


class Mailbox:
    """Commands in order, and the two that a running turn looks for between tokens: cancel and a change of tier."""

    def __init__(self) -> None:
        self._commands: deque[Command] = deque()
        self._cancelled: set[str] = set()
        self._arrival = threading.Condition()

    def put(self, command: Command) -> None:
        """Called by the reading thread."""
        with self._arrival:
            if isinstance(command, Cancel):
                self._cancelled.add(command.turn_id)
                return
            self._commands.append(command)
            self._arrival.notify()

    def take(self, until_s: float | None = None) -> Command | None:
        """The next command. Blocks until there is one.

        None when there is none by `until_s` (`time.monotonic`).
        """
        with self._arrival:
            while not self._commands:
                left_s = None if until_s is None else min(until_s - time.monotonic(), threading.TIMEOUT_MAX)
                if left_s is not None and left_s <= 0:
                    return None
                self._arrival.wait(left_s)
            command = self._commands.popleft()
            self._forget_old_cancels(command)
            return command

    def cancelled(self, turn_id: str) -> bool:
        return turn_id in self._cancelled

    def take_tier(self) -> Tier | None:
        """The last change of tier asked for before anything that brings its own tier; it is taken out.

        Whatever else waits before it keeps its place: what is done at once must not wait behind it.
        """
        if not self._commands:
            return None
        with self._arrival:
            waiting = list(self._commands)
            before = list(takewhile(lambda command: not isinstance(command, Submit | Preload), waiting))
            tiers = [command.tier for command in before if isinstance(command, SetTier)]
            if not tiers:
                return None
            others = [command for command in before if not isinstance(command, SetTier)]
            self._commands = deque([*others, *waiting[len(before) :]])
            return tiers[-1]

    def _forget_old_cancels(self, taken: Command) -> None:
        """A cancel that came too late must not be kept for ever."""
        waiting = {c.request.turn_id for c in self._commands if isinstance(c, Submit | Perceive)}
        if isinstance(taken, Submit | Perceive):
            waiting.add(taken.request.turn_id)
        self._cancelled &= waiting
