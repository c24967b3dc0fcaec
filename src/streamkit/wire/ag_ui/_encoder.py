"""The events of one run as AG-UI events, and the parts that are open."""

from __future__ import annotations

from typing import Any, ClassVar, Final, TypeAlias
from uuid import uuid4

from msgspec import Struct

from ... import events as ev
from ..._fields import JsonObject
from ...values import Status
from .._blocks import fields_of_message, text_of
from .._forms import FAILED
from .._frames import DELTA_END, delta_head
from .._patch import patch
from .._plain_json import dump_plain, dump_text
from .._redact import InnerText
from ..protocol import BaseEncoder, Frames, error_text, frame, questions_in
from ._conversation import Conversation
from ._request import Request, named_calls
from ._subagents import Steps, Subagents, tag_of
from ._values import (
    answered_call,
    custom_name,
    interrupt_form,
    outcome,
    result_content,
    run_error_form,
    usage,
)

PROTOCOL_VERSION: Final = "1.0"
"""The version of AG-UI that is written here."""

_ROLES = {"human": "user", "user": "user", "system": "system", "developer": "developer"}
CUT_OFF: Final = {"type": "RUN_ERROR", "message": "the run was cut off", "code": "incomplete"}
"""The end of a run that was cut off."""

PartStart: TypeAlias = ev.TextStart | ev.ReasoningStart | ev.ToolCallStart


class _Part(Struct, frozen=True):
    """An open part: how its deltas begin, and the events that end it."""

    head: bytes
    fields: JsonObject
    ends: tuple[str, ...]

    def end(self, **more: Any) -> Frames:
        """Return the frames that end it."""
        return tuple(frame({"type": end, **self.fields, **more}) for end in self.ends)


class Encoder(BaseEncoder):
    r"""One run's encoder of AG-UI frames.

    Args:
        request: what the client sent. It names thread and run, and the calls that it knows.
        private: also write what otherwise stays in the process, such as exception texts.
        subagents: write subgraphs as subagents, which clients before 1.0 refuse.

    >>> from streamkit import Origin
    >>> part = {"origin": Origin(), "timestamp": 0.5, "message_id": "m", "block_id": 0}
    >>> write = Encoder()
    >>> write.feed(ev.TextStart(**part))
    (b'data: {"type":"TEXT_MESSAGE_START","messageId":"m","role":"assistant"}\n\n',)
    >>> write.feed(ev.TextDelta(**part, text="Hi"))
    (b'data: {"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"Hi"}\n\n',)
    """

    flat: ClassVar[bool] = True

    def __init__(
        self, request: Request | None = None, *, private: bool = False, subagents: bool = True
    ) -> None:
        # `@ag-ui/client` 0.0.59, which CopilotKit 1.75 pins, names no version in its requests and
        # refuses results that are lists; clients up to 0.0.57 refuse `SUBAGENT_*` events.
        is_old = request is not None and request.protocol_version is None
        subagents = subagents and not is_old
        self.inner_text: InnerText = "subgraphs" if subagents else "never"
        known = named_calls(request) if request else ()
        super().__init__(private=private, known_calls=known)
        self._request = request
        self._is_old = is_old
        self.conversation: Conversation = Conversation(request.messages if request else ())
        """The messages that the client has."""
        self._needs_snapshot = False
        self._subagents = Subagents() if subagents else None
        self._run: JsonObject = {"threadId": "", "runId": ""}
        self._roles: dict[str, str] = {}
        self._open: dict[tuple[str, int | None], _Part] = {}
        self._steps = Steps()
        self._interrupts: list[JsonObject] = []
        self._state: tuple[Any] | None = None

    def framed(self, item: Any, frames: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Return the frames of an event, behind the start of the subgraph that it is from."""
        is_speaking = any(it.head for it in self._open.values())
        # A snapshot in the midst of a text would replace the message that its deltas go to.
        if not (is_speaking or self.is_over):
            frames = (*frames, *self._snapshot())
        origin = getattr(item, "origin", None)
        if frames and self._subagents and origin is not None and origin.namespace:
            return (*map(frame, self._subagents.enter(origin)), *frames)
        return frames

    def _snapshot(self) -> Frames:
        """Write the client's messages, if one changed or was withdrawn: no event changes one."""
        if self._needs_snapshot:
            self._needs_snapshot = False
            yield frame({"type": "MESSAGES_SNAPSHOT", "messages": self.conversation.messages})

    # --- the run

    def run_start(self, event: ev.RunStart) -> Frames:
        wanted = self._request
        self._run = {
            "threadId": wanted.thread_id if wanted else event.origin.thread_id or uuid4().hex,
            "runId": wanted.run_id if wanted else event.run_id or uuid4().hex,
        }
        # The client fails unless this is the first event, once.
        yield frame({"type": "RUN_STARTED", **self._run, "protocolVersion": PROTOCOL_VERSION})

    def run_end(self, event: ev.RunEnd) -> Frames:
        # A stream that just ends counts as a success in `@ag-ui/client` 1.0.0, and AG-UI has no
        # outcome for a run that was cut off: it is an error.
        if event.status == "incomplete":
            return self._finish({**CUT_OFF, **usage(event)}, event.status)
        end: JsonObject = {"type": "RUN_FINISHED", **self._run}
        # An optional field is left out, never null: the client's schema refuses a null.
        if event.output is not None:
            end["result"] = event.output
        # An `interrupt` outcome obliges the client: its next request must answer all of them.
        end["outcome"] = outcome(event.status, self._interrupts)
        return self._finish({**end, **usage(event)}, event.status)

    def run_error(self, event: ev.RunError) -> Frames:
        end = run_error_form(event.error)
        return self._finish({**end, **usage(event)}, "failed")

    def _finish(self, end: JsonObject, status: Status) -> Frames:
        """End all open parts, innermost first, and then the run.

        ``@ag-ui/client`` 1.0.0 fails on a ``RUN_FINISHED`` while anything is open.
        """
        for part in reversed(self._open.values()):
            yield from part.end()
        if self._subagents:
            yield from map(frame, self._subagents.leave_all(status))
        yield from self._snapshot()
        yield frame(end)

    # --- steps

    def step_start(self, event: ev.StepStart) -> Frames:
        if event.kind == "graph" and self._subagents:
            self._subagents.graph_starts(event)
        # A `STEP_FINISHED` must name a step that is open. Other runnables have names of their own
        # choice, often one for many at once; nodes have a task each.
        if event.kind != "node":
            return
        tag = self._tag(event)
        step = {**tag, "stepName": self._steps.begin(event, tag.get("subagentRunId"))}
        self._open[event.step_id, None] = _Part(b"", step, ("STEP_FINISHED",))
        yield frame({"type": "STEP_STARTED", **step})

    def step_end(self, event: ev.StepEnd) -> Frames:
        self._steps.end(event.step_id)
        if event.kind == "graph" and self._subagents:
            return map(frame, self._subagents.leave(event))
        return self._end(event.step_id, None)

    def step_delta(self, event: ev.StepDelta) -> Frames:
        return () if event.step_id else self.other(event)

    # --- messages

    def message_start(self, event: ev.MessageStart) -> Frames:
        if event.role in _ROLES:
            # `TEXT_MESSAGE_START` allows four roles, not that of a tool, whose message is a result.
            self._roles[event.message_id] = _ROLES[event.role]
        return ()

    def message_end(self, event: ev.MessageEnd) -> Frames:
        self._roles.pop(event.message_id, None)
        if event.status == "abandoned":
            self._needs_snapshot |= self.conversation.remove(event.message_id)
        return ()

    def message_added(self, event: ev.MessageAdded) -> Frames:
        """Show a message that a node wrote for the user, such as a summary. No prompt is one."""
        message = fields_of_message(event.message)
        if message.get("type") != "human" or not isinstance(message.get("id"), str):
            return ()
        user = self.conversation.begin(message["id"], "user", **self._tag(event))
        user["content"] = result_content(message.get("content"))
        self._needs_snapshot = True
        return ()

    def message_removed(self, event: ev.MessageRemoved) -> Frames:
        self._needs_snapshot |= self.conversation.remove(event.message_id)
        return ()

    def message_replaced(self, event: ev.MessageReplaced) -> Frames:
        self._needs_snapshot |= self.conversation.replace(event)
        return ()

    def text_start(self, event: ev.TextStart) -> Frames:
        id = {"messageId": event.message_id}
        self._open_part(event, "TEXT_MESSAGE_CONTENT", id, "TEXT_MESSAGE_END")
        role = self._roles.get(event.message_id, "assistant")
        whence = self._whence(event)
        self.conversation.begin(event.message_id, role, **whence)
        yield frame({"type": "TEXT_MESSAGE_START", **id, "role": role, **whence})

    def text_end(self, event: ev.TextEnd) -> Frames:
        self.conversation.text(event.message_id, event, "assistant")
        return self._end(event.message_id, event.block_id)

    def reasoning_start(self, event: ev.ReasoningStart) -> Frames:
        id = _reasoning_id(event)
        ends = ("REASONING_MESSAGE_END", "REASONING_END")
        self.conversation.begin(id["messageId"], "reasoning", **self._whence(event))
        self._open_part(event, "REASONING_MESSAGE_CONTENT", id, *ends)
        start = {"type": "REASONING_MESSAGE_START", **id, "role": "reasoning"}
        # Reasoning is a span around a message. `@ag-ui/client` 1.0.0 refuses a second span under an
        # open id; each block has an id of its own.
        yield frame({"type": "REASONING_START", **id, **self._tag(event)})
        yield frame({**start, **self._whence(event)})

    def reasoning_end(self, event: ev.ReasoningEnd) -> Frames:
        yield from self._end(event.message_id, event.block_id)
        self.conversation.text(_reasoning_id(event)["messageId"], event, "reasoning")
        if event.signature:
            about = {"subtype": "message", "entityId": _reasoning_id(event)["messageId"]}
            signed = {"encryptedValue": event.signature}
            yield frame({"type": "REASONING_ENCRYPTED_VALUE", **about, **signed})

    def tool_call_start(self, event: ev.ToolCallStart) -> Frames:
        self.calls[event.tool_call_id].is_shown = True
        tag = self._tag(event)
        # Calls of a message share its `parentMessageId`: the client puts them into one message.
        self.conversation.begin(event.message_id, "assistant", **tag)
        id = {"toolCallId": event.tool_call_id}
        self._open_part(event, "TOOL_CALL_ARGS", id, "TOOL_CALL_END")
        start = {"type": "TOOL_CALL_START", **id, "toolCallName": event.name}
        about = {"metadata": {"providerExecuted": True}} if event.provider_executed else {}
        yield frame({**start, "parentMessageId": event.message_id, **about, **tag})

    def tool_call_end(self, event: ev.ToolCallEnd) -> Frames:
        self.conversation.call(event.message_id, event.tool_call_id, event.name, event.text)
        wrong = {"metadata": {"error": event.error}} if event.error else {}
        return self._end(event.message_id, event.block_id, **wrong)

    def text_delta(self, event: ev.TextDelta | ev.ReasoningDelta) -> Frames:
        part = self._open.get((event.message_id, event.block_id))
        return (part.head + dump_text(event.text) + DELTA_END,) if part else ()

    reasoning_delta = text_delta

    def tool_call_delta(self, event: ev.ToolCallDelta) -> Frames:
        part = self._open.get((event.message_id, event.block_id))
        return (part.head + dump_text(event.args) + DELTA_END,) if part else ()

    # --- tools

    def tool_start(self, event: ev.ToolStart) -> Frames:
        call = self.calls[event.tool_call_id]
        if self._subagents:
            self._subagents.tool_starts(event.origin, call.id)
        if not call.is_shown:
            yield from self._call(event, event.input)

    def _call(self, event: ev.ToolStart | ev.ToolEnd | ev.ToolError, input: Any) -> Frames:
        """Write a call that no model was seen to write."""
        call = self.calls[event.tool_call_id]
        call.is_shown = True
        # Arguments are always a JSON text: AG-UI has no parsed form of them.
        args = dump_plain(input or {}).decode()
        tag = self._tag(event)
        self.conversation.call(call.id, call.id, event.name, args, **tag)
        id = {"toolCallId": call.id}
        start = {"type": "TOOL_CALL_START", **id, "toolCallName": event.name}
        yield frame({**start, **tag})
        # A call that is shown after it ran still needs all three events: `TOOL_CALL_ARGS` fails
        # without a start, and `RUN_FINISHED` while a call is open.
        yield frame({"type": "TOOL_CALL_ARGS", **id, "delta": args})
        yield frame({"type": "TOOL_CALL_END", **id})

    def tool_end(self, event: ev.ToolEnd) -> Frames:
        if event.status != "completed":
            return ()
        content = result_content(event.output)
        if event.artifact is None:
            return self._result(event, event.tool_call_id, content)
        return self._result(event, event.tool_call_id, content, artifact=event.artifact)

    def tool_error(self, event: ev.ToolError) -> Frames:
        # AG-UI's result event has no field for a failure: `metadata` holds its name.
        text = error_text(event.error) if self._private else FAILED
        return self._result(event, event.tool_call_id, text, status="error", error=event.error.name)

    def content(self, event: ev.Content) -> Frames:
        """Return the result of a tool that the provider ran, or any other block as custom data."""
        # A provider's own tool has its result in a block of the same message.
        call = self.calls.current(answered_call(event.block))
        if call is None:
            return self.other(event)
        return self._result(event, call.id, result_content(event.block))

    def _result(self, event: ev.Event, call_id: str, content: Any, **metadata: Any) -> Frames:
        call = self.calls[call_id]
        if isinstance(event, (ev.ToolEnd, ev.ToolError)) and not call.is_shown:
            yield from self._call(event, None)
        if self._is_old:  # (clients before AG-UI 1.0 accept only a text as a result)
            content = text_of(content)
        result = {"messageId": self.result_id(call_id), "toolCallId": call_id, "role": "tool"}
        about = {**({"metadata": metadata} if metadata else {}), **self._tag(event)}
        self.conversation.result(result["messageId"], call_id, content, **about)
        yield frame({"type": "TOOL_CALL_RESULT", **result, "content": content, **about})

    # --- other events

    def state_snapshot(self, event: ev.StateSnapshot) -> Frames:
        """Return the state, or what changed in it, whichever is shorter. A subgraph's is custom."""
        # The client has one state, that of the root: a subgraph's would replace it.
        if event.origin.namespace:
            return self.other(event)
        state, last = event.values, self._state
        self._state = (state,)
        whole = frame({"type": "STATE_SNAPSHOT", "snapshot": state})
        if last is None:
            return (whole,)
        changes = patch(last[0], state)
        # The client only warns of a patch that does not apply: it is made from what was sent last.
        delta = frame({"type": "STATE_DELTA", "delta": changes})
        return (min(delta, whole, key=len),) if changes else ()

    def interrupt(self, event: ev.Interrupt) -> Frames:
        call, reason = self._question(event)
        asked = interrupt_form(event, call, reason)
        # Interrupts are in the outcome of `RUN_FINISHED`, as AG-UI 1.0 has no event for one.
        self._interrupts.append({**asked, **self._tag(event)})
        if self._subagents:
            self._subagents.pause(event)
        return ()

    def _question(self, event: ev.Interrupt) -> tuple[str | None, str | None]:
        """Return the call that is asked about, if there is exactly one, and the user's text."""
        questions = questions_in(event.value, event.tool_call_id)
        if len(questions) != 1:
            return event.tool_call_id, None
        call = self.calls.find(questions[0])
        return call.id if call else event.tool_call_id, questions[0].reason

    def custom(self, event: ev.Custom) -> Frames:
        value = {"name": custom_name(event), "value": event.data}
        yield frame({"type": "CUSTOM", **value, **self._tag(event)})

    def other(self, event: ev.Event) -> Frames:
        value = self.form_of(event)
        tag = self._tag(event)
        yield frame({"type": "CUSTOM", "name": f"streamkit.{event.type}", "value": value, **tag})

    # --- parts

    def _open_part(self, event: PartStart, delta: str, id: dict[str, str], *ends: str) -> None:
        """Register an open part: how its deltas begin, and the events that end it."""
        head = delta_head({"type": delta, **id}, "delta")
        self._open[event.message_id, event.block_id] = _Part(head, id, ends)

    def _end(self, id: str, block_id: int | None, **more: Any) -> Frames:
        part = self._open.pop((id, block_id), None)
        return part.end(**more) if part else ()

    def _tag(self, event: ev.Event) -> JsonObject:
        return tag_of(event.origin) if self._subagents else {}

    def _whence(self, event: ev.Event) -> JsonObject:
        node = event.origin.node
        return {**self._tag(event), **({"metadata": {"node": node}} if node else {})}


def _reasoning_id(event: ev.ReasoningStart | ev.ReasoningEnd) -> dict[str, str]:
    """Return the id of reasoning, which is a message of its own in AG-UI."""
    return {"messageId": f"{event.message_id}:{event.block_id}"}
