"""The events of one run as a LangGraph server's frames: the stream mode and namespace of each."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, ClassVar, Final, TypeAlias
from uuid import uuid4

from ... import events as ev
from ..._fields import JsonObject, dict_or_empty
from ...mapping import ToolEvent
from ...values import Origin
from .._blocks import as_list
from .._forms import FAILED
from .._plain_json import dump_plain
from .._redact import InnerText
from ..protocol import BaseEncoder, Frames, error_text
from ._messages import Chunks, metadata
from ._request import Request, thread_named_by

CUT_OFF: Final = {"error": "Incomplete", "message": "the run was cut off"}
"""The data of the frame that ends a run which was cut off."""

_STATUS = {"completed": "success", "interrupted": "interrupted", "cancelled": "interrupted"}

_Rule: TypeAlias = Callable[..., Frames]


class Encoder(BaseEncoder):
    """One run's encoder; `encoder` describes the options.

    >>> from streamkit import Origin, RunStart
    >>> machine = Encoder(thread_id="t", run_id="r")
    >>> machine.feed(RunStart(origin=Origin(), timestamp=0.5))[0].decode().split()[1]
    'metadata'
    >>> machine.close()[0].decode().split()[1]
    'error'
    """

    flat: ClassVar[bool] = True
    renames_calls: ClassVar[bool] = False
    inner_text: InnerText = "subgraphs"

    def __init__(
        self,
        request: Request | None = None,
        *,
        thread_id: str | None = None,
        run_id: str | None = None,
        private: bool = False,
        first_id: int | None = None,
    ) -> None:
        super().__init__(private=private)
        wanted = request or Request()
        modes = wanted.modes
        self._ids = (run_id, thread_id or thread_named_by(wanted))
        # A server's `messages-tuple` and the library's `messages` are one event, `messages`.
        self._modes = None if modes is None else {it.removesuffix("-tuple") for it in modes}
        self._numbers = None if first_id is None else count(first_id)
        self._messages: dict[str, tuple[Chunks, bytes]] = {}
        self._heads: dict[tuple[str, tuple[str, ...]], bytes] = {}
        self._tools: dict[str, str] = {}
        self._failed: dict[str, ev.ToolError] = {}
        """Failed tools whose message is not yet in the state, by call."""
        self._failures: dict[str, bytes] = {}
        """Messages of failed tools whose `tool.error` has not come yet."""
        self._state: JsonObject = {}
        self._interrupts: list[JsonObject] = []

    # --- the run

    def run_start(self, event: ev.RunStart) -> Frames:
        run_id, thread_id = self._ids
        run_id = run_id or event.run_id or str(uuid4())
        thread_id = thread_id or event.origin.thread_id
        self._ids = (run_id, thread_id)
        ids = {"run_id": run_id, "thread_id": thread_id}
        # `useStream` takes the ids of run and thread from this event, which a server sends first.
        yield self._frame("metadata", ev.NO_ORIGIN, dump_plain(ids))

    def run_end(self, event: ev.RunEnd) -> Frames:
        """Return the end, and before it the state and interrupts, if only the end has them."""
        yield from self._unstored_failures()
        output = dict_or_empty(event.output)
        if event.status == "interrupted":
            # `useStream` reads interrupts out of the root's `values`, as in LangGraph 1.0.
            waits = {"__interrupt__": self._interrupts}
            yield from self._values({**(self._state or output), **waits})
        elif output and not self._state:
            yield from self._values(output)
        if event.status == "incomplete":
            yield from self._end("error", CUT_OFF)
        else:
            # `useStream` ignores it; Agent Servers send it, and other clients wait for it.
            end = {"run_id": self._ids[0], "status": _STATUS[event.status]}
            yield from self._end("end", end)

    def run_error(self, event: ev.RunError) -> Frames:
        error = {"error": event.error.name, "message": error_text(event.error)}
        return self._end("error", error)

    def _end(self, name: str, data: JsonObject) -> Frames:
        yield self._frame(name, ev.NO_ORIGIN, dump_plain(data))

    # --- messages

    def message_start(self, event: ev.MessageStart) -> Frames:
        # The client drops a message without an id, and adds up chunks that share one.
        chunks = Chunks(event, private=self._private)
        about = dump_plain(metadata(event.origin, private=self._private))
        self._messages[event.message_id] = (chunks, about)
        return self._unstored_failures()

    def _chunk(self, event: Any) -> Frames:
        known = self._messages.get(event.message_id)
        if known is None:  # (a call in a message whose text is left out)
            return ()
        chunks, about = known
        chunk = chunks.feed(event)
        return (
            self._write_mode("messages", event.origin, b"[%b,%b]" % (chunk, about)) if chunk else ()
        )

    text_delta: _Rule = _chunk
    reasoning_delta: _Rule = _chunk
    reasoning_end: _Rule = _chunk
    content: _Rule = _chunk
    citation: _Rule = _chunk
    tool_call_start: _Rule = _chunk
    tool_call_delta: _Rule = _chunk
    tool_call_end: _Rule = _chunk

    def message_end(self, event: ev.MessageEnd) -> Frames:
        is_abandoned = event.status == "abandoned"  # then the next state is without it
        last = () if is_abandoned else self._chunk(event)
        self._messages.pop(event.message_id, None)
        return last

    def message_added(self, event: ev.MessageAdded) -> Frames:
        return self._message(event, event.message)

    def _message(self, event: ev.Event, message: JsonObject) -> Frames:
        data = [message, metadata(event.origin, private=self._private)]
        return self._write_mode("messages", event.origin, dump_plain(data))

    # --- tools

    def tool_start(self, event: ev.ToolStart) -> Frames:
        self._tools[event.tool_call_id] = event.name
        asked = event.input
        return self._tool("on_tool_start", event, event.name, input=asked)

    def tool_delta(self, event: ev.ToolDelta) -> Frames:
        name = self._tools.get(event.tool_call_id, "")
        return self._tool("on_tool_event", event, name, data=event.delta)

    def tool_end(self, event: ev.ToolEnd) -> Frames:
        output = event.output
        yield from self._tool("on_tool_end", event, event.name, output=output)
        if event.status == "completed" and (event.confirmed or self._private):
            artifact = event.artifact
            more = {} if artifact is None else {"artifact": artifact}
            yield from self._result(event, content=_content(output), status="success", **more)

    def tool_error(self, event: ev.ToolError) -> Frames:
        """Write a failure, and the tool's message: with the content that the state has for it.

        That is the exception's text. Without ``private`` it is one word, here and in the state.
        """
        yield from self._tool("on_tool_error", event, event.name, error=error_text(event.error))
        if not self._private:
            yield from self._result(event, content=FAILED, status="error")
        elif event.tool_call_id in self._failures:
            yield self._failures.pop(event.tool_call_id)
        else:
            self._failed[event.tool_call_id] = event

    def _stored_failures(self, event: ev.StateUpdate) -> Frames:
        """Write the messages of failed tools that a node puts into the state."""
        for it in as_list(dict_or_empty(event.values).get("messages")):
            message = dict_or_empty(it)
            id = message.get("tool_call_id")
            if isinstance(id, str) and message.get("status") == "error":
                for frame in self._message(event, message):
                    if self._failed.pop(id, None):
                        yield frame
                    else:
                        self._failures[id] = frame

    def _unstored_failures(self) -> Frames:
        """Write the messages of failed tools of which no state was seen."""
        for failed in self._failed.values():
            yield from self._result(failed, content=error_text(failed.error), status="error")
        self._failed.clear()

    def _tool(self, kind: str, event: ToolEvent, name: str, **fields: Any) -> Frames:
        about = {"toolCallId": event.tool_call_id, "name": name}
        return self._write_json("tools", event, {"event": kind, **about, **fields})

    def _result(self, event: ev.ToolEnd | ev.ToolError, **fields: Any) -> Frames:
        """Return a tool's message. The id that it has in the state comes with the state.

        Each result of a call has an id of its own: `MessageTupleManager` of langgraph-sdk 1.15.0
        appends to the message that has the same id, and drops a message without an id.
        """
        id = event.tool_call_id
        about = {"type": "tool", "id": self.result_id(id), "tool_call_id": id, "name": event.name}
        return self._message(event, {**about, **fields})

    # --- the state

    def state_snapshot(self, event: ev.StateSnapshot) -> Frames:
        state = event.values
        # Only the root's `values` set the state in `useStream` of langgraph-sdk 1.15.0.
        if event.origin.namespace:
            return self._write_json("values", event, state)
        return self._values(dict_or_empty(state))

    def interrupt(self, event: ev.Interrupt) -> Frames:
        """Return the graph's interrupts: an empty list for a breakpoint, which needs no answer."""
        asked = event.value
        waits = [] if event.static else [{"id": event.interrupt_id, "value": asked}]
        self._interrupts.extend(waits)
        return self._write_mode("updates", ev.NO_ORIGIN, dump_plain({"__interrupt__": waits}))

    def _values(self, state: JsonObject) -> Frames:
        self._state = state
        return self._write_mode("values", ev.NO_ORIGIN, dump_plain(state))

    def state_update(self, event: ev.StateUpdate) -> Frames:
        update = {event.node: event.values}
        if event.cached:
            # LangGraph marks a node's cached result so, beside the update.
            update["__metadata__"] = {"cached": True}
        yield from self._write_json("updates", event, update)
        if self._private:
            yield from self._stored_failures(event)

    def checkpoint(self, event: ev.Checkpoint) -> Frames:
        names = ("values", "next", "config", "parent_config", "metadata")
        form = self.form_of(event)
        data = {name: form.get(name) for name in names}
        # The SDK's type demands `tasks`, which our event does not have.
        return self._write_json("checkpoints", event, {**data, "tasks": []})

    # --- other events

    def step_start(self, event: ev.StepStart) -> Frames:
        asked = {"input": event.input} if self._private else {}
        return self._task(event, triggers=[], **asked)

    def step_end(self, event: ev.StepEnd) -> Frames:
        if event.error:
            return self._task(event, error=error_text(event.error))
        output = dict_or_empty(event.output)
        return self._task(event, result=list(output.items()))

    def _task(self, event: ev.StepStart | ev.StepEnd, **fields: Any) -> Frames:
        if event.kind != "node":
            return ()
        about: JsonObject = {"id": event.step_id, "name": event.origin.node, "interrupts": []}
        return self._write_json("tasks", event, {**about, **fields})

    def step_delta(self, event: ev.StepDelta) -> Frames:
        return () if event.step_id else self.other(event)

    def custom(self, event: ev.Custom) -> Frames:
        data = event.data
        named = data if event.name is None else {"name": event.name, "data": data}
        return self._write_json("custom", event, named)

    def other(self, event: ev.Event) -> Frames:
        fields = {**self.form_of(event), "type": f"streamkit.{event.type}"}
        return self._write_json("custom", event, fields)

    def _nothing(self, event: ev.Event) -> Frames:  # noqa: ARG002
        return ()

    text_start: _Rule = _nothing
    text_end: _Rule = _nothing
    reasoning_start: _Rule = _nothing
    message_removed: _Rule = _nothing  # (the next state holds the change)

    def message_replaced(self, event: ev.MessageReplaced) -> Frames:
        """Write a tool's message that the state holds; the next state has any other change."""
        is_result = event.tool_call_id is not None
        return self._message(event, dict_or_empty(event.message)) if is_result else ()

    # --- frames

    def _write_json(self, mode: str, event: ev.Event, data: object) -> Frames:
        return self._write_mode(mode, event.origin, dump_plain(data))

    def _write_mode(self, mode: str, origin: Origin, data: bytes) -> Frames:
        """Return the frame if the client asked for its mode."""
        wanted = self._modes is None or mode in self._modes
        return (self._frame(mode, origin, data),) if wanted else ()

    def _frame(self, name: str, origin: Origin, data: bytes) -> bytes:
        # A graph's path stands in the event's name: `messages|agent:1`.
        key = (name, origin.namespace)
        head = self._heads.get(key) or self._heads.setdefault(key, _head(name, *origin.namespace))
        number = b"" if self._numbers is None else b"id: %d\n" % next(self._numbers)
        return b"%b%b%b\n\n" % (number, head, data)


def _head(*path: str) -> bytes:
    """Return the bytes of a frame before its data. No name breaks the line."""
    return b"event: %b\ndata: " % " ".join("|".join(path).split()).encode(errors="replace")


def _content(output: Any) -> Any:
    """Return a tool's output as a message's content: a text, or blocks."""
    blocks = [dict_or_empty(it).get("type") for it in as_list(output)]
    is_content = isinstance(output, str) or (blocks and all(blocks))
    return output if is_content else dump_plain(output).decode()
