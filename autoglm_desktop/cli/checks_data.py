"""What ``doctor`` looks at in the data folder. Nothing is changed."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from autoglm_desktop.core.errors import AppError
from autoglm_desktop.core.i18n import tr
from autoglm_desktop.store.schema import MIGRATIONS
from autoglm_desktop.store.schema import version as store_version

from .check import Check
from .context import Context, log_path
from .output import as_size

SPARE_DISK_BYTES = 500_000_000
"""Room for conversations, logs and packed tiers once the model is here."""


def disk(context: Context) -> Check:
    folder = _existing(context.paths.data_dir)
    free = shutil.disk_usage(folder).free
    try:
        info = context.library().info(context.settings.model_id)
        needed = SPARE_DISK_BYTES if info.installed else SPARE_DISK_BYTES + (info.needed_bytes or 0)
    except AppError:
        needed = SPARE_DISK_BYTES
    detail = tr("{free} free in {folder}", free=as_size(free), folder=str(folder))
    fix = (
        ""
        if free >= needed
        else tr("{needed} are needed: free some, or use another --data-dir.", needed=as_size(needed))
    )
    return Check("disk", free >= needed, detail, fix)


def data_folder(context: Context) -> Check:
    """Whether it can be written; a folder that is not there yet is judged by its parent."""
    folder = context.paths.data_dir
    try:
        with tempfile.TemporaryFile(dir=_existing(folder)):
            return Check("data_folder", True, str(folder))
    except OSError as error:
        fix = tr("Make it writable, or name another folder with --data-dir.")
        return Check("data_folder", False, f"{folder}: {error.strerror or error}", fix)


def settings(context: Context) -> Check:
    """What reading them told: a file set aside, unknown keys. The application works all the same."""
    path = str(context.paths.settings)
    if not context.notices:
        return Check("settings", True, path, required=False)
    detail = " ".join((f"{path}:", *(str(notice) for notice in context.notices)))
    fix = tr("Look at the file that is named; the valid settings are used.")
    return Check("settings", False, detail, fix, required=False)


def database(context: Context) -> Check:
    path = context.paths.store
    if not path.exists():
        return Check("database", True, tr("No conversations yet."))
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            newer = store_version(connection) > len(MIGRATIONS)
    except sqlite3.Error as error:
        found, newer = str(error), False
    if newer:
        fix = tr("Start the newer version, or move the file away.")
        return Check("database", False, tr("{path} was made by a newer version.", path=str(path)), fix)
    fix = "" if found == "ok" else tr("The next start sets the file aside and begins a new one.")
    return Check("database", found == "ok", f"{path}: {found}", fix)


def model(context: Context) -> Check:
    """The chosen model, every file of it read."""
    library, name = context.library(), context.settings.model_id
    try:
        library.verify(name)
    except AppError as error:
        return Check("model", False, str(error.report.cause), str(error.report.next_step))
    return Check("model", True, tr("{model} is here, its files are intact.", model=name))


def sources(context: Context) -> Check:
    """Why sources were passed over at the last pull."""
    try:
        failures = context.library().source_failures(context.settings.model_id)
    except AppError as error:
        return Check("sources", False, str(error.report.cause), str(error.report.next_step), required=False)
    if not failures:
        return Check("sources", True, tr("No source failed at the last download."), required=False)
    told = "; ".join(
        f"{failure.source}: {failure.reason} ({time.strftime('%Y-%m-%d %H:%M', time.localtime(failure.when_s))})"
        for failure in failures
    )
    return Check(
        "sources", False, told, tr("The next source was used. Check the network if you need this one."), required=False
    )


def logs(context: Context) -> Check:
    files = (context.paths.log, context.paths.engine_log, log_path(context.paths.data_dir))
    found = [str(path) for path in files if path.exists()]
    return Check(
        "log", True, ", ".join(found) or tr("Nothing was logged yet; logs go to {folder}.", folder=str(files[0].parent))
    )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
