"""Calls, tools and approvals in the AI SDK's UI message stream.

A call is written before anything about it, and no two calls of a message share an id: clients throw
at the one, and write one call over the other.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from ... import events as ev
from ...values import Origin
from .._blocks import fields_of_message
from .._call_ids import Call
from .._frames import DELTA_END, delta_head
from .._plain_json import dump_text
from ..protocol import BaseEncoder, Question, error_text, questions_in
from ._chunks import Target, chunk, data, metadata_of, rules_of

_OF_CALLS = (
    *(ev.ToolCallStart, ev.ToolCallDelta, ev.ToolCallEnd),
    *(ev.ToolStart, ev.ToolDelta, ev.ToolEnd, ev.ToolError),
)


PARTS: Final = 20
"""The most parts that one preliminary output has."""


class Continuation(NamedTuple):
    """The parts that a client already shows of the message that a run continues."""

    message_id: str
    """The UI message's id."""
    calls: Mapping[str, str] = MappingProxyType({})
    """The names of the calls in it, by their ids there."""
    denied: frozenset[str] = frozenset()
    """The calls among them that the user denied."""
    answered: tuple[dict[str, Any], ...] = ()
    """The data of the ``data-interrupt`` parts that the user answered."""


class CallEncoder(BaseEncoder):
    """The part of the encoder that writes calls."""

    def __init__(self, target: Target, continues: Continuation, *, private: bool) -> None:
        super().__init__(private=private, known_calls=continues.calls)
        self._target = rules_of(target)
        self._continues = continues
        self._running: set[str] = set()
        self._heads: dict[str, bytes] = {}
        """The calls that a model writes, each with the bytes that its deltas begin with."""
        self._unanswered: dict[str, Call] = {}
        """The calls without a result."""
        self._inner: defaultdict[str, deque[dict[str, Any]]] = defaultdict(
            lambda: deque(maxlen=PARTS)
        )
        """The texts of agents inside tools, by call."""

    def _of_call(
        self, type: str, call: Call, payload: dict[str, Any] | None = None, **fields: Any
    ) -> bytes:
        """Return a chunk about a call; ``dynamic`` means that the client need not know the tool.

        ai 5 fails where a result lacks the ``dynamic`` of its call, so every chunk has it.
        """
        # For a call that the provider ran, the client must not fire `onToolCall` and run it again.
        executed = True if call.provider_executed else None
        about = {"toolCallId": call.id, "dynamic": True, "providerExecuted": executed}
        return chunk(type, payload, **about, **fields)

    # --- calls of models

    def tool_call_start(self, event: ev.ToolCallStart) -> Iterator[bytes]:
        call = self.calls[event.tool_call_id]
        call.is_shown = True
        self._unanswered[call.id] = call
        about = {"type": "tool-input-delta", "toolCallId": call.id}
        self._heads[call.id] = delta_head(about, "inputTextDelta")
        yield self._of_call("tool-input-start", call, toolName=call.name)

    def tool_call_delta(self, event: ev.ToolCallDelta) -> Iterable[bytes]:
        # Clients throw at a delta of a call without a start.
        head = self._heads.get(event.tool_call_id)
        return (head + dump_text(event.args) + DELTA_END,) if head else ()

    def tool_call_end(self, event: ev.ToolCallEnd) -> Iterator[bytes]:
        if self._heads.pop(event.tool_call_id, None) is None:
            return
        call = self.calls[event.tool_call_id]
        if event.error is None:
            yield self._input(call, event.args, event.origin)
        else:
            yield self._bad_input(call, event.text, event.error)

    def _bad_input(self, call: Call, text: str, why: str) -> bytes:
        self._unanswered.pop(call.id, None)
        return self._of_call(
            "tool-input-error", call, {"input": text}, toolName=call.name, errorText=why
        )

    def _input(self, call: Call, input: object, origin: Origin) -> bytes:
        kind, source = "tool-input-available", metadata_of(origin)
        payload = {"input": input}
        return self._of_call(kind, call, payload, toolName=call.name, providerMetadata=source)

    # --- tool runs

    def tool_start(self, event: ev.ToolStart) -> Iterable[bytes]:
        self._running.add(event.tool_call_id)
        return self._shown(event, event.input)

    def _shown(
        self, event: ev.ToolStart | ev.ToolEnd | ev.ToolError, input: object
    ) -> Iterable[bytes]:
        """Write a call that no model wrote: the client fails on a result of an unknown call."""
        call = self.calls.get(event.tool_call_id)
        return self._show(call, input, event.origin) if call else ()

    def _show(self, call: Call, input: object, origin: Origin) -> Iterator[bytes]:
        """Write a call that the client does not have."""
        if not call.is_shown:
            call.is_shown = True
            self._unanswered[call.id] = call
            yield self._input(call, input, origin)

    def tool_delta(self, event: ev.ToolDelta) -> Iterator[bytes]:
        # The protocol streams no tool's output: `preliminary` output is whole each time.
        piece = {"toolCallId": event.tool_call_id, "delta": event.delta}
        yield data("tool-delta", piece, transient=True)

    def tool_end(self, event: ev.ToolEnd) -> Iterator[bytes]:
        yield from self._shown(event, None)
        self._running.discard(event.tool_call_id)
        call = self.calls[event.tool_call_id]
        if event.status == "completed":
            yield self._output(call, event.output)
        # A tool that waits for an answer is no failure: its result comes with the run that answers.
        elif event.status != "interrupted":
            yield self._failed(call, event.status)
        if event.artifact is not None:
            yield data("artifact", {"toolCallId": call.id, "artifact": event.artifact})

    def tool_error(self, event: ev.ToolError) -> Iterator[bytes]:
        yield from self._shown(event, None)
        self._running.discard(event.tool_call_id)
        call = self.calls[event.tool_call_id]
        # Only approvals can be denied, and both exist from ai 6 on.
        if call.id in self._continues.denied:
            self._unanswered.pop(call.id, None)
            yield chunk("tool-output-denied", toolCallId=call.id)
        else:
            yield self._failed(call, error_text(event.error))

    def inside(self, event: Any) -> Iterable[bytes]:
        """Write the texts inside a tool as its preliminary output; a call there is a part.

        The output is a UI message, as the AI SDK has it for sub-agents, until the tool's own comes.
        It has the last `PARTS` texts, so that the bytes grow with the number of texts alone.
        """
        if isinstance(event, _OF_CALLS):
            yield from self._rules[event.__class__](event)
        elif isinstance(event, (ev.TextEnd, ev.ReasoningEnd)) and event.text:
            call = self.calls.current(event.origin.tool_call_id)  # None where the source has none
            if call and call.id in self._running:
                kind = "text" if isinstance(event, ev.TextEnd) else "reasoning"
                parts = self._inner[call.id]
                parts.append({"type": kind, "text": event.text, "state": "done"})
                # Each output replaces the one before it (ai 5 to 7): it holds all texts.
                so_far = {"id": f"{call.id}:inner", "role": "assistant", "parts": [*parts]}
                output = {"output": so_far}
                yield self._of_call("tool-output-available", call, output, preliminary=True)

    def message_replaced(self, event: ev.MessageReplaced) -> Iterable[bytes]:
        """Write the result by which a node replaced a tool's own."""
        call = self.calls.get(event.tool_call_id)
        if call and call.is_shown:
            yield self._output(call, fields_of_message(event.message).get("content"))

    def _output(self, call: Call, output: object) -> bytes:
        self._unanswered.pop(call.id, None)
        return self._of_call("tool-output-available", call, {"output": output})

    def _failed(self, call: Call, why: str) -> bytes:
        self._unanswered.pop(call.id, None)
        return self._of_call("tool-output-error", call, errorText=why)

    def provider_result(self, given_id: str | None, output: object) -> bytes | None:
        """Return the result of a call that the provider ran; None where it is no such call."""
        call = self.calls.current(given_id)
        return self._output(call, output) if call and call.provider_executed else None

    def end_calls(self, why: str) -> Iterator[bytes]:
        """End the calls that get no result any more."""
        # A call without its input or its result stays a spinner for ever: no client ends it.
        for id in list(self._heads):
            yield self._bad_input(self.calls[id], "", why)
        self._heads.clear()
        for call in list(self._unanswered.values()):
            yield self._failed(call, why)

    # --- interrupts

    def interrupt(self, event: ev.Interrupt) -> Iterator[bytes]:
        asking = self.calls.get(event.tool_call_id)
        if asking:
            yield from self._show(asking, asking.args, event.origin)
        # No chunk carries an interrupt's value: approvals ask yes or no, and about calls alone.
        yield data("interrupt", self._asked(event), id=event.interrupt_id)
        if self._target.approvals:
            for n, question in enumerate(questions_in(event.value, event.tool_call_id)):
                yield from self._request(f"{event.interrupt_id}/{n}", question, event.origin)

    def _asked(self, event: ev.Interrupt) -> dict[str, Any]:
        about = {
            "toolCallId": event.tool_call_id,
            "responseSchema": event.response_schema,
            "namespace": event.origin.namespace or None,
            "static": event.static or None,
        }
        asked = {"interruptId": event.interrupt_id, "value": event.value, "answered": False}
        return asked | {name: it for name, it in about.items() if it is not None}

    def _request(self, id: str, question: Question, origin: Origin) -> Iterator[bytes]:
        # The client throws at an approval for a call that it does not have. The middleware of
        # langchain 1.5 names no call ids: they are found by name and args.
        call = self.calls.find(question)
        call = call or self.calls.begin(question.tool_call_id or id, question.name)
        yield from self._show(call, question.args, origin)
        yield chunk("tool-approval-request", approvalId=id, toolCallId=call.id)
