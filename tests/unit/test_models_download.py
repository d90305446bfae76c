"""One file over HTTP: resumed, checked, stopped."""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from autoglm_desktop.core import files
from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.models import download
from autoglm_desktop.models.download import CHUNK_BYTES, Download, Expected, client
from autoglm_desktop.models.failures import SourceFailedError
from autoglm_desktop.models.progress import Monitor, silent
from tests.helpers.loopback import Loopback, Page
from tests.helpers.model_fixtures import server

__all__ = ["server"]

BODY = bytes(range(256)) * 8000
EXPECTED = Expected(len(BODY), hashlib.sha256(BODY).hexdigest())


@pytest.fixture
def http(monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    with client() as made:
        yield made


def _download(http: httpx.Client, server: Loopback, target: Path, monitor: Monitor | None = None) -> list[int]:
    positions: list[int] = []
    Download(http, f"{server.url}/file", target, EXPECTED, monitor or silent(), positions.append).run()
    return positions


def test_it_arrives_and_tells_its_position(http: httpx.Client, server: Loopback, tmp_path: Path) -> None:
    server.pages["/file"] = Page(BODY)
    positions = _download(http, server, tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY
    assert positions == sorted(positions)
    assert positions[-1] == len(BODY)
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_partial_file_is_resumed_where_it_ends(http: httpx.Client, server: Loopback, tmp_path: Path) -> None:
    server.pages["/file"] = Page(BODY)
    (tmp_path / "f.part").write_bytes(BODY[:1000])
    positions = _download(http, server, tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY
    assert [request.range for request in server.requests] == ["bytes=1000-"]
    assert positions[0] > 1000


def test_a_server_without_ranges_sends_it_all_again(http: httpx.Client, server: Loopback, tmp_path: Path) -> None:
    server.pages["/file"] = Page(BODY, ranges=False)
    (tmp_path / "f.part").write_bytes(BODY[:1000])
    _download(http, server, tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY


def test_a_connection_that_breaks_is_taken_up_again(http: httpx.Client, server: Loopback, tmp_path: Path) -> None:
    server.pages["/file"] = Page(BODY, cut_after=300_000)
    _download(http, server, tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY
    first, second = (request.range for request in server.requests)
    assert first is None
    assert second is not None


@pytest.mark.parametrize("length", [1000, len(BODY), len(BODY) + 5])
def test_a_wrong_beginning_is_thrown_away_and_all_fetched_anew(
    http: httpx.Client, server: Loopback, tmp_path: Path, length: int
) -> None:
    server.pages["/file"] = Page(BODY)
    (tmp_path / "f.part").write_bytes(b"x" * length)
    _download(http, server, tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY


@pytest.mark.parametrize("body", [BODY[:-1], BODY + b"x", b"x" * len(BODY)], ids=["short", "long", "other"])
def test_wrong_content_is_refused_and_not_kept(
    http: httpx.Client, server: Loopback, tmp_path: Path, body: bytes
) -> None:
    server.pages["/file"] = Page(body)
    with pytest.raises(SourceFailedError) as caught:
        _download(http, server, tmp_path / "f")
    assert caught.value.corrupt
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_names_the_status(http: httpx.Client, server: Loopback, tmp_path: Path) -> None:
    with pytest.raises(SourceFailedError, match="404"):
        _download(http, server, tmp_path / "f")


def test_nobody_there(http: httpx.Client, tmp_path: Path) -> None:
    nowhere = Download(http, "http://127.0.0.1:9/file", tmp_path / "f", EXPECTED, silent(), lambda _: None)
    with pytest.raises(SourceFailedError, match="connection failed"):
        nowhere.run()


def test_stopping_keeps_what_has_arrived(http: httpx.Client, server: Loopback, tmp_path: Path) -> None:
    server.pages["/file"] = Page(BODY)
    stopped = Monitor(lambda _: None, lambda: bool(server.requests))
    with pytest.raises(AppError) as caught:
        _download(http, server, tmp_path / "f", stopped)
    assert caught.value.report.code is ErrorCode.CANCELLED
    kept = (tmp_path / "f.part").read_bytes()
    assert 0 < len(kept) < len(BODY)
    assert kept == BODY[: len(kept)]


def test_a_stalled_transfer_can_be_stopped(http: httpx.Client, server: Loopback, tmp_path: Path) -> None:
    server.pages["/file"] = Page(BODY, hold_after=300_000)
    looks = itertools.count()
    with pytest.raises(AppError) as caught:  # more often asked than there are chunks before the stall
        _download(http, server, tmp_path / "f", Monitor(lambda _: None, lambda: next(looks) > 8))
    assert caught.value.report.code is ErrorCode.CANCELLED
    assert len(server.requests) == 1
    assert (tmp_path / "f.part").read_bytes() == BODY[:CHUNK_BYTES]


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_stalled_transfer_is_given_up(server: Loopback, tmp_path: Path, attempts: int) -> None:
    server.pages["/file"] = Page(BODY, hold_after=0)
    with httpx.Client(timeout=0.2) as http, pytest.raises(SourceFailedError, match="connection failed"):
        Download(
            http, f"{server.url}/file", tmp_path / "f", EXPECTED, silent(), lambda _: None, attempts=attempts
        ).run()
    assert len(server.requests) == attempts


def test_a_local_mirror_is_copied(http: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "mirror").write_bytes(BODY)
    Download(http, (tmp_path / "mirror").as_uri(), tmp_path / "f", EXPECTED, silent(), lambda _: None).run()
    assert (tmp_path / "f").read_bytes() == BODY
    with pytest.raises(SourceFailedError):
        Download(http, (tmp_path / "no").as_uri(), tmp_path / "g", EXPECTED, silent(), lambda _: None).run()


def test_gits_blob_id_is_checked(http: httpx.Client, server: Loopback, tmp_path: Path) -> None:
    server.pages["/file"] = Page(b"hello\n")
    known = "ce013625030ba8dba906f756967f9e9ca394464a"  # `git hash-object` of it
    Download(http, f"{server.url}/file", tmp_path / "f", Expected(6, git_sha1=known), silent(), lambda _: None).run()
    wrong = Expected(6, git_sha1="0" * 40)
    with pytest.raises(SourceFailedError):
        Download(http, f"{server.url}/file", tmp_path / "g", wrong, silent(), lambda _: None).run()


def test_it_stops_at_the_size_that_the_file_has(http: httpx.Client, server: Loopback, tmp_path: Path) -> None:
    server.pages["/file"] = page = Page(b"", headers={"Content-Length": ""}, endless=True)
    with pytest.raises(SourceFailedError, match="more than") as caught:
        _download(http, server, tmp_path / "f")
    page.released.set()
    assert caught.value.corrupt
    assert page.sent_bytes < 100 * len(BODY)
    assert list(tmp_path.iterdir()) == []


def test_a_size_that_the_server_alone_tells_is_the_bound(
    http: httpx.Client, server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.pages["/file"] = Page(BODY)
    unknown = Download(http, f"{server.url}/file", tmp_path / "f", Expected(), silent(), lambda _: None)
    unknown.run()
    assert (tmp_path / "f").read_bytes() == BODY
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=download.RESERVE_BYTES + 1000))
    server.pages["/file"] = Page(BODY, headers={"Content-Length": ""})
    with pytest.raises(SourceFailedError, match="more than"):
        Download(http, f"{server.url}/file", tmp_path / "g", Expected(), silent(), lambda _: None).run()
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize(
    "content_range",
    [f"bytes 0-{len(BODY) - 1}/{len(BODY)}", f"bytes 999-{len(BODY) - 1}/{len(BODY)}", "", "nonsense", "bytes */5"],
)
def test_a_part_that_was_not_asked_for_is_not_appended(
    http: httpx.Client, server: Loopback, tmp_path: Path, content_range: str
) -> None:
    server.pages["/file"] = Page(BODY, headers={"Content-Range": content_range})
    (tmp_path / "f.part").write_bytes(BODY[:1000])
    _download(http, server, tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY
    assert [request.range for request in server.requests] == ["bytes=1000-", None]


@pytest.mark.parametrize("encoding", ["gzip", "br", "Deflate"])
def test_a_compressed_answer_is_refused_by_name(
    http: httpx.Client, server: Loopback, tmp_path: Path, encoding: str
) -> None:
    server.pages["/file"] = Page(BODY, headers={"Content-Encoding": encoding})
    with pytest.raises(SourceFailedError, match="compressed"):
        _download(http, server, tmp_path / "f")
    assert not (tmp_path / "f").exists()


def test_a_server_that_drips_is_given_up(
    http: httpx.Client, server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "CHUNK_TIMEOUT_S", 0.5)
    server.pages["/file"] = page = Page(b"", headers={"Content-Length": str(len(BODY))}, drip=True)
    dripping = Download(http, f"{server.url}/file", tmp_path / "f", EXPECTED, silent(), lambda _: None, attempts=1)
    with pytest.raises(SourceFailedError) as caught:
        dripping.run()
    page.released.set()
    assert "ReadTimeout" in caught.value.details


def test_a_local_mirror_with_more_than_the_file_has(http: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "mirror").write_bytes(BODY + b"x")
    with pytest.raises(SourceFailedError, match="more than"):
        Download(http, (tmp_path / "mirror").as_uri(), tmp_path / "f", EXPECTED, silent(), lambda _: None).run()
    assert [path.name for path in tmp_path.iterdir()] == ["mirror"]


def test_the_file_rests_on_the_disk_before_it_has_its_name(
    http: httpx.Client, server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut after the renaming must not leave a whole name over half the bytes."""
    steps: list[str] = []
    flush, rename = files.flush, Path.replace

    def flushed(path: Path) -> None:
        steps.append(f"flush {path.name}")
        flush(path)

    def renamed(path: Path, target: Path) -> Path:
        steps.append(f"rename to {target.name}")
        return rename(path, target)

    monkeypatch.setattr(files, "flush", flushed)
    monkeypatch.setattr(Path, "replace", renamed)
    server.pages["/file"] = Page(BODY)
    _download(http, server, tmp_path / "f")
    assert steps == ["flush f.part", "rename to f", f"flush {tmp_path.name}"]
