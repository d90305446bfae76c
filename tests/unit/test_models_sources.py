"""The two kinds of sources against a loopback: pip's index and the hub."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

import certifi
import pytest

from autoglm_desktop.core.errors import AppError, ErrorCode
from autoglm_desktop.models.catalogue import HubSource
from autoglm_desktop.models.failures import SourceFailedError
from autoglm_desktop.models.fetch import Sources
from autoglm_desktop.models.hub import HuggingFaceHub, within
from autoglm_desktop.models.library import ModelLibrary
from autoglm_desktop.models.package_index import PipIndex
from autoglm_desktop.models.progress import Monitor, silent
from tests.helpers.loopback import Loopback, Page
from tests.helpers.model_fixtures import loopback_index, server
from tests.helpers.model_sources import make_wheel, publish

__all__ = ["loopback_index", "server"]

SOURCE = HubSource(kind="hub", repo="tiny/tiny")


def test_pip_tells_addresses_without_fetching_archives(loopback_index: Loopback) -> None:
    first = publish(loopback_index, "some-part1", "1.0", make_wheel("some-part1", "1.0", {"a/b": b"x"}))
    second = publish(loopback_index, "some-part2", "2.1", make_wheel("some-part2", "2.1", {"a/c": b"y"}))
    found = PipIndex().locate(["some-part1==1.0", "Some_Part2==2.1"], silent())
    assert found.addresses == {
        "some-part1==1.0": loopback_index.url + first,
        "Some_Part2==2.1": loopback_index.url + second,
    }
    assert not loopback_index.asked(first)


def test_pip_fetches_as_a_fallback(loopback_index: Loopback, tmp_path: Path) -> None:
    wheel = make_wheel("some", "1.0", {"a/b": b"x"})
    publish(loopback_index, "some", "1.0", wheel)
    assert PipIndex().fetch("some==1.0", tmp_path, silent(), max_bytes=len(wheel)).read_bytes() == wheel


def test_an_index_without_the_archive(loopback_index: Loopback, tmp_path: Path) -> None:
    assert PipIndex().locate(["nothing-here==1.0"], silent()).addresses == {}
    with pytest.raises(SourceFailedError) as caught:
        PipIndex().fetch("nothing-here==1.0", tmp_path, silent(), max_bytes=1)
    assert "nothing-here" in caught.value.details


def test_an_environment_without_pip_says_so(tmp_path: Path) -> None:
    without = tmp_path / "python"
    without.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    without.chmod(0o755)
    index = PipIndex(str(without))
    assert index.locate(["x==1"], silent()).addresses == {}
    with pytest.raises(SourceFailedError) as caught:
        index.fetch("x==1", tmp_path, silent(), max_bytes=1)
    assert "No module named pip" in caught.value.details


def test_a_wish_to_stop_ends_pip(loopback_index: Loopback) -> None:
    page = Page(b"<html></html>", hold_after=0)
    loopback_index.pages["/simple/slow/"] = page
    with pytest.raises(AppError) as caught:
        PipIndex().locate(["slow==1"], Monitor(lambda _: None, page.held.is_set))
    assert caught.value.report.code is ErrorCode.CANCELLED


def test_certificates_and_proxy_of_pips_configuration(
    loopback_index: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(loopback_index, "some", "1.0", make_wheel("some", "1.0", {"a/b": b"x"}))
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\ncert = {certifi.where()}\nproxy = {loopback_index.url}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    found = PipIndex().locate(["some==1.0"], silent())
    assert (found.certificates, found.proxy) == (certifi.where(), loopback_index.url)


def _describe(server: Loopback, files: list[dict[str, object]]) -> None:
    answer = {"id": "tiny/tiny", "sha": "c0ffee", "cardData": {"license": "mit"}, "siblings": files}
    server.pages["/api/models/tiny/tiny"] = Page(json.dumps(answer).encode())


def test_the_hub_describes_a_repository(server: Loopback) -> None:
    large = {
        "rfilename": "model.safetensors",
        "size": 9,
        "blobId": "a",
        "lfs": {"size": 9, "sha256": "b" * 64, "pointerSize": 1},
    }
    _describe(
        server,
        [large, {"rfilename": "config.json", "size": 5, "blobId": "c" * 40}, {"rfilename": "model.py", "size": 1}],
    )
    repo = HuggingFaceHub(server.url).describe(SOURCE, silent())
    assert (repo.commit, repo.license) == ("c0ffee", "mit")
    assert [file.name for file in repo.model_files] == ["model.safetensors", "config.json"]
    assert repo.files[0].expected.sha256 == "b" * 64
    assert repo.files[1].expected.git_sha1 == "c" * 40


def test_a_hub_that_takes_the_connection_and_never_answers_is_given_up_within_its_time(server: Loopback) -> None:
    server.pages["/api/models/tiny/tiny"] = page = Page(b"{}", hold_after=0)
    started_s = time.monotonic()
    with pytest.raises(SourceFailedError):
        HuggingFaceHub(server.url, answer_within_s=1.0).describe(SOURCE, silent())
    assert time.monotonic() - started_s < 30.0, "the server holds the answer for ever"
    page.released.set()


def test_a_name_lookup_that_hangs_is_given_up_within_its_time() -> None:
    over = threading.Event()
    with pytest.raises(SourceFailedError, match="did not answer"):
        within(0.2, over.wait, silent())
    over.set()


def test_a_hub_that_knows_nothing(server: Loopback) -> None:
    with pytest.raises(SourceFailedError) as caught:
        HuggingFaceHub(server.url).describe(SOURCE, silent())
    assert "404" in caught.value.details


@pytest.mark.parametrize(
    "name",
    [
        "../../escape.safetensors", "/etc/escape.safetensors", "C:\\escape.safetensors", "a\\escape.safetensors",
        "sub/../../escape.safetensors", "nul.safetensors", "x\u0000.safetensors", "a" * 300 + ".safetensors",
        "../config.json.safetensors", "C:escape.safetensors",
    ],
)  # fmt: skip
def test_a_hub_that_names_a_path_is_refused_by_that_name(server: Loopback, tmp_path: Path, name: str) -> None:
    config = {"rfilename": "config.json", "size": 2, "blobId": "0" * 40}
    _describe(server, [{"rfilename": name, "size": 6, "blobId": "0" * 40}, config])
    library = ModelLibrary(tmp_path / "data", sources=Sources(HuggingFaceHub(server.url), PipIndex()))
    server.pages["/api/models/Qwen/Qwen3-0.6B"] = server.pages["/api/models/tiny/tiny"]
    with pytest.raises(AppError, match="no plain one") as caught:
        library.pull("qwen3-0.6b", lambda _: None, lambda: False)
    assert caught.value.report.code is ErrorCode.DOWNLOAD_FAILED
    assert [each.name for each in tmp_path.iterdir()] == ["data"]
    assert not list(tmp_path.rglob("*escape*"))
    with pytest.raises(AppError, match="no plain one"):
        library.offer("qwen3-0.6b")


def test_names_that_differ_in_case_alone_are_refused(server: Loopback) -> None:
    names = ("model.safetensors", "MODEL.safetensors")
    _describe(server, [{"rfilename": name, "size": 1, "blobId": "0" * 40} for name in names])
    with pytest.raises(SourceFailedError, match="twice"):
        _ = HuggingFaceHub(server.url).describe(SOURCE, silent()).model_files


def test_other_forms_of_a_model_in_folders_of_its_repository_are_left(server: Loopback) -> None:
    names = ("model.safetensors", "onnx/model.safetensors", "original/consolidated.safetensors")
    _describe(server, [{"rfilename": name, "size": 1, "blobId": "0" * 40} for name in names])
    found = HuggingFaceHub(server.url).describe(SOURCE, silent()).model_files
    assert [file.name for file in found] == ["model.safetensors"]


@pytest.mark.parametrize(
    "described",
    [
        {"siblings": [{"rfilename": None, "size": 1}]},
        {"siblings": [{"rfilename": "config.json", "size": "many"}]},
        {"siblings": [{"rfilename": "config.json", "size": -1}]},
        {"siblings": [{"rfilename": "config.json", "size": 1, "lfs": {"sha256": 3, "size": 1, "pointerSize": 1}}]},
        {"sha": "../../x"},
        {"sha": None},
        {"siblings": 7},
    ],
)
def test_a_description_that_makes_no_sense_is_a_failed_source(server: Loopback, described: dict[str, object]) -> None:
    answer = {"id": "tiny/tiny", "sha": "c0ffee", "siblings": []} | described
    server.pages["/api/models/tiny/tiny"] = Page(json.dumps(answer).encode())
    with pytest.raises(SourceFailedError):
        HuggingFaceHub(server.url).describe(SOURCE, silent())


def test_pip_is_ended_when_it_gets_more_than_the_archive_has(loopback_index: Loopback, tmp_path: Path) -> None:
    path = publish(loopback_index, "some", "1.0", make_wheel("some", "1.0", {"a/b": b"x"}))
    page = loopback_index.pages[path]
    page.headers["Content-Length"], page.endless = "", True
    with pytest.raises(SourceFailedError, match="more than"):
        PipIndex().fetch("some==1.0", tmp_path, silent(), max_bytes=1000)
    page.released.set()
