"""The description of a decoder, as every part of the engine takes it; it is checked in `core.checkpoint_config`."""

from autoglm_desktop.core.checkpoint_config import read as read_config
from autoglm_desktop.core.decoder_config import ModelConfig, RopeConfig

__all__ = ["ModelConfig", "RopeConfig", "read_config"]
