"""Kept and temporary conversations behind one face: which store holds what."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

from autoglm_desktop.core.conversation import Node
from autoglm_desktop.core.messages import ImagePart
from autoglm_desktop.core.perception import ImageReading
from autoglm_desktop.store.attachments import PrivateAttachments
from autoglm_desktop.store.store import Store


class GuestImages:
    """Images of requests that keep nothing, each for as long as a request needs it. Callable from any thread."""

    def __init__(self, parent: Path | None) -> None:
        self.files = PrivateAttachments(parent)
        self._lock = threading.Lock()
        self._uses: Counter[str] = Counter()

    def hold(self, data: bytes, media_type: str) -> None:
        """Until it was released as often as it was held."""
        with self._lock:
            self._uses[self.files.put(data, media_type)] += 1

    def release(self, sha256: str) -> None:
        with self._lock:
            self._uses[sha256] -= 1
            if self._uses[sha256] <= 0:
                del self._uses[sha256]
                self.files.remove(sha256)


class Shelf:
    """The store on the disk and its twin in memory. Callable from any thread, as the stores are.

    Images that were taken in lie with the temporary ones, which end with the process, until a kept message has them.
    """

    def __init__(self, kept: Store) -> None:
        self.kept = kept
        private = kept.path.parent / "private" if kept.path is not None else None
        self.temporary = Store(None, private=private)
        self.guests = GuestImages(private)

    def of_conversation(self, conversation_id: str) -> Store:
        """The store that holds the conversation; the one on the disk when neither does."""
        return self.temporary if self.temporary.holds(conversation_id) else self.kept

    def of_node(self, node_id: str) -> tuple[Store, Node]:
        """The node with its store. Raises AppError BAD_INPUT when neither has it."""
        found = self.temporary.find_node(node_id)
        return (self.temporary, found) if found is not None else (self.kept, self.kept.node(node_id))

    def put_image(self, data: bytes, media_type: str) -> None:
        """Hold the bytes until a message has them, or the process ends."""
        self.temporary.attachments.put(data, media_type)

    def image_path(self, sha256: str) -> Path | None:
        """The file of an image, kept or not; None when it is gone."""
        places = (self.kept.attachments, self.temporary.attachments, self.guests.files)
        return next(filter(None, (place.path(sha256) for place in places)), None)

    def image_bytes(self, part: ImagePart) -> bytes | None:
        """The bytes of an image, whole; None when they are gone."""
        places = (self.kept.attachments, self.temporary.attachments, self.guests.files)
        return next(filter(None, (place.read(part.sha256) for place in places)), None)

    def find_reading(self, sha256: str) -> ImageReading | None:
        """What was read in an image of a message."""
        return self.temporary.find_reading(sha256) or self.kept.find_reading(sha256)

    def keep_reading(self, sha256: str, reading: ImageReading) -> None:
        """Keep what was read in an image with the messages that have it."""
        for store in (self.temporary, self.kept):
            store.keep_reading(sha256, reading)

    def close(self) -> None:
        """Close them. Idempotent."""
        self.guests.files.close()
        self.temporary.close()
        self.kept.close()
