"""The events of one run as a LangGraph server's: which stream mode each belongs to, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any, TypeAlias
from uuid import uuid4

from ..._fields import dict_or_empty
from ...events import (
    Checkpoint,
    Citation,
    Content,
    Custom,
    Event,
    Interrupt,
    MessageAdded,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RunEnd,
    RunError,
    RunStart,
    StateSnapshot,
    StateUpdate,
    StepDelta,
    StepEnd,
    StepStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolDelta,
    ToolEnd,
    ToolError,
    ToolStart,
)
from ...mapping import ToolEvent
from ...values import ErrorInfo, Origin
from .._blocks import as_list
from .._flat import flat
from .._json import dumps
from ..codec import to_dict
from ._messages import Chunks, Fields, metadata
from ._request import Request

__all__ = ["Encoder"]

Frames: TypeAlias = Iterable[bytes]

_CUT_OFF = {"error": "Incomplete", "message": "the run was cut off"}
_STATUS = {"completed": "success", "interrupted": "interrupted", "cancelled": "interrupted"}
_ROOT = Origin()


class Encoder:
    """One run's state machine; `encoder` says what it may be told.

    >>> from streamkit import Origin, RunStart
    >>> machine = Encoder(thread_id="t", run_id="r")
    >>> machine.feed(RunStart(origin=Origin(), timestamp=0.5))[0].decode().split()[1]
    'metadata'
    >>> machine.close()[0].decode().split()[1]
    'error'
    """

    def __init__(
        self,
        request: Request | None = None,
        *,
        thread_id: str | None = None,
        run_id: str | None = None,
        private: bool = False,
        first_id: int | None = None,
    ) -> None:
        wanted = request or Request()
        modes = wanted.modes
        self._ids = (run_id, thread_id or wanted.thread_id)
        self._modes = None if modes is None else {it.removesuffix("-tuple") for it in modes}
        self._private = private
        self._numbers = None if first_id is None else count(first_id)
        self._messages: dict[str, tuple[Chunks, bytes]] = {}
        self._heads: dict[tuple[str, tuple[str, ...]], bytes] = {}
        self._tools: dict[str, str] = {}
        self._results: Counter[str] = Counter()
        self._state: Fields = {}
        self._interrupts: list[Fields] = []
        self._is_over = False
        self._rules = self._table()

    def _table(self) -> dict[type, Callable[[Any], Frames]]:
        return {
            RunStart: self._run_start,
            RunEnd: self._run_end,
            RunError: self._run_error,
            MessageStart: self._message_start,
            MessageEnd: self._message_end,
            MessageAdded: self._message_added,
            **dict.fromkeys(
                (TextDelta, ReasoningDelta, ReasoningEnd, Content, Citation), self._chunk
            ),
            **dict.fromkeys((ToolCallStart, ToolCallDelta, ToolCallEnd), self._chunk),
            **dict.fromkeys((TextStart, TextEnd, ReasoningStart), self._nothing),
            ToolStart: self._tool_start,
            ToolDelta: self._tool_delta,
            ToolEnd: self._tool_end,
            ToolError: self._tool_error,
            StateSnapshot: self._state_snapshot,
            StateUpdate: self._state_update,
            Checkpoint: self._checkpoint,
            Interrupt: self._interrupt,
            StepStart: self._step_start,
            StepDelta: self._step_delta,
            StepEnd: self._step_end,
            Custom: self._custom,
        }

    def feed(self, event: Event) -> tuple[bytes, ...]:
        """Give the frames that an event is worth: mostly one, often none."""
        if self._is_over:
            return ()
        write = self._rules.get(event.__class__) or self._other
        return tuple(write(event))

    def close(self) -> tuple[bytes, ...]:
        """Give what ends a stream whose events stopped before its run did; else nothing."""
        return () if self._is_over else tuple(self._end("error", _CUT_OFF))

    # --- the run

    def _run_start(self, event: RunStart) -> Frames:
        run_id, thread_id = self._ids
        run_id = run_id or event.run_id or str(uuid4())
        thread_id = thread_id or event.origin.thread_id
        self._ids = (run_id, thread_id)
        ids = {"run_id": run_id, "thread_id": thread_id}
        yield self._frame("metadata", _ROOT, dumps(ids))

    def _run_end(self, event: RunEnd) -> Frames:
        """Give the end, and before it what only the end tells: the state, and what it waits for."""
        output = dict_or_empty(flat(event.output, private=self._private))
        if event.status == "interrupted":
            waits = {"__interrupt__": self._interrupts}
            yield from self._values({**(self._state or output), **waits})
        elif output and not self._state:
            yield from self._values(output)
        if event.status == "incomplete":
            yield from self._end("error", _CUT_OFF)
        else:
            end = {"run_id": self._ids[0], "status": _STATUS[event.status]}
            yield from self._end("end", end)

    def _run_error(self, event: RunError) -> Frames:
        error = {"error": event.error.name, "message": self._said(event.error)}
        return self._end("error", error)

    def _end(self, name: str, data: Fields) -> Frames:
        self._is_over = True
        yield self._frame(name, _ROOT, dumps(data))

    # --- messages

    def _message_start(self, event: MessageStart) -> Frames:
        chunks = Chunks(event, private=self._private)
        about = dumps(metadata(event.origin, private=self._private), private=True)
        self._messages[event.message_id] = (chunks, about)
        return ()

    def _chunk(self, event: Any) -> Frames:
        chunks, about = self._messages[event.message_id]
        chunk = chunks.feed(event)
        return self._tell("messages", event.origin, b"[%b,%b]" % (chunk, about)) if chunk else ()

    def _message_end(self, event: MessageEnd) -> Frames:
        last = self._chunk(event)
        del self._messages[event.message_id]
        return last

    def _message_added(self, event: MessageAdded) -> Frames:
        return self._message(event, flat(event.message, private=self._private))

    def _message(self, event: Event, message: Fields) -> Frames:
        data = [message, metadata(event.origin, private=self._private)]
        return self._tell("messages", event.origin, dumps(data, private=True))

    # --- tools

    def _tool_start(self, event: ToolStart) -> Frames:
        self._tools[event.tool_call_id] = event.name
        asked = flat(event.input, private=self._private)
        return self._tool("on_tool_start", event, event.name, input=asked)

    def _tool_delta(self, event: ToolDelta) -> Frames:
        name = self._tools.get(event.tool_call_id, "")
        return self._tool(
            "on_tool_event", event, name, data=flat(event.delta, private=self._private)
        )

    def _tool_end(self, event: ToolEnd) -> Frames:
        output = flat(event.output, private=self._private)
        yield from self._tool("on_tool_end", event, event.name, output=output)
        if event.status == "completed":
            artifact = flat(event.artifact, private=self._private)
            more = {} if artifact is None else {"artifact": artifact}
            yield from self._result(event, content=_content(output), status="success", **more)

    def _tool_error(self, event: ToolError) -> Frames:
        said = self._said(event.error)
        yield from self._tool("on_tool_error", event, event.name, error=said)
        yield from self._result(event, content=f"error: {said}", status="error")

    def _tool(self, kind: str, event: ToolEvent, name: str, **said: Any) -> Frames:
        about = {"toolCallId": event.tool_call_id, "name": name}
        return self._tell_json("tools", event, {"event": kind, **about, **said})

    def _result(self, event: ToolEnd | ToolError, **said: Any) -> Frames:
        """Give a tool's message. The id that it has in the state comes with the state.

        Each of a call's has its own: a client appends to what it has under the same.
        """
        id = event.tool_call_id
        self._results[id] += 1
        mine = f"{id}:result" if self._results[id] == 1 else f"{id}:result-{self._results[id]}"
        about = {"type": "tool", "id": mine, "tool_call_id": id, "name": event.name}
        return self._message(event, {**about, **said})

    # --- the state

    def _state_snapshot(self, event: StateSnapshot) -> Frames:
        state = flat(event.values, private=self._private)
        if event.origin.namespace:
            return self._tell_json("values", event, state)
        return self._values(dict_or_empty(state))

    def _interrupt(self, event: Interrupt) -> Frames:
        """Give what the graph waits for: nothing to answer, and so no list, for a breakpoint."""
        asked = flat(event.value, private=self._private)
        waits = [] if event.static else [{"id": event.interrupt_id, "value": asked}]
        self._interrupts.extend(waits)
        return self._tell("updates", _ROOT, dumps({"__interrupt__": waits}, private=True))

    def _values(self, state: Fields) -> Frames:
        self._state = state
        return self._tell("values", _ROOT, dumps(state, private=True))

    def _state_update(self, event: StateUpdate) -> Frames:
        update = {event.node: flat(event.values, private=self._private)}
        if event.cached:
            update["__metadata__"] = {"cached": True}
        return self._tell_json("updates", event, update)

    def _checkpoint(self, event: Checkpoint) -> Frames:
        names = ("values", "next", "config", "parent_config", "metadata")
        said = to_dict(event, private=self._private)
        data = {name: said.get(name) for name in names}
        return self._tell_json("checkpoints", event, {**data, "tasks": []})

    # --- all else

    def _step_start(self, event: StepStart) -> Frames:
        asked = {"input": flat(event.input, private=True)} if self._private else {}
        return self._task(event, triggers=[], **asked)

    def _step_end(self, event: StepEnd) -> Frames:
        if event.error:
            return self._task(event, error=self._said(event.error))
        output = dict_or_empty(flat(event.output, private=self._private))
        return self._task(event, result=list(output.items()))

    def _task(self, event: StepStart | StepEnd, **said: Any) -> Frames:
        if event.kind != "node":
            return ()
        about: Fields = {"id": event.step_id, "name": event.origin.node, "interrupts": []}
        return self._tell_json("tasks", event, {**about, **said})

    def _step_delta(self, event: StepDelta) -> Frames:
        return () if event.step_id else self._other(event)

    def _custom(self, event: Custom) -> Frames:
        data = flat(event.data, private=self._private)
        named = data if event.name is None else {"name": event.name, "data": data}
        return self._tell_json("custom", event, named)

    def _other(self, event: Event) -> Frames:
        said = {**to_dict(event, private=self._private), "type": f"streamkit.{event.type}"}
        return self._tell_json("custom", event, said)

    def _nothing(self, _event: Event) -> Frames:
        return ()

    # --- frames

    def _said(self, error: ErrorInfo) -> str:
        return error.message if self._private else error.name

    def _tell_json(self, mode: str, event: Event, data: object) -> Frames:
        return self._tell(mode, event.origin, dumps(data, private=True))

    def _tell(self, mode: str, origin: Origin, data: bytes) -> Frames:
        """Give the frame if the client asked for its mode."""
        wanted = self._modes is None or mode in self._modes
        return (self._frame(mode, origin, data),) if wanted else ()

    def _frame(self, name: str, origin: Origin, data: bytes) -> bytes:
        key = (name, origin.namespace)
        head = self._heads.get(key) or self._heads.setdefault(key, _head(name, *origin.namespace))
        number = b"" if self._numbers is None else b"id: %d\n" % next(self._numbers)
        return b"%b%b%b\n\n" % (number, head, data)


def _head(*path: str) -> bytes:
    """Give what a frame says before its data. No name breaks the line."""
    return b"event: %b\ndata: " % " ".join("|".join(path).split()).encode(errors="replace")


def _content(output: Any) -> Any:
    """Give a tool's output as a message's content: a text, or blocks."""
    blocks = [dict_or_empty(it).get("type") for it in as_list(output)]
    is_content = isinstance(output, str) or (blocks and all(blocks))
    return output if is_content else dumps(output, private=True).decode()
