"""Whatever a model file holds: it is added and loads, or it is refused with a cause and a next step."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from autoglm_desktop.core.errors import AppError, ErrorCode
from tests.helpers import raw_gguf
from tests.helpers.adding import add
from tests.helpers.raw_gguf import RawGguf, array, raw_tiny_gguf, scalar, text, u32

WHOLE = raw_tiny_gguf()
ODD = st.one_of(
    st.integers(0, 2**32 - 1).map(u32),
    st.integers(-(2**31), 2**31 - 1).map(lambda value: scalar(raw_gguf.I32, value)),
    st.floats(width=32).map(lambda value: scalar(raw_gguf.F32, value)),
    st.binary(max_size=12).map(text),
    st.lists(st.binary(max_size=4), max_size=4).map(lambda items: array(raw_gguf.STRING, items)),
    st.lists(st.integers(0, 300), max_size=4).map(lambda items: array(raw_gguf.U32, items)),
    st.integers(0, 2**64 - 1).map(lambda count: array(raw_gguf.STRING, [], count)),
    st.binary(min_size=4, max_size=20),
)
REFUSALS = (
    ErrorCode.WEIGHTS_CORRUPT,
    ErrorCode.UNSUPPORTED_ARCHITECTURE,
    ErrorCode.TEMPLATE_BROKEN,
    ErrorCode.BAD_INPUT,
)
OTHER_KEYS = ("rope.dimension_count", "rope.scaling.type", "rope.scaling.factor", "attention.key_length")


def fate(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "m.gguf")
        path.write_bytes(content)
        try:
            add(path, Path(name, "data"))
        except AppError as error:
            report = error.report
        else:
            return
    assert report.code in REFUSALS
    assert str(report.cause).strip()
    assert str(report.next_step).strip()


@given(key=st.sampled_from([*WHOLE.fields, *(f"qwen2.{key}" for key in OTHER_KEYS)]), value=st.none() | ODD)
@settings(max_examples=60, deadline=None)
def test_any_field_may_hold_anything(key: str, value: bytes | None) -> None:
    fields = {name: held for name, held in WHOLE.fields.items() if name != key}
    fate(RawGguf(fields if value is None else fields | {key: value}, WHOLE.tensors).to_bytes())


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_any_byte_of_the_header_may_be_wrong_and_the_end_may_be_missing(data: st.DataObject) -> None:
    content = bytearray(WHOLE.to_bytes())
    for place in data.draw(st.lists(st.integers(0, 6000), max_size=4)):
        content[place] ^= data.draw(st.integers(1, 255))
    fate(bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2, 3000, 30]))]))
