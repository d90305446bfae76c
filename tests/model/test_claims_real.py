"""One of the guide's claims, measured on real weights by the command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.real_models import SMOLLM, real_model

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]


def test_the_reuse_of_the_cache_is_measured(shared_data_dir: Path) -> None:
    real_model(shared_data_dir, SMOLLM)
    done = subprocess.run(
        [sys.executable, "-m", "autoglm_desktop", "claims", "--only", "kv-reuse", "--model", SMOLLM, "--json"],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (claim,) = told["claims"]
    assert told["model"] == SMOLLM
    assert claim["id"] == "kv-reuse"
    assert 0.0 < claim["figures"]["this_machine"] < 1.0
    assert claim["figures"]["guide"] == 0.52
