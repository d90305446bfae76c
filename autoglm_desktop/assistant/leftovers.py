"""Temporary files of a kiosk's visitors: how they are removed, also by the start after a power cut."""

from __future__ import annotations

from pathlib import Path


def remove_files(folder: Path) -> tuple[str, ...]:
    """Remove every file below `folder`, whoever still has it open; folders stay, for whoever made them uses them.

    Makes `folder` if it is not there. Returns what could not be removed, and why: it is to be tried again.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    left = []
    for path in folder.rglob("*"):
        if path.suffix != ".lock" and (path.is_symlink() or not path.is_dir()):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                left.append(f"{path.name}: {error.strerror}")
    return tuple(left)
