"""The messages of a thread as AG-UI's, for a page that opens a conversation again."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from .._plain_json import jsonable
from .._thread import events_of_message, thread_messages
from ._encoder import Encoder
from ._values import result_content


def ui_messages(messages: object, *, private: bool = False) -> list[dict[str, Any]]:
    """Return LangChain's messages as AG-UI's, with the ids that a live run gives them.

    They are plain data, such as ``MESSAGES_SNAPSHOT`` holds. System messages are left out, and so
    is the text of failed tools, unless ``private``. The messages of a thread are also taken as its
    state, from ``await graph.aget_state(config)``.

    >>> from langchain_core.messages import HumanMessage
    >>> ui_messages([HumanMessage("Hi", id="u1")])
    [{'id': 'u1', 'role': 'user', 'content': 'Hi'}]
    """
    encoder = Encoder(private=private)
    for message in thread_messages(messages):
        if message.type == "human":
            user = encoder.conversation.begin(message.id or uuid4().hex, "user")
            user["content"] = result_content(jsonable(message.content, private=True))
        elif message.type in {"ai", "tool"}:
            for event in events_of_message(message):
                encoder.feed(event)
    return encoder.conversation.messages
