"""The events of one run as AG-UI's: what is open, what is known, and what to write of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import uuid4

from ...events import (
    Content,
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
from ...values import Status
from .._approvals import questions_in
from .._call_ids import CallIds
from .._flat import flat
from .._frames import DELTA_END, delta_head, frame
from .._json import dump_text, dumps
from .._patch import patch
from ..codec import to_dict
from ._request import Request
from ._steps import Steps
from ._subagents import Subagents, tag_of
from ._values import (
    Fields,
    answered_call,
    custom_name,
    error_text,
    interrupt_form,
    outcome,
    result_content,
    run_error_form,
    usage,
)

__all__ = ["PROTOCOL_VERSION", "Encoder"]

PROTOCOL_VERSION: Final = "1.0"
"""The version of AG-UI that is written here."""

_ROLES = {"human": "user", "user": "user", "system": "system", "developer": "developer"}
_CUT_OFF = {"type": "RUN_ERROR", "message": "the run was cut off", "code": "incomplete"}

Frames: TypeAlias = Iterable[bytes]
PartStart: TypeAlias = TextStart | ReasoningStart | ToolCallStart


class _Part(NamedTuple):
    """What is open: what its deltas begin with, and how it ends."""

    head: bytes
    fields: Fields
    ends: tuple[str, ...]

    def end(self, **more: Any) -> Frames:
        """Give the frames that end it."""
        return tuple(frame({"type": end, **self.fields, **more}) for end in self.ends)


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
        self._run: Fields = {"threadId": "", "runId": ""}
        self._calls = CallIds(request.tool_call_ids if request else ())
        self._results: Counter[str] = Counter()
        self._roles: dict[str, str] = {}
        self._open: dict[tuple[str, int | None], _Part] = {}
        self._steps = Steps()
        self._interrupts: list[Fields] = []
        self._state: tuple[Any] | None = None
        self._is_over = False
        self._rules = self._table()

    def _table(self) -> dict[type, Callable[[Any], Frames]]:
        return {
            RunStart: self._run_start,
            RunEnd: self._run_end,
            RunError: self._run_error,
            StepStart: self._step_start,
            StepDelta: self._step_delta,
            StepEnd: self._step_end,
            MessageStart: self._message_start,
            MessageEnd: self._message_end,
            TextStart: self._text_start,
            TextDelta: self._text,
            TextEnd: self._text_end,
            ReasoningStart: self._reasoning_start,
            ReasoningDelta: self._text,
            ReasoningEnd: self._reasoning_end,
            ToolCallStart: self._call_start,
            ToolCallDelta: self._args,
            ToolCallEnd: self._call_end,
            Content: self._content,
            ToolStart: self._tool_start,
            ToolEnd: self._tool_end,
            ToolError: self._tool_error,
            StateSnapshot: self._state_snapshot,
            Interrupt: self._interrupt,
            Custom: self._custom,
        }

    def feed(self, event: Event) -> tuple[bytes, ...]:
        """Give the frames that an event is worth: mostly one, often none."""
        if self._is_over:
            return ()
        write = self._rules.get(event.__class__) or self._other
        frames = write(event)
        if event.origin.namespace and self._subagents:
            return (*map(frame, self._subagents.enter(event.origin)), *frames)
        return tuple(frames)

    def close(self) -> tuple[bytes, ...]:
        """Give what ends a stream whose events stopped before its run did; else nothing."""
        return () if self._is_over else tuple(self._finish(_CUT_OFF, "incomplete"))

    # --- the run

    def _run_start(self, event: RunStart) -> Frames:
        wanted = self._request
        self._run = {
            "threadId": wanted.thread_id if wanted else event.origin.thread_id or uuid4().hex,
            "runId": wanted.run_id if wanted else event.run_id or uuid4().hex,
        }
        yield frame({"type": "RUN_STARTED", **self._run, "protocolVersion": PROTOCOL_VERSION})

    def _run_end(self, event: RunEnd) -> Frames:
        if event.status == "incomplete":
            return self._finish({**_CUT_OFF, **usage(event)}, event.status)
        end: Fields = {"type": "RUN_FINISHED", **self._run}
        if event.output is not None:
            end["result"] = flat(event.output, private=self._private)
        end["outcome"] = outcome(event.status, self._interrupts)
        return self._finish({**end, **usage(event)}, event.status)

    def _run_error(self, event: RunError) -> Frames:
        end = run_error_form(event.error, private=self._private)
        return self._finish({**end, **usage(event)}, "failed")

    def _finish(self, end: Fields, status: Status) -> Frames:
        """End what is open, innermost first, and then the run."""
        self._is_over = True
        for part in reversed(self._open.values()):
            yield from part.end()
        if self._subagents:
            yield from map(frame, self._subagents.leave_all(status))
        yield frame(end)

    # --- steps

    def _step_start(self, event: StepStart) -> Frames:
        if event.kind == "graph" and self._subagents:
            self._subagents.graph_starts(event)
        if event.kind != "node":
            return
        tag = self._tag(event)
        step = {**tag, "stepName": self._steps.begin(event, tag.get("subagentRunId"))}
        self._open[event.step_id, None] = _Part(b"", step, ("STEP_FINISHED",))
        yield frame({"type": "STEP_STARTED", **step})

    def _step_end(self, event: StepEnd) -> Frames:
        self._steps.end(event.step_id)
        if event.kind == "graph" and self._subagents:
            return map(frame, self._subagents.leave(event))
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
        self._begin(event, "TEXT_MESSAGE_CONTENT", id, "TEXT_MESSAGE_END")
        role = self._roles.get(event.message_id, "assistant")
        yield frame({"type": "TEXT_MESSAGE_START", **id, "role": role, **self._whence(event)})

    def _text_end(self, event: TextEnd) -> Frames:
        return self._end(event.message_id, event.block_id)

    def _reasoning_start(self, event: ReasoningStart) -> Frames:
        id = _reasoning_id(event)
        ends = ("REASONING_MESSAGE_END", "REASONING_END")
        self._begin(event, "REASONING_MESSAGE_CONTENT", id, *ends)
        start = {"type": "REASONING_MESSAGE_START", **id, "role": "reasoning"}
        yield frame({"type": "REASONING_START", **id, **self._tag(event)})
        yield frame({**start, **self._whence(event)})

    def _reasoning_end(self, event: ReasoningEnd) -> Frames:
        yield from self._end(event.message_id, event.block_id)
        if event.signature:
            about = {"subtype": "message", "entityId": _reasoning_id(event)["messageId"]}
            sealed = {"encryptedValue": event.signature}
            yield frame({"type": "REASONING_ENCRYPTED_VALUE", **about, **sealed})

    def _call_start(self, event: ToolCallStart) -> Frames:
        id = {"toolCallId": self._calls.begin(event.tool_call_id, event.name).id}
        self._begin(event, "TOOL_CALL_ARGS", id, "TOOL_CALL_END")
        start = {"type": "TOOL_CALL_START", **id, "toolCallName": event.name}
        about = {"metadata": {"providerExecuted": True}} if event.provider_executed else {}
        tag = self._tag(event)
        yield frame({**start, "parentMessageId": event.message_id, **about, **tag})

    def _call_end(self, event: ToolCallEnd) -> Frames:
        self._calls[event.tool_call_id].args = event.args
        wrong = {"metadata": {"error": event.error}} if event.error else {}
        return self._end(event.message_id, event.block_id, **wrong)

    def _text(self, event: TextDelta | ReasoningDelta) -> Frames:
        head = self._open[event.message_id, event.block_id].head
        return (head + dump_text(event.text) + DELTA_END,)

    def _args(self, event: ToolCallDelta) -> Frames:
        head = self._open[event.message_id, event.block_id].head
        return (head + dump_text(event.args) + DELTA_END,)

    # --- tools

    def _tool_start(self, event: ToolStart) -> Frames:
        known = self._calls.get(event.tool_call_id)
        call = known or self._calls.begin(event.tool_call_id, event.name)
        if self._subagents:
            self._subagents.tool_starts(event.origin, call.id)
        if known:
            return
        args = dumps(event.input or {}, private=self._private).decode()
        id = {"toolCallId": call.id}
        start = {"type": "TOOL_CALL_START", **id, "toolCallName": event.name}
        yield frame({**start, **self._tag(event)})
        yield frame({"type": "TOOL_CALL_ARGS", **id, "delta": args})
        yield frame({"type": "TOOL_CALL_END", **id})

    def _tool_end(self, event: ToolEnd) -> Frames:
        if event.status != "completed":
            return ()
        content = result_content(event.output, private=self._private)
        if event.artifact is None:
            return self._result(event, event.tool_call_id, content)
        artifact = flat(event.artifact, private=self._private)
        return self._result(event, event.tool_call_id, content, artifact=artifact)

    def _tool_error(self, event: ToolError) -> Frames:
        said = error_text(event.error, private=self._private)
        return self._result(event, event.tool_call_id, f"error: {said}", status="error")

    def _content(self, event: Content) -> Frames:
        """Give the result of a tool that the provider ran, or whatever else it is."""
        answered = answered_call(event.block)
        if answered not in self._calls:
            return self._other(event)
        return self._result(event, answered, result_content(event.block, private=self._private))

    def _result(self, event: Event, answered: str, content: Any, **metadata: Any) -> Frames:
        known = self._calls.get(answered)
        if known:
            known.args = None  # whatever is asked from now on is about another call
        call = known.id if known else answered
        self._results[call] += 1
        number = self._results[call]
        id = f"{call}:result" if number == 1 else f"{call}:result{number}"
        result = {"messageId": id, "toolCallId": call, "role": "tool"}
        about = {"metadata": metadata} if metadata else {}
        tag = self._tag(event)
        yield frame({"type": "TOOL_CALL_RESULT", **result, "content": content, **about, **tag})

    # --- all else

    def _state_snapshot(self, event: StateSnapshot) -> Frames:
        """Give the state, or what changed in it, whichever is shorter. A subgraph's is custom."""
        if event.origin.namespace:
            return self._other(event)
        state, last = flat(event.values, private=self._private), self._state
        self._state = (state,)
        whole = frame({"type": "STATE_SNAPSHOT", "snapshot": state})
        if last is None:
            return (whole,)
        changes = patch(last[0], state)
        delta = frame({"type": "STATE_DELTA", "delta": changes})
        return (min(delta, whole, key=len),) if changes else ()

    def _interrupt(self, event: Interrupt) -> Frames:
        call, reason = self._question(event)
        asked = interrupt_form(event, call, reason, private=self._private)
        self._interrupts.append({**asked, **self._tag(event)})
        if self._subagents:
            self._subagents.pause(event)
        return ()

    def _question(self, event: Interrupt) -> tuple[str | None, str | None]:
        """Give the call that is asked about, if it is one alone, and what is said of it."""
        questions = questions_in(event.value, event.tool_call_id)
        if len(questions) != 1:
            return event.tool_call_id, None
        call = self._calls.find(questions[0])
        return call.id if call else event.tool_call_id, questions[0].reason

    def _custom(self, event: Custom) -> Frames:
        value = {"name": custom_name(event), "value": flat(event.data, private=self._private)}
        yield frame({"type": "CUSTOM", **value, **self._tag(event)})

    def _other(self, event: Event) -> Frames:
        value = to_dict(event, private=self._private)
        tag = self._tag(event)
        yield frame({"type": "CUSTOM", "name": f"streamkit.{event.type}", "value": value, **tag})

    # --- parts

    def _begin(self, event: PartStart, delta: str, id: dict[str, str], *ends: str) -> None:
        """Note how to go on with a part, and how to end it."""
        head = delta_head({"type": delta, **id}, "delta")
        self._open[event.message_id, event.block_id] = _Part(head, id, ends)

    def _end(self, id: str, block_id: int | None, **more: Any) -> Frames:
        part = self._open.pop((id, block_id), None)
        return part.end(**more) if part else ()

    def _tag(self, event: Event) -> Fields:
        return tag_of(event.origin) if self._subagents else {}

    def _whence(self, event: Event) -> Fields:
        node = event.origin.node
        return {**self._tag(event), **({"metadata": {"node": node}} if node else {})}


def _reasoning_id(event: ReasoningStart | ReasoningEnd) -> dict[str, str]:
    """Give the id of reasoning, which is a message of its own in AG-UI."""
    return {"messageId": f"{event.message_id}:{event.block_id}"}
