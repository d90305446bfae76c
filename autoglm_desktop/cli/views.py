"""How an answer is shown while it comes: on a terminal, in a pipe, or not at all."""

from __future__ import annotations

from rich.status import Status

from autoglm_desktop.core.events import Phase, TierSwitched
from autoglm_desktop.core.i18n import tr

from .output import print_text, stderr_console


class PhaseLine:
    """What the engine does, as a moving line on standard error; nothing where that is not a terminal."""

    def __init__(self) -> None:
        self._console = stderr_console()
        self._status: Status | None = None

    def show(self, phase: Phase, fraction: float | None) -> None:
        words = phase_words(phase)
        if words is None or not self._console.is_terminal:
            self.clear()
            return
        if fraction is not None:
            words = f"{words} {fraction:.0%}"
        if self._status is None:
            self._status = self._console.status(words)
            self._status.start()
        else:
            self._status.update(words)

    def tell(self, sentence: str) -> None:
        """A lasting line, on a terminal."""
        if self._console.is_terminal:
            self._console.print(sentence, style="dim", markup=False)

    def clear(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


class QuietView:
    """Shows phases only: the text is printed when it is whole."""

    def __init__(self) -> None:
        self._line = PhaseLine()

    def phase(self, phase: Phase, fraction: float | None) -> None:
        self._line.show(phase, fraction)

    def delta(self, text: str, reasoning: str) -> None:
        """Nothing: standard output gets one object at the end."""

    def switched(self, switch: TierSwitched) -> None:
        self._line.tell(switch_words(switch))

    def end(self) -> None:
        self._line.clear()


class StreamView:
    """Prints the text as it comes to standard output, the reasoning before it to standard error."""

    def __init__(self) -> None:
        self._line = PhaseLine()
        self._reasoning = stderr_console()
        self._in_reasoning = False
        self._open = False

    def phase(self, phase: Phase, fraction: float | None) -> None:
        if not self._open:
            self._line.show(phase, fraction)

    def delta(self, text: str, reasoning: str) -> None:
        self._line.clear()
        if reasoning:
            self._in_reasoning = True
            self._reasoning.print(reasoning, end="", style="dim", markup=False, soft_wrap=True)
        if text:
            self._close_reasoning()
            self._open = True
            print_text(text, end="")

    def switched(self, switch: TierSwitched) -> None:
        if not self._open:
            self._line.tell(switch_words(switch))

    def end(self) -> None:
        self._line.clear()
        self._close_reasoning()
        if self._open:
            self._open = False
            print_text("")

    def _close_reasoning(self) -> None:
        if self._in_reasoning:
            self._in_reasoning = False
            self._reasoning.print("\n")


def phase_words(phase: Phase) -> str | None:
    """What to show for a phase; None once text comes."""
    return {
        Phase.QUEUED: tr("Waiting for another answer…"),
        Phase.STARTING: tr("Starting the engine…"),
        Phase.LOADING: tr("Loading the model…"),
        Phase.READING_IMAGE: tr("Reading the image…"),
        Phase.WRITING_DOWN: tr("Writing down what is said…"),
        Phase.PREFILL: tr("Reading the prompt…"),
        Phase.THINKING: tr("Thinking…"),
        Phase.ASKING_CLOUD: tr("Asking the cloud…"),
    }.get(phase)


def switch_words(switch: TierSwitched) -> str:
    return tr(
        "{old} → {new} in {seconds} s, {tokens} tokens of the conversation kept",
        old=switch.from_tier.label,
        new=switch.to_tier.label,
        seconds=f"{switch.seconds:.2f}",
        tokens=switch.kv_kept_tokens,
    )
