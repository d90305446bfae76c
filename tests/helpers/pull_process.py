"""Pulls a model in a process of its own: ``pull_process.py DATA_DIR CATALOGUE MODEL [STAGE]``.

With STAGE it prints ``held`` at the first progress of that stage and waits for a line on stdin. Ends with ``pulled``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from autoglm_desktop.models.catalogue import Catalogue
from autoglm_desktop.models.library import ModelLibrary, PullProgress


def main() -> None:
    data_dir, catalogue, model_id, *rest = sys.argv[1:]
    holds = list(rest)

    def on_progress(progress: PullProgress) -> None:
        if holds and progress.stage == holds[0]:
            holds.clear()
            print("held", flush=True)
            sys.stdin.readline()

    library = ModelLibrary(Path(data_dir), catalogue=Catalogue.load(Path(catalogue)))
    library.pull(model_id, on_progress, lambda: False)
    print("pulled", flush=True)


if __name__ == "__main__":
    main()
