"""The models that can be had and those that are there: what the window, the command line and the engine ask."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.i18n import msg
from autoglm_desktop.core.messages import ModelRef

from .catalogue import RUNNABLE_ARCHITECTURES, Catalogue, HubSource, ModelEntry, require_runnable
from .failures import SourceFailedError, SourceFailure, disk_errors, read_failures
from .manifest import Manifest
from .places import Places, is_model_id, remove_tree, tree_bytes, unknown_model
from .progress import Cancelled, Monitor, OnProgress, PullProgress, PullStage, never, untold

if TYPE_CHECKING:
    from .fetch import Sources

__all__ = ["ModelInfo", "ModelLibrary", "PullProgress", "PullStage", "SourceFailure"]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as people see it.

    Sizes in bytes; `download_bytes`, `needed_bytes` (free disk that a pull takes) and `license` are None where only the
    hub knows: `ModelLibrary.offer` asks it. `sources` in words for people. `runnable` is False for an architecture
    that this version's engine does not know. `chat_template` of an installed model is its own, or ChatML where it has
    none.
    """

    id: str
    display_name: str
    modalities: tuple[str, ...]
    languages: tuple[str, ...]
    license: str | None
    download_bytes: int | None
    needed_bytes: int | None
    installed: bool
    disk_bytes: int
    sources: tuple[str, ...]
    context_tokens: int | None
    architecture: str
    runnable: bool
    chat_template: Literal["own", "chatml"] | None = None


class ModelLibrary:
    """All models of a data folder. Methods may be called from any thread and process; `pull`, `add`, `verify` block.

    Cheap to make: nothing heavy is imported before it is needed. `catalogue` and `sources` are for tests.
    """

    def __init__(self, data_dir: Path, *, catalogue: Catalogue | None = None, sources: Sources | None = None) -> None:
        self._places = Places(data_dir)
        self._catalogue = catalogue or Catalogue.load()
        self._given_sources = sources

    def list(self) -> list[ModelInfo]:
        """The catalogue in its order, then what was added locally, by name."""
        known = [self.info(entry.id) for entry in self._catalogue.model]
        catalogued = {info.id for info in known}
        added = [self.info(name) for name in self._installed_names() if name not in catalogued]
        return known + added

    def info(self, model_id: str) -> ModelInfo:
        """One model. Raises AppError MODEL_UNKNOWN."""
        entry = self._catalogue.find(model_id)
        manifest = self._manifest(model_id)
        if entry is not None:
            return self._from_entry(entry, manifest)
        if manifest is None:
            raise unknown_model(model_id)
        return self._from_manifest(manifest)

    def offer(self, model_id: str, cancelled: Cancelled = never) -> ModelInfo:
        """`info`, with size and licence asked from the hub where the catalogue does not know them: before a download.

        Takes seconds at most. Raises AppError MODEL_UNKNOWN, DOWNLOAD_FAILED (the hub does not answer), CANCELLED.
        """
        info = self.info(model_id)
        entry = self._catalogue.find(model_id)
        if entry is None or entry.file or info.installed:
            return info
        from .hub import files_of

        source = next(source for source in entry.source if isinstance(source, HubSource))
        try:
            repo = self._sources.hub.describe(source, Monitor(untold, cancelled))
            size = sum(file.size for file in files_of(entry, repo))
        except SourceFailedError as error:
            raise AppError(
                ErrorCode.DOWNLOAD_FAILED,
                msg("{source}: {reason}", source=str(source.title), reason=str(error.reason)),
                msg("Check the connection, or choose a model that comes from another source."),
                details=error.details,
            ) from error
        return replace(info, license=repo.license, download_bytes=size, needed_bytes=size)

    def ref(self, model_id: str) -> ModelRef:
        """The installed model, ready to load. Raises AppError MODEL_MISSING, MODEL_UNKNOWN."""
        info = self.info(model_id)
        if not info.installed:
            gone = msg("The model {name} is not on this machine.", name=info.display_name)
            if Manifest.read(self._places.installed(model_id)) is not None:
                gone = msg("Files of the model {name} are damaged or gone.", name=info.display_name)
            raise AppError(
                ErrorCode.MODEL_MISSING, gone, msg("Fetch it: autoglm-desktop models pull {model}", model=model_id)
            )
        return ModelRef(model_id, str(self._places.installed(model_id)))

    def chat_ref(self, model_id: str) -> ModelRef:
        """`ref` of a model that answers. Raises AppError BAD_INPUT for one that reads no text, and as `ref` does."""
        info = self.info(model_id)
        if "text" not in info.modalities:
            raise AppError(
                ErrorCode.BAD_INPUT,
                msg("{name} writes down speech; it cannot chat.", name=info.display_name),
                msg("Choose another model: autoglm-desktop models list"),
            )
        return self.ref(model_id)

    def gguf(self, model_id: str) -> Path | None:
        """The GGUF file that an installed model was converted from, or None."""
        manifest = self._manifest(model_id)
        return self._places.installed(model_id) / manifest.gguf if manifest and manifest.gguf else None

    def pull(self, model_id: str, on_progress: OnProgress, cancelled: Cancelled) -> ModelRef:
        """Fetch, check, convert and install; does nothing for a model that is there. Blocks.

        Raises AppError: MODEL_UNKNOWN, UNSUPPORTED_ARCHITECTURE, DISK_FULL, NOT_WRITABLE, DOWNLOAD_FAILED,
        WEIGHTS_CORRUPT, UNSAFE_CHECKPOINT, CANCELLED.
        """
        monitor = Monitor(on_progress, cancelled)
        if not self.info(model_id).installed:
            entry = self._catalogue.find(model_id)
            if entry is None:
                raise unknown_model(model_id)
            self._pull(entry, monitor)
        monitor.report(PullStage.DONE)
        return self.ref(model_id)

    def add(
        self,
        path: Path,
        name: str | None = None,
        *,
        on_progress: OnProgress = untold,
        cancelled: Cancelled = never,
    ) -> ModelInfo:
        """Install a copy of a local folder in the Hugging Face layout, or of a ``.gguf`` file or the folder of one.

        The id is `name`, else made from the file's name. Everything is checked before anything is copied. Raises
        AppError: BAD_INPUT, UNSAFE_CHECKPOINT, UNSUPPORTED_ARCHITECTURE, WEIGHTS_CORRUPT, TEMPLATE_BROKEN, DISK_FULL,
        NOT_WRITABLE, CANCELLED.
        """
        from .given import given_name, located
        from .install import add

        source = located(path)
        own_name = given_name(path)
        model_id = _id_of(name or own_name)
        manifest = Manifest(
            id=model_id,
            display_name=name or own_name,
            modalities=("text",),
            architecture="",
            source=str(path.absolute()),
        )
        monitor = Monitor(on_progress, cancelled, resumes=False)
        with disk_errors(self._places.models), self._places.locked(model_id, monitor):
            self._require_free(model_id)
            add(source, manifest, self._places, monitor)
        return self.info(model_id)

    def present(self) -> tuple[str, ...]:
        """Ids of what was installed here, also where files of it are damaged or gone since."""
        return tuple(name for name in self._folders() if Manifest.read(self._places.installed(name)) is not None)

    def verify(self, model_id: str, *, on_progress: OnProgress = untold, cancelled: Cancelled = never) -> None:
        """Read every file of an installed model. Blocks.

        Raises AppError WEIGHTS_CORRUPT, MODEL_MISSING, MODEL_UNKNOWN, CANCELLED.
        """
        self.info(model_id)
        manifest = Manifest.read(self._places.installed(model_id))
        if manifest is None:
            self.ref(model_id)  # says that it is missing
        else:
            manifest.verify(self._places.installed(model_id), Monitor(on_progress, cancelled, resumes=False))

    def remove(self, model_id: str, *, cancelled: Cancelled = never) -> int:
        """Remove a model and what was kept of an unfinished download. Returns the bytes freed.

        Waits for a process that fetches it. Raises AppError MODEL_UNKNOWN, NOT_WRITABLE, CANCELLED.
        """
        with disk_errors(self._places.models):
            if not self._places.installed(model_id).is_dir():
                self.info(model_id)
            with self._places.locked(model_id, Monitor(untold, cancelled, resumes=False)):
                freed = remove_tree(self._places.installed(model_id)) + remove_tree(self._places.staging(model_id))
                self._places.note(model_id).unlink(missing_ok=True)
        return freed

    def source_failures(self, model_id: str) -> tuple[SourceFailure, ...]:
        """Why sources were passed over at the last pull of this model, in their order."""
        return read_failures(self._places.note(model_id))

    @cached_property
    def _sources(self) -> Sources:
        from .fetch import Sources

        return self._given_sources or Sources.real()

    def _pull(self, entry: ModelEntry, monitor: Monitor) -> None:
        from .install import pull

        if "speech" not in entry.modalities:
            require_runnable(entry.architecture)
        with disk_errors(self._places.models), self._places.locked(entry.id, monitor):
            if self._manifest(entry.id) is None:  # another process may have done it meanwhile
                pull(entry, self._places, self._sources, monitor)

    def _manifest(self, model_id: str) -> Manifest | None:
        """The manifest of a model whose files are all there."""
        folder = self._places.installed(model_id)
        manifest = Manifest.read(folder)
        return manifest if manifest is not None and manifest.complete(folder) else None

    def _installed_names(self) -> tuple[str, ...]:
        return tuple(name for name in self._folders() if self._manifest(name) is not None)

    def _folders(self) -> tuple[str, ...]:
        if not self._places.models.is_dir():
            return ()
        return tuple(sorted(path.name for path in self._places.models.iterdir() if not path.name.startswith(".")))

    def _from_entry(self, entry: ModelEntry, manifest: Manifest | None) -> ModelInfo:
        return ModelInfo(
            id=entry.id,
            display_name=entry.display_name,
            modalities=entry.modalities,
            languages=entry.languages,
            license=manifest.license if manifest else entry.license,
            download_bytes=entry.download_bytes,
            needed_bytes=entry.needed_bytes,
            installed=manifest is not None,
            disk_bytes=self._disk_bytes(entry.id, manifest),
            sources=tuple(str(source.title) for source in entry.source),
            context_tokens=manifest.context_tokens if manifest else entry.context_tokens,
            architecture=entry.architecture,
            runnable=entry.architecture in RUNNABLE_ARCHITECTURES,
            chat_template=manifest.chat_template if manifest else None,
        )

    def _from_manifest(self, manifest: Manifest) -> ModelInfo:
        return ModelInfo(
            id=manifest.id,
            display_name=manifest.display_name,
            modalities=manifest.modalities,
            languages=manifest.languages,
            license=manifest.license,
            download_bytes=None,
            needed_bytes=None,
            installed=True,
            disk_bytes=self._disk_bytes(manifest.id, manifest),
            sources=(manifest.source,),
            context_tokens=manifest.context_tokens,
            architecture=manifest.architecture,
            runnable=manifest.architecture in RUNNABLE_ARCHITECTURES,
            chat_template=manifest.chat_template,
        )

    def _disk_bytes(self, model_id: str, manifest: Manifest | None) -> int:
        return tree_bytes(self._places.installed(model_id)) if manifest else 0

    def _require_free(self, model_id: str) -> None:
        if self._catalogue.find(model_id) or self._places.installed(model_id).exists():
            raise AppError(
                ErrorCode.BAD_INPUT,
                msg("There is already a model named {model}.", model=model_id),
                msg("Give another name with --name, or remove that model first."),
            )


def _id_of(wanted: str) -> str:
    model_id = re.sub(r"[^a-z0-9._-]+", "-", wanted.lower()).strip("-._")[:100].rstrip("-._")
    if not is_model_id(model_id):
        raise AppError(
            ErrorCode.BAD_INPUT,
            msg("“{name}” cannot be the name of a model.", name=wanted),
            msg("Give a name of Latin letters, digits, dots and dashes with --name."),
        )
    return model_id
