"""One file over HTTP, resumed where an earlier attempt stopped, and checked."""

from __future__ import annotations

import hashlib
import os
import queue
import re
import shutil
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

import certifi
import httpx

from autoglm_desktop.core.files import replace
from autoglm_desktop.core.i18n import msg

from .failures import SourceFailedError, in_units
from .progress import Monitor

CHUNK_BYTES = 1 << 18
CONNECT_TIMEOUT_S = 4.0
READ_TIMEOUT_S = 8.0
"""A connection that is silent for so long is given up, and another one goes on where it was."""
CHUNK_TIMEOUT_S = 60.0
"""One that is slower than a chunk in this time (4 kB/s) is given up too: it would drip for days."""
RESERVE_BYTES = 1 << 30
"""Left free on the disk by a file whose size nobody tells."""
ATTEMPTS_WITHOUT_PROGRESS = 3
_POLL_S = 0.1
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(?:\d{1,18}|\*)")
_CHUNKS_AHEAD = 8

OnPosition = Callable[[int], None]
"""Called with the bytes of the file that are on disk."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the file must be; None where it is not known. `git_sha1` is git's id of a blob."""

    size: int | None = None
    sha256: str | None = None
    git_sha1: str | None = None


def client(certificates: str | None = None, proxy: str | None = None) -> httpx.Client:
    """A client that trusts the system's certificates, the shipped ones and `certificates` (a file), and that takes
    `proxy`, else the proxies of the environment."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    for extra in (certificates, os.environ.get("REQUESTS_CA_BUNDLE"), os.environ.get("SSL_CERT_FILE")):
        if extra and Path(extra).is_file():
            context.load_verify_locations(extra)
    timeout = httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    return httpx.Client(verify=context, proxy=proxy, timeout=timeout, follow_redirects=True)


@dataclass(frozen=True, slots=True)
class Download:
    """One file to bring from `url` to `target`. What arrives lies in ``<target>.part`` until it is whole and right."""

    http: httpx.Client
    url: str
    target: Path
    expected: Expected
    monitor: Monitor
    on_position: OnPosition
    headers: dict[str, str] = field(default_factory=dict)
    attempts: int = ATTEMPTS_WITHOUT_PROGRESS
    """So many connections may fail in a row without a byte."""

    def run(self) -> None:
        """Raises SourceFailedError (also for wrong bytes, which are thrown away), AppError CANCELLED, OSError."""
        resumed = self._have > 0
        try:
            self._complete_and_check()
        except SourceFailedError as error:
            if not (resumed and error.corrupt):
                raise
            self._complete_and_check()  # the beginning from an earlier attempt was wrong
        replace(self._part, self.target)

    def _complete_and_check(self) -> None:
        """What is wrong is not kept."""
        try:
            self._complete()
            check(self._part, self.expected, self.monitor)
        except SourceFailedError as error:
            if error.corrupt:
                self._part.unlink()
            raise

    @property
    def _part(self) -> Path:
        return self.target.with_name(self.target.name + ".part")

    @property
    def _have(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _complete(self) -> None:
        """Append until it is whole; a connection that breaks is taken up again while there is progress."""
        if urlsplit(self.url).scheme == "file":
            self._copy(Path(url2pathname(urlsplit(self.url).path)))
            return
        attempts = 0
        while self.expected.size is None or self._have != self.expected.size:
            before = self._have
            self.monitor.check()
            try:
                self._stream()
            except httpx.HTTPStatusError as error:
                status = error.response.status_code
                raise SourceFailedError(msg("It answered with status {status}.", status=status)) from error
            except httpx.HTTPError as error:
                attempts = 0 if self._have > before else attempts + 1
                if attempts >= self.attempts:
                    raise SourceFailedError(msg("The connection failed."), details=repr(error)) from error
            else:
                return

    def _stream(self) -> None:
        """Ask for what is missing, and append it; for the whole where the server cannot go on from there."""
        have = self._have
        asked = {**self.headers, "Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with _Reader(self.http, self.url, asked, self.monitor) as reader:
            response = reader.response()
            start = start_of(response, have)
            if start in (have, 0):
                self._write(reader, response, start)
                return
        self._part.unlink()
        self._stream()

    def _write(self, reader: _Reader, response: httpx.Response, start: int) -> None:
        """Take the body, but not a byte more than the file has."""
        limit = self._limit(response, start)
        with self._part.open("ab" if start else "wb") as file:
            self._take(reader.chunks(), file, limit)

    def _take(self, chunks: Iterator[bytes], file: BinaryIO, limit: int) -> None:
        for chunk in chunks:
            if file.tell() + len(chunk) > limit:
                file.truncate(0)  # nothing to go on from
                raise self._too_much(limit)
            file.write(chunk)
            self.on_position(file.tell())
            self.monitor.check()

    def _limit(self, response: httpx.Response, start: int) -> int:
        """Where the file ends: as it is pinned, as the server says, or where the disk would become full."""
        if self.expected.size is not None:
            return self.expected.size
        declared = response.headers.get("Content-Length", "")
        if re.fullmatch(r"\d{1,18}", declared):
            return start + int(declared)
        return start + max(0, shutil.disk_usage(self.target.parent).free - RESERVE_BYTES)

    def _too_much(self, limit: int) -> SourceFailedError:
        name, size = self.target.name, in_units(limit)
        return SourceFailedError(
            msg("It sent more than the {size} that the file {name} has.", size=size, name=name),
            details=f"more than {limit} bytes",
            corrupt=True,
        )

    def _copy(self, source: Path) -> None:
        try:
            with source.open("rb") as read, self._part.open("wb") as write:
                limit = source.stat().st_size if self.expected.size is None else self.expected.size
                self._take(iter(lambda: read.read(CHUNK_BYTES), b""), write, limit)
        except FileNotFoundError as error:
            raise SourceFailedError(msg("The connection failed."), details=repr(error)) from error


class _Reader:
    """Reads one response on a thread of its own, since a read that stalls cannot be interrupted: the wish to stop is
    polled meanwhile. An abandoned thread ends with its read, and writes nothing."""

    def __init__(self, http: httpx.Client, url: str, headers: dict[str, str], monitor: Monitor) -> None:
        self._http, self._url, self._headers, self._monitor = http, url, headers, monitor
        self._arrived: queue.Queue[httpx.Response | bytes | Exception | None] = queue.Queue(_CHUNKS_AHEAD)
        self._left = threading.Event()

    def __enter__(self) -> _Reader:
        threading.Thread(target=self._read, name="download", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()

    def response(self) -> httpx.Response:
        """Status and headers. Raises httpx.HTTPError, AppError CANCELLED."""
        first = self._next()
        assert isinstance(first, httpx.Response)
        return first

    def chunks(self) -> Iterator[bytes]:
        """The body. Raises as `response` does."""
        while isinstance(chunk := self._next(), bytes):
            yield chunk

    def _next(self) -> httpx.Response | bytes | None:
        asked_s = time.monotonic()
        while True:
            try:
                found = self._arrived.get(timeout=_POLL_S)
            except queue.Empty:
                self._monitor.check()
                if time.monotonic() - asked_s > CHUNK_TIMEOUT_S:
                    raise httpx.ReadTimeout(f"no {CHUNK_BYTES} bytes within {CHUNK_TIMEOUT_S} s") from None
                continue
            if isinstance(found, Exception):
                raise found
            return found

    def _read(self) -> None:
        try:
            with self._http.stream("GET", self._url, headers=self._headers) as response:
                self._hand(response)
                for chunk in response.iter_raw(CHUNK_BYTES):
                    if not self._hand(chunk):
                        return
            self._hand(None)
        except Exception as error:  # noqa: BLE001 - raised again where it is read
            self._hand(error)

    def _hand(self, item: httpx.Response | bytes | Exception | None) -> bool:
        """Hand over what arrived; False when nobody waits for it any more."""
        while not self._left.is_set():
            try:
                self._arrived.put(item, timeout=_POLL_S)
            except queue.Full:
                continue
            return True
        return False


def start_of(response: httpx.Response, have: int) -> int:
    """Where the body begins in the file; -1 where the server cannot go on after `have` bytes.

    Raises httpx.HTTPStatusError, SourceFailedError for an answer that is none to what was asked.
    """
    if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and have:
        return -1
    response.raise_for_status()
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise SourceFailedError(msg("It sent the file compressed ({encoding}), unasked.", encoding=encoding[:20]))
    if response.status_code == httpx.codes.OK:
        return 0
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if response.status_code == httpx.codes.PARTIAL_CONTENT and found and int(found[1]) == have:
        return have
    if response.status_code == httpx.codes.PARTIAL_CONTENT and have:
        return -1
    raise SourceFailedError(msg("It answered with status {status}.", status=response.status_code))


def holds(path: Path, expected: Expected, monitor: Monitor) -> bool:
    """Whether the file is there and right. A wrong one is removed: it would be in the way of every later try."""
    if not path.exists():
        return False
    try:
        check_or_discard(path, expected, monitor)
    except SourceFailedError:
        return False
    return True


def check_or_discard(path: Path, expected: Expected, monitor: Monitor) -> None:
    """`check`, and remove the file when it is wrong."""
    try:
        check(path, expected, monitor)
    except SourceFailedError:
        path.unlink()
        raise


def check(path: Path, expected: Expected, monitor: Monitor) -> None:
    """Compare size and hash. Raises SourceFailedError (corrupt)."""
    size = path.stat().st_size
    if expected.size is not None and size != expected.size:
        raise _wrong(path, f"{size} bytes instead of {expected.size}")
    for wanted, algorithm, prefix in (
        (expected.sha256, hashlib.sha256(), b""),
        (expected.git_sha1, hashlib.sha1(usedforsecurity=False), b"blob %d\0" % size),
    ):
        if wanted is None:
            continue
        algorithm.update(prefix)
        found = file_hash(path, algorithm, monitor)
        if found != wanted:
            raise _wrong(path, f"{algorithm.name} {found} instead of {wanted}")


def file_hash(path: Path, algorithm: hashlib._Hash, monitor: Monitor) -> str:
    """The hex digest of a file; stops when the user asks to."""
    buffer = memoryview(bytearray(1 << 20))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            algorithm.update(buffer[:count])
            monitor.check()
    return algorithm.hexdigest()


def _wrong(path: Path, details: str) -> SourceFailedError:
    name = path.name.removesuffix(".part")
    return SourceFailedError(
        msg("The file {name} did not have the expected content.", name=name), details=details, corrupt=True
    )
