"""The shipped list of models: what may be fetched, from where, and the hashes that it must have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from autoglm_desktop.assets import resource
from autoglm_desktop.core.architectures import ARCHITECTURES
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.core.file_names import PlainPath, first_collision, require_plain_name, require_plain_path
from autoglm_desktop.core.i18n import Text, msg
from autoglm_desktop.core.text_files import read_toml

RUNNABLE_ARCHITECTURES = frozenset(ARCHITECTURES)
"""`model_type` of the chat models that the engine can run; others are refused before anything is fetched."""

Format = Literal["gguf", "safetensors", "ctranslate2"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ID_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,99}$"
"""What a model may be called: its folder has that name."""

ModelId = Annotated[str, Field(pattern=ID_PATTERN), AfterValidator(require_plain_name)]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"), AfterValidator(require_plain_name)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(_Entry):
    """A file that a source must yield: its name, its size in bytes and its SHA-256."""

    name: FileName
    size: int = Field(gt=0)
    sha256: Sha256


class HubSource(_Entry):
    """A repository on the hub. `revision` None: what its publisher has now."""

    kind: Literal["hub"]
    repo: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$"), AfterValidator(require_plain_path)]
    revision: PlainPath | None = None

    @property
    def title(self) -> Text:
        return msg("Hugging Face Hub")


class WheelEntry(_Entry):
    """An archive of the package index. `members`: file of the model to the member that holds it (or a part of it)."""

    dist: FileName
    version: str = Field(pattern=r"^[0-9][A-Za-z0-9.+!-]{0,60}$")
    size: int = Field(gt=0)
    sha256: Sha256
    members: dict[FileName, PlainPath]

    @property
    def requirement(self) -> str:
        return f"{self.dist}=={self.version}"


class WheelSource(_Entry):
    """Archives that together carry the files; parts of a file are joined in the order of the archives."""

    kind: Literal["wheel"]
    wheels: tuple[WheelEntry, ...] = Field(min_length=1)

    @property
    def title(self) -> Text:
        return msg("package archives")


Source = Annotated[HubSource | WheelSource, Field(discriminator="kind")]


class ModelEntry(_Entry):
    """One model. Sizes are bytes; None where only the hub knows (asked before a download)."""

    id: ModelId
    display_name: str
    modalities: tuple[Literal["text", "image", "speech"], ...] = Field(min_length=1)
    languages: tuple[str, ...] = ()
    license: str | None = None
    format: Format
    architecture: str
    context_tokens: int | None = None
    installed_bytes: int | None = None
    file: tuple[FileEntry, ...] = ()
    source: tuple[Source, ...] = Field(min_length=1)

    @property
    def download_bytes(self) -> int | None:
        """What its files weigh together, or None where only the hub knows."""
        return sum(file.size for file in self.file) or None

    @property
    def needed_bytes(self) -> int | None:
        """Free disk that a pull takes at its peak: the archives with the joined files, or these with the master."""
        if self.download_bytes is None:
            return None
        archives = [sum(w.size for w in source.wheels) for source in self.source if isinstance(source, WheelSource)]
        return max(self.download_bytes + max(archives, default=0), self.installed_bytes or self.download_bytes)

    @model_validator(mode="after")
    def _files_are_covered(self) -> ModelEntry:
        names = {file.name for file in self.file}
        if (twice := first_collision(file.name for file in self.file)) is not None:
            raise ValueError(f"{self.id} names the file {twice} twice")
        for source in self.source:
            if isinstance(source, WheelSource) and names != {name for wheel in source.wheels for name in wheel.members}:
                raise ValueError(f"the archives of {self.id} do not yield exactly its files")
        if not names and self.format != "safetensors":
            raise ValueError(f"{self.id} needs file entries")
        return self


class Catalogue(_Entry):
    """All models that can be fetched."""

    model: tuple[ModelEntry, ...]

    @classmethod
    def load(cls, path: Path | None = None) -> Catalogue:
        """Read ``models.toml`` (the shipped one unless told).

        Raises AppError BAD_INPUT for no TOML, ValueError for an unknown key or a bad value.
        """
        return cls.model_validate(read_toml(path or resource("models.toml")))

    def find(self, model_id: str) -> ModelEntry | None:
        return next((entry for entry in self.model if entry.id == model_id), None)


def require_runnable(architecture: str) -> None:
    """Raise AppError UNSUPPORTED_ARCHITECTURE for a chat model that the engine cannot run."""
    if architecture not in RUNNABLE_ARCHITECTURES:
        raise AppError(
            ErrorCode.UNSUPPORTED_ARCHITECTURE,
            msg("This version cannot run models of the architecture “{name}”.", name=architecture[:200]),
            msg("Choose a model of one of these: {names}.", names=", ".join(sorted(RUNNABLE_ARCHITECTURES))),
        )
