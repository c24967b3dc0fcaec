"""The messages of a thread as the AI SDK's UI messages, for a page that opens a chat again.

The messages go through the same encoder as a live run, so that both give the same parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ...events import Event
from .._blocks import as_list, file_of, text_of
from .._plain_json import jsonable, loads
from .._thread import events_of_message, questions, thread_messages
from ._encoder import Encoder

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage


def ui_messages(messages: object, *, private: bool = False) -> list[dict[str, Any]]:
    """Return LangChain's messages as the AI SDK's: one for each question and one for each answer.

    They are plain data. System messages are left out, and so is the text of failed tools, unless
    ``private``. Of a thread's state, from ``await graph.aget_state(config)``, the last answer also
    has what the graph asks, to be answered as in a live run.

    >>> from langchain_core.messages import HumanMessage
    >>> ui_messages([HumanMessage("Hi", id="u1")])
    [{'id': 'u1', 'role': 'user', 'parts': [{'type': 'text', 'text': 'Hi'}]}]
    """
    shown: list[dict[str, Any]] = []
    answer: _Answer | None = None

    def add(id: str | None, events: Iterable[Event]) -> None:
        nonlocal answer
        if answer is None:
            answer = _Answer(id or uuid4().hex, private=private)
            shown.append(answer.message)
        answer.add(events)

    for message in thread_messages(messages):
        if message.type == "human":
            answer = None
            shown.append(_question(message))
        elif message.type in {"ai", "tool"}:
            add(message.id, events_of_message(message))
    for it in questions(messages):
        add(None, [it])
    return [it for it in shown if it["parts"]]


def _question(message: AnyMessage) -> dict[str, Any]:
    content: Any = jsonable(message.content)
    blocks = as_list(content) or [content]
    parts: list[dict[str, Any]] = []
    for block in blocks:
        file, text = file_of(block), text_of([block])
        if file:
            named = {"filename": file.filename} if file.filename else {}
            parts.append({"type": "file", "url": file.url, "mediaType": file.media_type, **named})
        elif text:
            parts.append({"type": "text", "text": text})
    return {"id": message.id or uuid4().hex, "role": "user", "parts": parts}


class _Answer:
    """One UI message of the assistant, as a client builds it from the chunks of one run."""

    def __init__(self, id: str, *, private: bool) -> None:
        self.message: dict[str, Any] = {"id": id, "role": "assistant", "parts": []}
        # 7 for all clients: the majors differ in chunks, and not in the messages that these become.
        self._encoder = Encoder(target=7, private=private)
        self._open: dict[str, dict[str, Any]] = {}

    def add(self, events: Iterable[Event]) -> None:
        for event in events:
            for frame in self._encoder.feed(event):
                self._read(loads(frame[6:]))

    def _read(self, chunk: dict[str, Any]) -> None:
        kind, _, verb = chunk["type"].rpartition("-")
        match kind, verb:
            case (("text" | "reasoning"), "start"):
                self._open[chunk["id"]] = self._part({"type": kind, "text": ""})
            case (("text" | "reasoning"), "delta"):
                self._open[chunk["id"]]["text"] += chunk["delta"]
            case (("text" | "reasoning"), "end"):
                self._open.pop(chunk["id"])["state"] = "done"
            case "start", "step":
                self._part({"type": "step-start"})
            case "tool-input", ("available" | "error"):
                self._tool(chunk, "input-available" if verb == "available" else "output-error")
            case "tool-output", _:
                self._tool(chunk, f"output-{verb}")
            case "tool-approval", _:
                approval = {"id": chunk["approvalId"]}
                self._open[chunk["toolCallId"]] |= {
                    "state": "approval-requested",
                    "approval": approval,
                }
            case _ if kind.startswith("data") or kind == "source" or chunk["type"] == "file":
                self._part(chunk)
            case _:
                pass

    def _part(self, part: dict[str, Any]) -> dict[str, Any]:
        self.message["parts"].append(part)
        return part

    def _tool(self, chunk: dict[str, Any], state: str) -> None:
        id = chunk["toolCallId"]
        # `dynamic: true` on a call's chunks makes a `dynamic-tool` part in the client.
        part = self._open.get(id) or self._part({"type": "dynamic-tool", "toolCallId": id})
        self._open[id] = part
        names = ("toolName", "input", "output", "errorText", "providerExecuted")
        part |= {"state": state, **{name: chunk[name] for name in names if name in chunk}}
