"""How much of images and sound is taken in at once: what lies beyond is refused with a sentence, before any work."""

from __future__ import annotations

MAX_IMAGES_PER_MESSAGE = 8
MAX_IMAGE_PIXELS = 100_000_000
"""Width times height, read from the head of the file before anything is decoded."""
MAX_SENT_IMAGE_PIXELS = 40_000_000
"""Of an image that comes over HTTP: decoded, it takes some 15 bytes a pixel for a moment."""
MAX_IMAGE_FILE_BYTES = 64 << 20
MAX_AUDIO_S = 2 * 3600.0
"""Length of a recording in seconds."""
MAX_AUDIO_FILE_BYTES = 2 << 30
"""More than two hours of uncompressed stereo at 96 kHz and 16 bit take; what is larger is not even opened."""
MAX_RECORDINGS_AT_ONCE = 20
"""Sound files that are written down in the window one after the other."""
