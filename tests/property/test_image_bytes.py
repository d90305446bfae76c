"""Damaged images: whatever the bytes, there is an image or a sentence."""

from __future__ import annotations

import io

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from autoglm_desktop.assistant.image_intake import take_in
from autoglm_desktop.core.errors import AppError, ErrorCode
from tests.helpers.images import encoded, pattern

SOURCES = [encoded(pattern(), name) for name in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000")]


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(SOURCES),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=12),
    st.floats(0.2, 1.0),
)
def test_a_damaged_file_is_an_image_or_a_sentence(source: bytes, changes: list[tuple[float, int]], kept: float) -> None:
    data = bytearray(source[: int(len(source) * kept)])
    for place, value in changes:
        data[int(place * len(data))] = value
    try:
        taken = take_in(bytes(data), name="x")
    except AppError as error:
        if error.report.code is not ErrorCode.BAD_INPUT:
            raise
        return
    with Image.open(io.BytesIO(taken.data)) as image:
        assert image.size == (taken.part.width, taken.part.height)
        assert image.format in {"PNG", "JPEG"}
