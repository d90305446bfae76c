"""The few requests of the X protocol that are needed, by libxcb on a connection of their own."""

from __future__ import annotations

import ctypes
import logging
import struct
from ctypes import c_uint8, c_uint16, c_uint32, c_void_p
from dataclasses import dataclass

log = logging.getLogger(__name__)

_HEAD_BYTES = 32
_ID_MASK_AT = 16
"""Where the server's greeting holds the bits of an id that a connection chooses by itself."""
_VIEWABLE, _INPUT_OUTPUT = 2, 1
_STACK_MODE, _ABOVE, _BELOW, _REVERT_TO_PARENT = 64, 0, 1, 2
_WM_CLASS, _STRING, _CLASS_WORDS = 67, 31, 64


class _Cookie(ctypes.Structure):
    _fields_ = (("sequence", c_uint32),)


@dataclass(frozen=True, slots=True)
class Geometry:
    """Place inside the parent and size, in pixels; the border lies outside of the size."""

    x: int
    y: int
    width: int
    height: int
    border: int


class Xcb:
    """A connection. What is asked of a window that is gone is None or empty; nothing happens to it."""

    def __init__(self, library: ctypes.CDLL, connection: c_void_p) -> None:
        self._library, self._connection = library, connection
        self._free = ctypes.CDLL(None).free
        self._free.argtypes = (c_void_p,)

    @classmethod
    def connect(cls, display: str | None = None) -> Xcb | None:
        """Connect to `display`, else to that of the environment. None where there is no X server, or no libxcb."""
        try:
            library = ctypes.CDLL("libxcb.so.1")
        except OSError as error:
            log.info("no libxcb: %s", error)
            return None
        library.xcb_connect.restype = library.xcb_poll_for_event.restype = c_void_p
        connection = c_void_p(library.xcb_connect(display.encode() if display else None, None))
        if library.xcb_connection_has_error(connection):
            library.xcb_disconnect(connection)
            return None
        return cls(library, connection)

    def close(self) -> None:
        """End the connection; no other call may follow."""
        self._library.xcb_disconnect(self._connection)

    def owner(self, window: int) -> int:
        """The program that made it: the part of the id that all windows of one connection share."""
        self._library.xcb_get_setup.restype = c_void_p
        setup = ctypes.string_at(self._library.xcb_get_setup(self._connection), _ID_MASK_AT + 4)
        return int(window & ~struct.unpack_from("=I", setup, _ID_MASK_AT)[0])

    def parent(self, window: int) -> int:
        """0 for the root window, and for one that is gone."""
        reply = self._ask("query_tree", c_uint32(window))
        return int(struct.unpack_from("=I", reply, 12)[0]) if reply else 0

    def children(self, window: int) -> tuple[int, ...]:
        """The lowest first."""
        reply = self._ask("query_tree", c_uint32(window))
        return struct.unpack_from(f"={struct.unpack_from('=H', reply, 16)[0]}I", reply, _HEAD_BYTES) if reply else ()

    def geometry(self, window: int) -> Geometry | None:
        reply = self._ask("get_geometry", c_uint32(window))
        return Geometry(*struct.unpack_from("=hhHHH", reply, 12)) if reply else None

    def is_painted(self, window: int) -> bool:
        """Whether it and all its parents are mapped, and it is one that shows something."""
        reply = self._ask("get_window_attributes", c_uint32(window))
        return bool(reply) and reply[26] == _VIEWABLE and struct.unpack_from("=H", reply, 12)[0] == _INPUT_OUTPUT

    def classes(self, window: int) -> tuple[str, ...]:
        """The two words of its WM_CLASS: the program's name and its kind."""
        numbers = (c_uint32(number) for number in (window, _WM_CLASS, _STRING, 0, _CLASS_WORDS))
        reply = self._ask("get_property", c_uint8(0), *numbers)
        count = struct.unpack_from("=I", reply, 16)[0] if reply else 0
        return tuple(reply[_HEAD_BYTES : _HEAD_BYTES + count].decode("latin-1").split("\0")[:2])

    def focus(self) -> int:
        """The window that keys go to."""
        reply = self._ask("get_input_focus")
        return int(struct.unpack_from("=I", reply, 8)[0]) if reply else 0

    def stack(self, window: int, *, above: bool) -> None:
        """Put it above or below all its siblings."""
        mode = ctypes.byref(c_uint32(_ABOVE if above else _BELOW))
        self._tell("configure_window", c_uint32(window), c_uint16(_STACK_MODE), mode)

    def give_focus(self, window: int) -> None:
        """Let keys go to it."""
        self._tell("set_input_focus", c_uint8(_REVERT_TO_PARENT), c_uint32(window), c_uint32(0))

    def _ask(self, name: str, *arguments: object) -> bytes:
        """The whole reply; empty when the server refused."""
        request, fetch = (getattr(self._library, f"xcb_{name}{suffix}") for suffix in ("", "_reply"))
        request.restype, fetch.restype = _Cookie, c_void_p
        address = fetch(self._connection, request(self._connection, *arguments), None)
        if not address:
            return b""
        try:
            more = struct.unpack_from("=I", ctypes.string_at(address, 8), 4)[0]
            return ctypes.string_at(address, _HEAD_BYTES + 4 * more)
        finally:
            self._free(address)

    def _tell(self, name: str, *arguments: object) -> None:
        """A request without a reply. Errors arrive as events, which nobody wants."""
        getattr(self._library, f"xcb_{name}")(self._connection, *arguments)
        self._library.xcb_flush(self._connection)
        while event := self._library.xcb_poll_for_event(self._connection):
            self._free(event)
