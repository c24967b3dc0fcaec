r"""Events as AG-UI 1.0: what `@ag-ui/client`, and all that is built on it, reads.

    data: {"type":"TEXT_MESSAGE_CONTENT","messageId":"lc_run--1","delta":"Hel"}

Laws of this file:

1. One terminal event, ``RUN_FINISHED`` or ``RUN_ERROR``; nothing after it, nothing open before it.
   A run that was cut off is a ``RUN_ERROR``, since no client sees that by itself.
2. Everything goes by the ids of message, block and call: models that talk at once never mix. A
   client that cannot read two messages at a time gets them in turn: see `streamkit.sequential`.
3. A tool that runs was called on this wire before: by the model, in the client's own history, or
   else by a call that is made up for it. No two calls of a run have one id.
4. What AG-UI has no word for is ``CUSTOM``, named ``streamkit.`` and the event's type, with the
   event as JSON. Steps are nodes; those of other runnables are left out.
5. Exception texts leave the process only with ``private=True``, and so does whatever else
   `streamkit.wire.to_dict` keeps back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, overload
from uuid import uuid4

import msgspec

from ..events import (
    Custom,
    Event,
    Interrupt,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RunEnd,
    RunError,
    RunStart,
    StateSnapshot,
    StepDelta,
    StepEnd,
    StepStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolEnd,
    ToolError,
    ToolStart,
)
from ..values import Status
from . import sse
from ._ag_ui_request import Request, graph_input, read_request, to_messages
from ._ag_ui_subagents import Subagents, tag_of
from ._ag_ui_values import (
    Fields,
    custom_name,
    error_text,
    outcome,
    result_content,
    run_error,
    usage,
)
from ._flat import flat
from ._json import dump_text, dumps
from ._patch import patch
from .codec import Writer

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._drive import AsyncEventStream, EventStream
    from .._protocols import AnyStage
    from .chat import Options

__all__ = [
    "HEADERS",
    "PROTOCOL_VERSION",
    "Encoder",
    "Request",
    "encoder",
    "frames",
    "graph_input",
    "read_request",
    "to_messages",
]

HEADERS: Final[Mapping[str, str]] = sse.HEADERS
"""The headers of a response that streams such frames and is not to be held up on its way."""

PROTOCOL_VERSION: Final = "1.0"
"""The version of AG-UI that is written here."""

_ROLES = {"human": "user", "user": "user", "system": "system", "developer": "developer"}
_CUT_OFF = {"type": "RUN_ERROR", "message": "the run was cut off", "code": "incomplete"}

Frames: TypeAlias = Iterable[bytes]


class _Part(NamedTuple):
    """What is open: what its deltas begin with, and the frames that end it."""

    head: bytes
    end: Frames


class Encoder:
    r"""Writes the events of one run as AG-UI frames.

    Args:
        request: what the client sent. It names thread and run, and the calls that it knows.
        private: also write what otherwise stays in the process, such as exception texts.
        subagents: write subgraphs as subagents, which clients before 1.0 refuse.

    >>> from streamkit import Origin
    >>> part = {"origin": Origin(), "timestamp": 0.5, "message_id": "m", "block_id": 0}
    >>> write = Encoder()
    >>> write.feed(TextStart(**part))
    (b'data: {"type":"TEXT_MESSAGE_START","messageId":"m","role":"assistant"}\n\n',)
    >>> write.feed(TextDelta(**part, text="Hi"))
    (b'data: {"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"Hi"}\n\n',)
    """

    def __init__(
        self, request: Request | None = None, *, private: bool = False, subagents: bool = True
    ) -> None:
        self._request = request
        self._private = private
        self._subagents = Subagents() if subagents else None
        self._json = Writer(private=private)
        self._run: Fields = {"threadId": "", "runId": ""}
        self._named: Counter[str] = Counter()
        self._calls: dict[str, str] = {}
        self._roles: dict[str, str] = {}
        self._open: dict[tuple[str, int | None], _Part] = {}
        self._steps: dict[str, Fields] = {}
        self._interrupts: list[Interrupt] = []
        self._state: tuple[Any] | None = None
        self._is_over = False
        for id in request.tool_call_ids if request else ():
            self._new_call(id)

    def feed(self, event: Event) -> list[bytes]:
        """Give the frames that an event is worth, mostly one. Never raises."""
        if self._is_over:
            return []
        frames = _RULES.get(event.__class__, Encoder._other)(self, event)
        if event.origin.namespace and self._subagents:
            return [*map(_frame, self._subagents.enter(event.origin)), *frames]
        return list(frames)

    def close(self) -> list[bytes]:
        """Give what is missing where no more events come: the ends, and a ``RUN_ERROR``."""
        return [] if self._is_over else list(self._finish(_CUT_OFF, "incomplete"))

    # --- the run

    def _run_start(self, event: RunStart) -> Frames:
        wanted = self._request
        self._run = {
            "threadId": wanted.thread_id if wanted else event.origin.thread_id or uuid4().hex,
            "runId": wanted.run_id if wanted else event.run_id or uuid4().hex,
        }
        yield _frame({"type": "RUN_STARTED", **self._run, "protocolVersion": PROTOCOL_VERSION})

    def _run_end(self, event: RunEnd) -> Frames:
        if event.status == "incomplete":
            return self._finish({**_CUT_OFF, **usage(event)}, event.status)
        end: Fields = {"type": "RUN_FINISHED", **self._run}
        if event.output is not None:
            end["result"] = flat(event.output, private=self._private)
        end["outcome"] = outcome(event.status, self._interrupts, private=self._private)
        return self._finish({**end, **usage(event)}, event.status)

    def _run_error(self, event: RunError) -> Frames:
        end = run_error(event.error, private=self._private)
        return self._finish({**end, **usage(event)}, "failed")

    def _finish(self, end: Fields, status: Status) -> Frames:
        """End what is open, innermost first, and then the run."""
        self._is_over = True
        for part in reversed(self._open.values()):
            yield from part.end
        if self._subagents:
            yield from map(_frame, self._subagents.leave_all(status))
        yield _frame(end)

    # --- steps

    def _step_start(self, event: StepStart) -> Frames:
        if event.kind == "graph" and self._subagents:
            self._subagents.graph_starts(event)
        if event.kind != "node":
            return
        step = self._steps[event.step_id] = self._step(event)
        self._open[event.step_id, None] = _Part(b"", [_frame({"type": "STEP_FINISHED", **step})])
        yield _frame({"type": "STEP_STARTED", **step})

    def _step(self, event: StepStart) -> Fields:
        """Give the node's name, with a number where a task of that name is open already."""
        tag, name = self._tag(event), event.origin.node or event.origin.name or event.kind
        names = (name, *(f"{name}#{number}" for number in range(2, len(self._steps) + 2)))
        steps = ({**tag, "stepName": name} for name in names)
        return next(step for step in steps if step not in self._steps.values())

    def _step_end(self, event: StepEnd) -> Frames:
        self._steps.pop(event.step_id, None)
        if event.kind == "graph" and self._subagents:
            return map(_frame, self._subagents.leave(event))
        return self._end(event.step_id, None)

    def _step_delta(self, event: StepDelta) -> Frames:
        return () if event.step_id else self._other(event)

    # --- messages

    def _message_start(self, event: MessageStart) -> Frames:
        if event.role in _ROLES:
            self._roles[event.message_id] = _ROLES[event.role]
        return ()

    def _message_end(self, event: MessageEnd) -> Frames:
        self._roles.pop(event.message_id, None)
        return ()

    def _text_start(self, event: TextStart) -> Frames:
        id = {"messageId": event.message_id}
        self._begin(event, _head("TEXT_MESSAGE_CONTENT", id), {"type": "TEXT_MESSAGE_END", **id})
        role = self._roles.get(event.message_id, "assistant")
        yield _frame({"type": "TEXT_MESSAGE_START", **id, "role": role, **self._whence(event)})

    def _reasoning_start(self, event: ReasoningStart) -> Frames:
        id = _reasoning_id(event)
        ends = ({"type": "REASONING_MESSAGE_END", **id}, {"type": "REASONING_END", **id})
        self._begin(event, _head("REASONING_MESSAGE_CONTENT", id), *ends)
        start = {"type": "REASONING_MESSAGE_START", **id, "role": "reasoning"}
        yield _frame({"type": "REASONING_START", **id, **self._tag(event)})
        yield _frame({**start, **self._whence(event)})

    def _reasoning_end(self, event: ReasoningEnd) -> Frames:
        yield from self._end(event.message_id, event.block_id)
        if event.signature:
            about = {"subtype": "message", "entityId": _reasoning_id(event)["messageId"]}
            sealed = {"encryptedValue": event.signature}
            yield _frame({"type": "REASONING_ENCRYPTED_VALUE", **about, **sealed})

    def _call_start(self, event: ToolCallStart) -> Frames:
        id = {"toolCallId": self._new_call(event.tool_call_id)}
        self._begin(event, _head("TOOL_CALL_ARGS", id), {"type": "TOOL_CALL_END", **id})
        start = {"type": "TOOL_CALL_START", **id, "toolCallName": event.name}
        yield _frame({**start, "parentMessageId": event.message_id, **self._tag(event)})

    def _call_end(self, event: ToolCallEnd) -> Frames:
        if event.error is None:
            return self._end(event.message_id, event.block_id)
        del self._open[event.message_id, event.block_id]
        end = {"type": "TOOL_CALL_END", "toolCallId": self._calls[event.tool_call_id]}
        return [_frame({**end, "metadata": {"error": event.error}})]

    def _text(self, event: TextDelta | ReasoningDelta) -> Frames:
        head = self._open[event.message_id, event.block_id].head
        return (b"%b%b}\n\n" % (head, dump_text(event.text)),)

    def _args(self, event: ToolCallDelta) -> Frames:
        head = self._open[event.message_id, event.block_id].head
        return (b"%b%b}\n\n" % (head, dump_text(event.args)),)

    # --- tools

    def _tool_start(self, event: ToolStart) -> Frames:
        is_known = event.tool_call_id in self._calls
        call = self._calls[event.tool_call_id] if is_known else self._new_call(event.tool_call_id)
        if self._subagents:
            self._subagents.tool_starts(event.origin, call)
        if is_known:
            return
        id, args = {"toolCallId": call}, dumps(event.input or {}, private=self._private).decode()
        start = {"type": "TOOL_CALL_START", **id, "toolCallName": event.name}
        yield _frame({**start, **self._tag(event)})
        yield _frame({"type": "TOOL_CALL_ARGS", **id, "delta": args})
        yield _frame({"type": "TOOL_CALL_END", **id})

    def _tool_end(self, event: ToolEnd) -> Frames:
        if event.status != "completed":
            return ()
        content = result_content(event.output, private=self._private)
        if event.artifact is None:
            return self._result(event, content)
        artifact = flat(event.artifact, private=self._private)
        return self._result(event, content, artifact=artifact)

    def _tool_error(self, event: ToolError) -> Frames:
        said = error_text(event.error, private=self._private)
        return self._result(event, f"error: {said}", status="error")

    def _result(self, event: ToolEnd | ToolError, content: Any, **metadata: Any) -> Frames:
        call = self._calls.get(event.tool_call_id, event.tool_call_id)
        result = {"messageId": self._unique(f"{call}:result"), "toolCallId": call, "role": "tool"}
        about = {"metadata": metadata} if metadata else {}
        tag = self._tag(event)
        yield _frame({"type": "TOOL_CALL_RESULT", **result, "content": content, **about, **tag})

    def _new_call(self, tool_call_id: str) -> str:
        """Give the call's id on this wire, where no other call of the run has it."""
        self._calls[tool_call_id] = self._unique(tool_call_id)
        return self._calls[tool_call_id]

    def _unique(self, id: str) -> str:
        self._named[id] += 1
        return id if self._named[id] == 1 else f"{id}#{self._named[id]}"

    # --- all else

    def _state_snapshot(self, event: StateSnapshot) -> Frames:
        """Give the state, or what changed in it, whichever is shorter. A subgraph's is custom."""
        if event.origin.namespace:
            return self._other(event)
        state, last = flat(event.values, private=self._private), self._state
        self._state = (state,)
        whole = _frame({"type": "STATE_SNAPSHOT", "snapshot": state})
        if last is None:
            return (whole,)
        changes = patch(last[0], state)
        delta = _frame({"type": "STATE_DELTA", "delta": changes})
        return (min(delta, whole, key=len),) if changes else ()

    def _interrupt(self, event: Interrupt) -> Frames:
        self._interrupts.append(event)
        if self._subagents:
            self._subagents.pause(event)
        return ()

    def _custom(self, event: Custom) -> Frames:
        value = {"name": custom_name(event), "value": flat(event.data, private=self._private)}
        yield _frame({"type": "CUSTOM", **value, **self._tag(event)})

    def _other(self, event: Event) -> Frames:
        name, value = f"streamkit.{event.type}", msgspec.Raw(self._json.write(event))
        yield _frame({"type": "CUSTOM", "name": name, "value": value, **self._tag(event)})

    # --- parts

    def _begin(self, event: TextStart | ReasoningStart | ToolCallStart, head: bytes, *ends: Fields) -> None:
        self._open[event.message_id, event.block_id] = _Part(head, [*map(_frame, ends)])

    def _end(self, id: str, block_id: int | None) -> Frames:
        part = self._open.pop((id, block_id), None)
        return part.end if part else ()

    def _tag(self, event: Event) -> Fields:
        return tag_of(event.origin) if self._subagents else {}

    def _whence(self, event: Event) -> Fields:
        node = event.origin.node
        return {**self._tag(event), **({"metadata": {"node": node}} if node else {})}


def _frame(fields: Fields) -> bytes:
    return b"data: %b\n\n" % dumps(fields, private=True)


def _head(type: str, id: Fields) -> bytes:
    """Give what all the deltas of a part begin with."""
    return b'data: %b,"delta":' % dumps({"type": type, **id})[:-1]


def _reasoning_id(event: ReasoningStart | ReasoningEnd) -> Fields:
    """Give the id of reasoning, which is a message of its own in AG-UI."""
    return {"messageId": f"{event.message_id}:{event.block_id}"}


_RULES: Mapping[type, Callable[[Encoder, Any], Frames]] = {
    RunStart: Encoder._run_start,
    RunEnd: Encoder._run_end,
    RunError: Encoder._run_error,
    StepStart: Encoder._step_start,
    StepDelta: Encoder._step_delta,
    StepEnd: Encoder._step_end,
    MessageStart: Encoder._message_start,
    MessageEnd: Encoder._message_end,
    TextStart: Encoder._text_start,
    TextDelta: Encoder._text,
    TextEnd: lambda self, event: self._end(event.message_id, event.block_id),
    ReasoningStart: Encoder._reasoning_start,
    ReasoningDelta: Encoder._text,
    ReasoningEnd: Encoder._reasoning_end,
    ToolCallStart: Encoder._call_start,
    ToolCallDelta: Encoder._args,
    ToolCallEnd: Encoder._call_end,
    ToolStart: Encoder._tool_start,
    ToolEnd: Encoder._tool_end,
    ToolError: Encoder._tool_error,
    StateSnapshot: Encoder._state_snapshot,
    Interrupt: Encoder._interrupt,
    Custom: Encoder._custom,
}


def encoder(
    request: Request | None = None, *, private: bool = False, subagents: bool = True
) -> Callable[[Event], list[bytes]]:
    r"""Give a stage from the events of one run to AG-UI frames: see `Encoder`.

    >>> from streamkit import normalize
    >>> wanted = Request(thread_id="t", run_id="r")
    >>> print(b"".join(normalize(["Hi"]).pipe(encoder(wanted))).decode())
    data: {"type":"RUN_STARTED","threadId":"t","runId":"r","protocolVersion":"1.0"}
    <BLANKLINE>
    data: {"type":"TEXT_MESSAGE_START","messageId":"...","role":"assistant"}
    <BLANKLINE>
    data: {"type":"TEXT_MESSAGE_CONTENT","messageId":"...","delta":"Hi"}
    <BLANKLINE>
    data: {"type":"TEXT_MESSAGE_END","messageId":"..."}
    <BLANKLINE>
    data: {"type":"RUN_FINISHED","threadId":"t","runId":"r","outcome":{"type":"success"}}
    <BLANKLINE>
    <BLANKLINE>
    """
    return Encoder(request, private=private, subagents=subagents).feed


@overload
def frames(
    source: AsyncIterable[Any],
    *stages: AnyStage[Event, Event],
    request: Request | None = ...,
    private: bool = ...,
    **options: Unpack[Options],
) -> AsyncEventStream[bytes]: ...


@overload
def frames(
    source: Iterable[Any],
    *stages: AnyStage[Event, Event],
    request: Request | None = ...,
    private: bool = ...,
    **options: Unpack[Options],
) -> EventStream[bytes]: ...


def frames(
    source: AsyncIterable[Any] | Iterable[Any],
    *stages: AnyStage[Event, Event],
    request: Request | None = None,
    private: bool = False,
    **options: Unpack[Options],
) -> AsyncEventStream[bytes] | EventStream[bytes]:
    r"""Give any LangChain or LangGraph stream as AG-UI frames.

    Args:
        source: what ``.stream()``, ``.astream()`` or ``.astream_events()`` returned.
        stages: what chooses or changes events before they are written, as for `normalize`.
        request: what the client sent: see `read_request`.
        private: also write what otherwise stays in the process, such as exception texts.
        options: whatever else `normalize` may be told, such as ``dialect`` and ``on_error``.

    Raises:
        UsageError: as `normalize` does.

    >>> [*_, end] = frames(["Hi"], request=Request(thread_id="t", run_id="r"))
    >>> end
    b'data: {"type":"RUN_FINISHED","threadId":"t","runId":"r","outcome":{"type":"success"}}\n\n'
    """
    from .._drive import normalize  # noqa: PLC0415  (the loops are a floor above this one)

    return normalize(source, *stages, **options).pipe(encoder(request, private=private))
