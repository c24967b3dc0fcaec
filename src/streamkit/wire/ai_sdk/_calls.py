"""Calls, tools and approvals in the AI SDK's UI message stream.

A call is known before anything else is said of it, and no two calls of a message share an id:
clients throw at the one, and write one call over the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ...events import (
    Interrupt,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolDelta,
    ToolEnd,
    ToolError,
    ToolStart,
)
from ...values import Origin
from .._approvals import Question, questions_in
from .._call_ids import Call, CallIds
from .._frames import DELTA_END, delta_head
from .._json import dump_text
from ._chunks import Chunks, metadata_of

__all__ = ["CallWriter", "Continuation"]


class Continuation(NamedTuple):
    """What a client already shows of the message that a run goes on with."""

    message_id: str
    """The UI message's id."""
    calls: tuple[str, ...] = ()
    """The calls in it, by their ids there."""
    denied: frozenset[str] = frozenset()
    """Those of them that the user did not allow."""
    answered: tuple[dict[str, Any], ...] = ()
    """What the ``data-interrupt`` parts hold that the user answered."""


class CallWriter:
    """What an encoder knows of the calls of a run."""

    def __init__(self, chunks: Chunks, continues: Continuation) -> None:
        self.running: set[str] = set()
        """The calls whose tools run."""
        self._chunks = chunks
        self._written: dict[tuple[str, int], Call] = {}
        self._denied = continues.denied
        self._calls = CallIds(continues.calls)

    def writers(self) -> dict[type, Callable[[Any], Iterable[bytes]]]:
        """Give what writes each class of events."""
        return {
            ToolCallStart: self._start,
            ToolCallDelta: self._delta,
            ToolCallEnd: self._end,
            ToolStart: self._tool_start,
            ToolDelta: self._tool_delta,
            ToolEnd: self._tool_end,
            ToolError: self._tool_error,
            Interrupt: self._interrupt,
        }

    def _of_call(
        self, type: str, call: Call, payload: Mapping[str, Any] | None = None, **fields: Any
    ) -> bytes:
        """Give a chunk about a call; ``dynamic`` says that the client need not know the tool."""
        executed = True if call.provider_executed else None
        about = {"toolCallId": call.id, "dynamic": True, "providerExecuted": executed}
        return self._chunks.say(type, payload, **about, **fields)

    # --- the model writes

    def _start(self, event: ToolCallStart) -> Iterator[bytes]:
        executed = event.provider_executed
        call = self._calls.begin(event.tool_call_id, event.name, provider_executed=executed)
        self._written[event.message_id, event.block_id] = call
        about = {"type": "tool-input-delta", "toolCallId": call.id}
        call.head = delta_head(about, "inputTextDelta")
        yield self._of_call("tool-input-start", call, toolName=call.name)

    def _delta(self, event: ToolCallDelta) -> Iterable[bytes]:
        call = self._written.get((event.message_id, event.block_id))
        return (call.head + dump_text(event.args) + DELTA_END,) if call else ()

    def _end(self, event: ToolCallEnd) -> Iterator[bytes]:
        call = self._written.pop((event.message_id, event.block_id), None)
        if call and event.error is None:
            yield self._input(call, event.args, event.origin)
        elif call:
            yield self._bad_input(call, event.text, event.error)

    def _bad_input(self, call: Call, text: str, why: str | None) -> bytes:
        told = {"input": text}
        return self._of_call("tool-input-error", call, told, toolName=call.name, errorText=why)

    def _input(self, call: Call, input: object, origin: Origin) -> bytes:
        call.args = input
        told, name, source = {"input": input}, call.name, metadata_of(origin)
        kind = "tool-input-available"
        return self._of_call(kind, call, told, toolName=name, providerMetadata=source)

    # --- the tool runs

    def _tool_start(self, event: ToolStart) -> Iterable[bytes]:
        self.running.add(event.tool_call_id)
        return self._known(event, event.input)

    def _known(self, event: ToolStart | ToolEnd | ToolError, input: object) -> Iterator[bytes]:
        """Tell of a call that no model was seen to write."""
        if event.tool_call_id not in self._calls:
            call = self._calls.begin(event.tool_call_id, event.name)
            yield self._input(call, input, event.origin)

    def _tool_delta(self, event: ToolDelta) -> Iterator[bytes]:
        data = {"toolCallId": self._calls.id_of(event.tool_call_id), "delta": event.delta}
        yield self._chunks.data("tool-delta", data, transient=True)

    def _tool_end(self, event: ToolEnd) -> Iterator[bytes]:
        self.running.discard(event.tool_call_id)
        yield from self._known(event, None)
        call = self._calls[event.tool_call_id]
        if event.status == "completed":
            yield self._output(call, event.output)
        elif event.status != "interrupted":
            yield self._of_call("tool-output-error", call, errorText=event.status)
        if event.artifact is not None:
            data = {"toolCallId": call.id, "artifact": event.artifact}
            yield self._chunks.data("artifact", data)

    def _tool_error(self, event: ToolError) -> Iterator[bytes]:
        self.running.discard(event.tool_call_id)
        yield from self._known(event, None)
        call = self._calls[event.tool_call_id]
        if call.id in self._denied:
            yield self._chunks.say("tool-output-denied", toolCallId=call.id)
        else:
            text = self._chunks.error_text(event.error)
            yield self._of_call("tool-output-error", call, errorText=text)

    def _output(self, call: Call, output: object) -> bytes:
        return self._of_call("tool-output-available", call, {"output": output})

    def result(self, tool_call_id: str | None, output: object) -> bytes | None:
        """Give the result of a call that the provider ran; None where it is no such call."""
        call = self._calls.get(tool_call_id)
        return self._output(call, output) if call and call.provider_executed else None

    def close(self) -> Iterator[bytes]:
        """End what is open, if events stopped before the run did."""
        for call in self._written.values():
            yield self._bad_input(call, "", "incomplete")
        for id in sorted(self.running):
            yield self._of_call("tool-output-error", self._calls[id], errorText="incomplete")

    # --- somebody is asked

    def _interrupt(self, event: Interrupt) -> Iterator[bytes]:
        yield self._chunks.data("interrupt", self._asked(event), id=event.interrupt_id)
        if self._chunks.rules.approvals:
            for n, question in enumerate(questions_in(event.value, event.tool_call_id)):
                yield from self._request(f"{event.interrupt_id}/{n}", question, event.origin)

    def _asked(self, event: Interrupt) -> dict[str, Any]:
        told = {
            "toolCallId": self._calls.id_of(event.tool_call_id),
            "responseSchema": event.response_schema,
            "namespace": event.origin.namespace or None,
            "static": event.static or None,
        }
        asked = {"interruptId": event.interrupt_id, "value": event.value, "answered": False}
        return asked | {name: it for name, it in told.items() if it is not None}

    def _request(self, id: str, question: Question, origin: Origin) -> Iterator[bytes]:
        call = self._calls.find(question)
        if call is None:
            call = self._calls.begin(question.tool_call_id or id, question.name)
            yield self._input(call, question.args, origin)
        yield self._chunks.say("tool-approval-request", approvalId=id, toolCallId=call.id)
