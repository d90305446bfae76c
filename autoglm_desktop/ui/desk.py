"""What the window opens beside the conversation: settings, models, first run, keys, files, notices.

Dialogs are imported when they are opened: the window has one second until it is visible.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from autoglm_desktop.core.errors import AppError, ErrorCode, ErrorReport
from autoglm_desktop.core.files import atomic_write
from autoglm_desktop.core.i18n import Text, msg, tr
from autoglm_desktop.core.ports import Engine
from autoglm_desktop.core.precision import TierChoice
from autoglm_desktop.core.service import ServiceSwitch
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.core.text_files import read_text
from autoglm_desktop.models.library import ModelLibrary

from .controller import Controller
from .energy.panel import CONVERSATIONS, LANGUAGE_MODEL, MODALITIES
from .images.tools import ImageTools
from .models.conversations import title
from .paths import DataPaths
from .transcript.error_box import OTHER_MODEL_HELPS
from .voice.desk import VoiceDesk
from .widgets.banner import Action, Notice
from .widgets.model_chip import ModelEntry
from .widgets.save_dialog import ask_where_to_save

if TYPE_CHECKING:
    from autoglm_desktop.assistant.claims_machine import Machine

    from .claims.page import ClaimsPage
    from .preparing import Preparer
    from .scenarios.page import ScenarioPage
    from .service_control import ServiceControl
    from .windows.first_run import FirstRunPage
    from .windows.model_manager import ModelManager
    from .windows.settings_dialog import SettingsDialog
    from .windows.settings_pages.page import SettingsPage

log = logging.getLogger(__name__)

_MAX_IMPORT_BYTES = 512 << 20
"""An export has up to 128 MiB of images in base64, and text."""


class Desk(QObject):
    """Opens dialogs and pages for a controller and its window. Lives on the GUI thread."""

    def __init__(
        self,
        controller: Controller,
        library: ModelLibrary,
        paths: DataPaths,
        unload: Callable[[], None],
        voice: VoiceDesk,
    ) -> None:
        """`unload` makes the engine give its memory back."""
        super().__init__(controller)
        self.voice = voice
        self._unload = unload
        self.controller, self.library, self.paths = controller, library, paths
        self.window, self.look = controller.window, controller.window.look
        self.first_run: FirstRunPage | None = None
        self.manager: ModelManager | None = None
        self.settings_dialog: SettingsDialog | None = None
        self.scenarios: ScenarioPage | None = None
        self.claims: ClaimsPage | None = None
        window = self.window
        images, path_of = controller.images, controller.assistant.image_path
        self.images = ImageTools(images, window, window.chat, window.composer, path_of)
        self._model_id = controller.assistant.settings.model_id
        self.service: ServiceControl | None = None
        self.preparer: Preparer | None = None
        self._make_engine: Callable[[], Engine] | None = None
        self._connect()
        self.window.bind_keys(self._commands())
        self.refresh_models()

    def close(self) -> None:
        """End downloads and verifications."""
        if self.first_run is not None:
            self.first_run.pull.close_job()
        if self.manager is not None:
            self.manager.close_jobs()
        if self.scenarios is not None:
            self.scenarios.close_job()
        if self.claims is not None:
            self.claims.close_job()
        if self.settings_dialog is not None:
            self.settings_dialog.close()
        if self.service is not None:
            self.service.close()
        if self.preparer is not None:
            self.preparer.close()

    def show_notices(self, notices: tuple[Text, ...]) -> None:
        """Things that a start found: a file set aside, unknown settings."""
        for number, text in enumerate(notices):
            self.window.banners.show_notice(Notice(f"start-{number}", text))

    def show_error(self, report: ErrorReport) -> None:
        """A banner with the ways on that this error has."""
        if report.code is ErrorCode.CANCELLED:
            return
        if report.code is ErrorCode.MODEL_MISSING:
            self.show_first_run()
        self.window.banners.show_notice(Notice.of(report, *self._ways_on(report)))

    def show_first_run(self) -> None:
        """The page that fetches a model, in the place of the conversation."""
        if self.first_run is None:
            from .windows.first_run import FirstRunPage

            self.first_run = FirstRunPage(self.look, self.library, self.paths.data_dir)
            self.first_run.ready.connect(self._model_ready)
            self.first_run.pull.finished.connect(self._prepare)
            self.first_run.manage_requested.connect(self.show_models)
            self.window.add_page(self.first_run)
        if not self.first_run.pull.running:
            self.first_run.show_models(self.library.list(), self.controller.assistant.settings.model_id)
        self.window.show_page(self.first_run)

    def show_models(self) -> None:
        """The manager of models."""
        if self.manager is None:
            from .windows.model_manager import ModelManager

            self.manager = ModelManager(self.look, self.library, self.window)
            self.manager.changed.connect(self._models_changed)
            self.manager.use_requested.connect(self._model_ready)
            self.manager.pull.finished.connect(self._prepare)
        self.manager.refresh()
        self.manager.show()
        self.manager.raise_()

    def show_settings(self) -> None:
        """The settings, applied while they are changed."""
        if self.settings_dialog is None:
            from .windows.settings_dialog import SettingsDialog

            dialog = SettingsDialog(
                self.look,
                self.controller.assistant.settings,
                self._entries(),
                data_dir=self.paths.data_dir,
                log_path=self.paths.log,
                parent=self.window,
            )
            for page in self._pages():
                dialog.add_page(page)
            dialog.changed.connect(self._settings_edited)
            dialog.folder_requested.connect(open_folder)
            dialog.destroyed.connect(self._settings_closed)
            self.settings_dialog = dialog
        self.settings_dialog.show()
        self.settings_dialog.raise_()

    def show_scenarios(self) -> None:
        """The page of battery scenarios, in the place of the conversation."""
        if self.scenarios is None:
            from .scenarios.page import ScenarioPage  # not at the start of the window

            self.scenarios = ScenarioPage(self.look, self.controller.assistant, self.paths.data_dir)
            self.scenarios.choose("travel-day")
            self.window.add_page(self.scenarios)
        self.window.show_page(self.scenarios)

    def show_claims(self) -> None:
        """The page of the guide's claims, in the place of the conversation."""
        if self.claims is None:
            from .claims.page import ClaimsPage  # not at the start of the window

            self.claims = ClaimsPage(self.look, self.controller.assistant, self._machine)
            self.window.add_page(self.claims)
        self.window.show_page(self.claims)

    def _machine(self) -> Machine:
        """What measures the guide's claims, in processes of its own; the window's engine gives its memory back."""
        from autoglm_desktop.assistant.claims_machine import machine_for

        self._unload()
        paths = self.paths
        return machine_for(self.controller.assistant.settings, self.library, paths.engine_log, paths.data_dir)

    def show_kiosk(self) -> None:
        """How this becomes a booth, and the way to start one."""
        from .windows.kiosk_dialog import KioskDialog

        dialog = KioskDialog(self.look, self.paths.data_dir, self.window)
        dialog.folder_requested.connect(open_folder)
        dialog.started.connect(self.window.close)
        dialog.open()

    def _chat_wanted(self, conversation_id: str | None = None) -> None:
        """A conversation was opened, or a new one: it takes the place of another page.

        A new one does not take that of the first run's: without a model there is nothing to do in it.
        """
        if self.scenarios is not None:
            self.scenarios.stop()
        if conversation_id is not None or not self._first_run_shown:
            self.window.show_page(None)

    @property
    def _first_run_shown(self) -> bool:
        return self.first_run is not None and self.window.pages.currentWidget() is self.first_run

    def prepare_with(self, make_engine: Callable[[], Engine]) -> None:
        """Pack all tiers of a model after its download, with an engine out of `make_engine`."""
        self._make_engine = make_engine

    def _prepare(self, model_id: str) -> None:
        if self._make_engine is None:
            return
        if self.preparer is None:
            from .preparing import Preparer, PreparingBar

            self.preparer = Preparer(self.library, self._make_engine, self)
            self.preparer.ended.connect(self._prepared)
            self.window.banners.hold(PreparingBar(self.look, self.preparer))
        self.preparer.prepare(model_id)

    def _prepared(self, report: ErrorReport | None) -> None:
        from .preparing import is_worth_telling

        if report is not None and is_worth_telling(report):
            self.window.banners.show_notice(Notice.of(report, key="preparing"))

    def use_service(self, switch: ServiceSwitch) -> None:
        """The HTTP service that the settings switch on and off; what they say now is done."""
        from .service_control import ServiceControl

        self.service = ServiceControl(switch, self)
        self.service.apply(self.controller.assistant.settings)

    def _pages(self) -> Iterator[SettingsPage]:
        """The pages for what this window has: voice, a way to the cloud, a service."""
        from .windows.settings_pages.voice import VoicePage

        settings = self.controller.assistant.settings
        yield VoicePage(self.look, settings, self.voice.microphone, self.voice.speaker)
        if self.controller.gate is not None:
            from .windows.settings_pages.cloud import CloudPage

            yield CloudPage(self.look, settings)
        if self.service is not None:
            from .windows.settings_pages.service import ServicePage

            page = ServicePage(self.look, settings, self.service.status)
            self.service.changed.connect(page.show_status)
            page.key_changed.connect(self._service_key_changed)
            yield page

    def _service_key_changed(self) -> None:
        if self.service is not None:
            self.service.restart(self.controller.assistant.settings)

    def show_energy_history(self) -> None:
        """What answers used, by answer, conversation and day."""
        from .energy.history import HistoryDialog  # not at the start of the window

        dialog = HistoryDialog(self.look, self.controller.assistant.ledger, self.window)
        dialog.failed.connect(self.show_error)
        dialog.open()

    def show_keys(self) -> None:
        """The list of keys."""
        from .windows.keys_dialog import KeysDialog

        KeysDialog(self.look, self.window).open()

    def export(self, conversation_id: str, kind: str) -> None:
        """Save a conversation as ``markdown`` or ``json`` where the person says."""
        with self.controller.telling():
            conversation = self.controller.assistant.conversation(conversation_id)
            suffix = "md" if kind == "markdown" else "json"
            proposed = f"{_file_name(title(conversation))}.{suffix}"
            ask_where_to_save(
                self.window, tr("Export"), proposed, lambda path: self.export_to(conversation_id, kind, path)
            )

    def export_to(self, conversation_id: str, kind: str, path: Path) -> None:
        """Write a conversation to `path`; a failure is shown."""
        assistant = self.controller.assistant
        with self.controller.telling():
            write = assistant.export_markdown if kind == "markdown" else assistant.export_json
            try:
                atomic_write(path, write(conversation_id).encode(), private=False)
            except OSError as error:
                raise _not_written(path, error) from error

    def import_conversation(self) -> None:
        """Read a conversation that was exported."""
        chosen, _ = QFileDialog.getOpenFileName(self.window, tr("Import"), "", "*.json *.md")
        if chosen:
            self.import_from(Path(chosen))

    def import_from(self, path: Path) -> None:
        """Read a conversation from `path` and open it; a failure is shown."""
        assistant = self.controller.assistant
        with self.controller.telling():
            text = read_text(path, _MAX_IMPORT_BYTES)
            is_json = path.suffix.lower() == ".json"
            made = assistant.import_json(text) if is_json else assistant.import_markdown(text)
            self.controller.show_list()
            self.controller.open(made.id)

    def refresh_models(self) -> None:
        """The models of the chip's menu."""
        entries, chosen = self._entries(), self.controller.assistant.settings.model_id
        self.window.top_bar.model.show_models(entries, chosen)
        self.window.composer.show_model(sees=any(entry.sees for entry in entries if entry.id == chosen))

    def _entries(self) -> tuple[ModelEntry, ...]:
        models = [model for model in self.library.list() if "text" in model.modalities]
        return tuple(ModelEntry(m.id, m.display_name, m.installed, "image" in m.modalities) for m in models)

    def _model_ready(self, model_id: str) -> None:
        self.window.show_page(None)
        self.window.banners.dismiss(ErrorCode.MODEL_MISSING.value)
        self._choose_model(model_id)

    def _choose_model(self, model_id: str) -> None:
        if model_id != self.controller.assistant.settings.model_id:
            self.controller.change_settings(model_id=model_id)
        self.refresh_models()
        self._load()

    def _load(self) -> None:
        with self.controller.telling():
            self.controller.assistant.preload()

    def _load_part(self, place: int) -> None:
        """A part of the model by its place in the energy panel; conversations are not loaded by themselves."""
        if place == LANGUAGE_MODEL:
            self._load()
        elif place in MODALITIES:
            with self.controller.telling():
                self.controller.assistant.load_modality(MODALITIES[place])

    def _open_log(self) -> None:
        open_folder(self.paths.log.parent)

    def _unload_part(self, place: int) -> None:
        if place == LANGUAGE_MODEL:
            self._unload()
        elif place == CONVERSATIONS:
            self.controller.assistant.forget_sessions()
        elif place in MODALITIES:
            self.controller.assistant.unload_modality(MODALITIES[place])

    def _models_changed(self) -> None:
        self.refresh_models()
        if self._first_run_shown:
            self.show_first_run()

    def _settings_edited(self, settings: Settings) -> None:
        with self.controller.telling():
            self.controller.assistant.update_settings(settings)

    def _settings_applied(self, settings: Settings) -> None:
        if self.settings_dialog is not None:
            self.settings_dialog.show_settings(settings)
        if self.service is not None:
            self.service.apply(settings)
        if settings.model_id != self._model_id:
            self._model_id = settings.model_id
            self.refresh_models()

    def _settings_closed(self) -> None:
        self.settings_dialog = None

    def _ways_on(self, report: ErrorReport) -> tuple[Action, ...]:
        if report.suggested_tier is not None:
            tier = TierChoice(report.suggested_tier)
            use = msg("Use {tier}", tier=tier.value.upper())
            return Action(use, lambda: self._retry_in(tier)), self._other_model()
        if report.code in OTHER_MODEL_HELPS:
            return (self._other_model(),)
        return ()

    def _other_model(self) -> Action:
        return Action(msg("Choose another model"), self.show_models)

    def _retry_in(self, tier: TierChoice) -> None:
        self.controller.choose_tier(tier)
        self._load()

    def _connect(self) -> None:
        window, controller = self.window, self.controller
        controller.failed.connect(self.show_error)
        controller.settings_changed.connect(self._settings_applied)
        controller.shown.connect(self._chat_wanted)
        window.transcript.image_opened.connect(self.images.show)
        window.transcript.models_requested.connect(self.show_models)
        window.transcript.log_requested.connect(self._open_log)
        window.sidebar.settings_requested.connect(self.show_settings)
        window.sidebar.scenarios_requested.connect(self.show_scenarios)
        window.sidebar.claims_requested.connect(self.show_claims)
        window.sidebar.kiosk_requested.connect(self.show_kiosk)
        window.sidebar.export_requested.connect(self.export)
        window.banners.log_requested.connect(self._open_log)
        window.dock.history_requested.connect(self.show_energy_history)
        window.dock.load_requested.connect(self._load_part)
        window.dock.unload_requested.connect(self._unload_part)
        chip = window.top_bar.model
        chip.model_chosen.connect(self._choose_model)
        chip.load_requested.connect(self._load)
        chip.manage_requested.connect(self.show_models)
        chip.unload_requested.connect(self._unload)

    def _commands(self) -> dict[str, Callable[[], object]]:
        window, controller = self.window, self.controller
        return {
            "escape": self._escape,
            "new_chat": controller.new_chat,
            "temporary_chat": lambda: controller.new_chat(temporary=True),
            "search": self._focus_search,
            "focus_prompt": self._focus_prompt,
            "toggle_sidebar": window.toggle_sidebar,
            "toggle_dock": window.toggle_dock,
            "energy_history": self.show_energy_history,
            "toggle_think": window.composer.think.click,
            "models": self.show_models,
            "import_conversation": self.import_conversation,
            "settings": self.show_settings,
            "attach": self.images.choose_files,
            "photo": self.images.take_photo,
            "screenshot": self.images.take_screenshot,
            "paste": controller.images.paste,
            "keys": self.show_keys,
            "talk": self.voice.press_key,
            "quit": self._quit,
        }

    def _quit(self) -> None:
        self.window.close()

    def _escape(self) -> None:
        """Esc: leave the search, else forget the recording, else stop the answer (and what is read aloud)."""
        search = self.window.sidebar.search
        if search.hasFocus():
            search.clear()
            self.window.composer.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)
        elif not self.voice.escape():
            self.controller.stop()

    def _focus_prompt(self) -> None:
        self._chat_wanted()
        self.window.composer.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _focus_search(self) -> None:
        if self.window.sidebar.isHidden():
            self.window.toggle_sidebar()
        self.window.sidebar.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.window.sidebar.search.selectAll()


def open_folder(folder: Path) -> None:
    """Show a folder in the system's file manager."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def _file_name(text: str) -> str:
    kept = "".join(char if char.isalnum() or char in " -_." else " " for char in text)
    return " ".join(kept.split())[:60] or "conversation"


def _not_written(path: Path, error: OSError) -> AppError:
    return AppError(
        ErrorCode.NOT_WRITABLE,
        msg("{path} could not be written.", path=str(path)),
        msg("Choose another folder, or free some space."),
        details=str(error),
    )
