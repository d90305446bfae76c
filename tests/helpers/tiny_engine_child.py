"""The real engine process around the tiny model: ``python -m tests.helpers.tiny_engine_child``."""

from autoglm_desktop.engine.process import main
from tests.helpers.tiny_model import tiny_runtime

if __name__ == "__main__":
    main(load_runtime=lambda: tiny_runtime(context_tokens=1_000_000))
