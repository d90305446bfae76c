"""``chat``: one question, or a conversation in the terminal."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.core.conversation import Conversation
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg, tr
from autoglm_desktop.core.messages import ImagePart, Sampling
from autoglm_desktop.core.precision import TierChoice
from autoglm_desktop.core.text_files import NotTextError, decode

from .answering import Answer, ask, cost_line, result_of
from .attaching import attached_of, heard, take_in_images, with_transcript
from .context import Context, begin
from .options import DataDirOption, JsonOption, LanguageOption, LogLevelOption, ModelOption
from .output import print_json, print_text
from .views import QuietView, StreamView

INTERRUPTED = 130


def chat(
    typer_context: typer.Context,
    *,
    prompt: Annotated[
        str | None, typer.Argument(metavar="[PROMPT | -]", help="The question; - reads it from standard input.")
    ] = None,
    model: ModelOption = None,
    tier: Annotated[TierChoice | None, typer.Option(help="Precision of the weights.", case_sensitive=False)] = None,
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="System prompt, instead of the chosen one.")
    ] = None,
    image: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="An image to ask about; may be given several times.")
    ] = None,
    audio: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A recording: what is said in it is the question, or joins it.")
    ] = None,
    think: Annotated[bool | None, typer.Option("--think/--no-think", help="Reason before answering.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, max=32_768, help="Length of the answer at most.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0.0, max=2.0, help="0 takes the likeliest token.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**63 - 1, help="Makes an answer repeatable.")] = None,
    session: Annotated[str | None, typer.Option(metavar="NAME", help="Keep or go on with a conversation.")] = None,
    stats: Annotated[bool, typer.Option("--stats", help="Print the cost to standard output too.")] = False,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    log_level: LogLevelOption = None,
    language: LanguageOption = None,
) -> None:
    """Ask the model. Without a PROMPT on a terminal: a conversation."""
    context = begin(typer_context, data_dir, log_level, language).override(
        model_id=model, tier=tier, system_prompt=system, think=think, max_tokens=max_tokens, temperature=temperature
    )
    attached = image or audio
    text = _prompt(prompt, as_json=as_json) if prompt is not None or not attached else ""
    if not attached:
        context.library().chat_ref(context.settings.model_id)
    with context.assistant(keep=session is not None) as assistant:
        how = _Once(sampling_of(context, seed), stats, as_json, take_in_images(assistant, image or ()), audio)
        context.library().chat_ref(context.settings.model_id)
        conversation = open_conversation(assistant, session)
        if text is None:
            from .terminal import converse

            converse(assistant, conversation, how.sampling)
        else:
            _once(assistant, conversation, text, how)


@dataclass(frozen=True, slots=True)
class _Once:
    sampling: Sampling
    stats: bool
    as_json: bool
    images: tuple[ImagePart, ...] = ()
    audio: Path | None = None


def _once(assistant: Assistant, conversation: Conversation, text: str, how: _Once) -> None:
    view = QuietView() if how.as_json else StreamView()
    meter = assistant.energy.begin(assistant.energy.decision.tier) if how.audio is not None else None
    transcript = heard(assistant, how.audio, view, meter) if how.audio is not None and meter is not None else None
    text = with_transcript(text, transcript)
    if transcript is not None and not how.as_json:
        print(tr("Heard: {text}", text=transcript.text.strip()), file=sys.stderr)
    answer = ask(
        assistant,
        lambda: assistant.send(conversation.id, text, images=how.images, sampling=how.sampling, meter=meter),
        view,
    )
    raise_failure(answer)
    if how.as_json:
        prompt = assistant.node(answer.node.parent_id or "")
        print_json(result_of(answer.node) | attached_of(prompt, transcript))
    elif line := cost_line(answer.node):
        if how.stats:
            print_text(line)
        else:
            print(line, file=sys.stderr)
    if answer.interrupted:
        raise typer.Exit(INTERRUPTED)


def raise_failure(answer: Answer) -> None:
    """Raise the error that ended an answer, if one did."""
    error = answer.node.error
    if error is not None:
        raise AppError(
            error.code, error.cause, error.next_step, details=error.details, suggested_tier=error.suggested_tier
        )


def open_conversation(assistant: Assistant, name: str | None) -> Conversation:
    """The kept conversation of that name, the newest if there are several, else a new one; a temporary one for None."""
    if name is None:
        return assistant.new_conversation(temporary=True)
    if not name.strip():
        raise AppError(
            ErrorCode.BAD_INPUT, msg("The name of the session is empty."), msg("Give one, for example --session work.")
        )
    title = " ".join(name.split())
    found = (c for c in assistant.conversations() if c.title == title)
    return next(found, None) or assistant.new_conversation(title=title)


def sampling_of(context: Context, seed: int | None) -> Sampling:
    """The sampling of the settings (as overridden for this run) with a seed."""
    s = context.settings
    return Sampling(
        temperature=s.temperature,
        top_p=s.top_p,
        top_k=s.top_k,
        min_p=s.min_p,
        repetition_penalty=s.repetition_penalty,
        seed=seed,
    )


def _prompt(argument: str | None, *, as_json: bool) -> str | None:
    """The question, or None for a conversation: no argument, and a terminal on both sides."""
    if argument is None and sys.stdin.isatty() and not as_json:
        return None
    if argument is None and sys.stdin.isatty():
        raise typer.BadParameter("--json needs a PROMPT.")
    text = _standard_input() if argument in (None, "-") else argument
    assert text is not None, "either read or given"
    try:
        text.encode()
    except UnicodeEncodeError as error:  # an argument that is not UTF-8 arrives with lone surrogates
        raise _not_utf8(error.start) from error
    return text


def _standard_input() -> str:
    try:
        return decode(sys.stdin.buffer.read())
    except NotTextError as error:
        raise _not_utf8(error.offset) from error


def _not_utf8(offset: int) -> AppError:
    return AppError(
        ErrorCode.BAD_INPUT,
        msg("The question is not valid UTF-8 (from byte {offset} on), so it was not sent.", offset=offset),
        msg("Convert it first, for example: iconv -f GB18030 -t UTF-8 FILE | autoglm-desktop chat -"),
    )
