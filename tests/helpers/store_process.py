"""A process that uses a store of its own accord, for tests that kill it or run it beside another.

``stream PATH``: sends a prompt, streams an answer, prints what it has stored, then waits to be killed.
``read PATH``: sends a prompt with an image, prints the conversation's id while the image is read, then waits.
``write PATH NAME COUNT``: adds COUNT messages to a conversation named NAME.
``open PATH``: opens the store and prints how many notices there were.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from autoglm_desktop.assistant.assistant import Assistant
from autoglm_desktop.assistant.events import AssistantEvent, NodeDelta
from autoglm_desktop.core.messages import Role
from autoglm_desktop.core.settings import Settings
from autoglm_desktop.engine.scripted import Hold, Reply, ScriptedEngine, Senses
from autoglm_desktop.store.store import Store
from tests.helpers.assistants import Installed
from tests.helpers.images import picture
from tests.helpers.trees import node, stored

PROMPT = "写一首诗 about the sea"
REPLY = "The sea is wide, 海很宽, and it never ends."


def stream(path: Path) -> None:
    hold = Hold()
    engine = ScriptedEngine([Reply(REPLY, hold=hold, hold_after=12)])
    assistant = Assistant(engine, Store(path), Installed(), Settings())
    assistant._runner._save_every_s = 0.0
    arrived: list[str] = []

    def listen(event: AssistantEvent) -> None:
        if isinstance(event, NodeDelta):
            arrived.append(event.text)

    assistant.subscribe(listen)
    answer = assistant.send(assistant.new_conversation().id, PROMPT)
    assert hold.reached.wait(10)
    print(answer.conversation_id, flush=True)
    print("".join(arrived), flush=True)
    threading.Event().wait()


def read(path: Path) -> None:
    hold = Hold()
    engine = ScriptedEngine([Reply(REPLY)], senses=Senses(hold=hold))
    assistant = Assistant(engine, Store(path), Installed(), Settings())
    image = assistant.take_in_image(picture(), name="shot.png")
    answer = assistant.send(assistant.new_conversation().id, PROMPT, images=[image])
    assert hold.reached.wait(10)
    print(answer.conversation_id, flush=True)
    threading.Event().wait()


def write(path: Path, name: str, count: int) -> None:
    store = Store(path)
    conversation, nodes = stored(store, ["begin"], name)
    for number in range(count):
        nodes.append(node(conversation.id, nodes[-1], Role.USER, f"{name} {number}"))
        store.add_nodes(conversation.id, nodes[-1:])
        store.save_partial(nodes[-1])
        store.search(name)
    store.close()


def main() -> None:
    command, path, *rest = sys.argv[1:]
    if command == "stream":
        stream(Path(path))
    elif command == "read":
        read(Path(path))
    elif command == "write":
        write(Path(path), rest[0], int(rest[1]))
    else:
        store = Store(Path(path))
        print(len(store.notices))
        store.close()


if __name__ == "__main__":
    main()
