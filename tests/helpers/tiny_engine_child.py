"""The real engine process around the tiny model: ``python -m tests.helpers.tiny_engine_child``.

Its eyes and ears are the tests' own; a file whose name begins with "slow" takes a step after the other until the work
is cancelled.
"""

from autoglm_desktop.engine.process import main
from tests.helpers.senses import FakeSenses
from tests.helpers.tiny_model import tiny_runtime

if __name__ == "__main__":
    main(load_runtime=lambda: tiny_runtime(context_tokens=1_000_000), load_senses=lambda: FakeSenses().loaders())
