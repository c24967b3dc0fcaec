"""The encoder of Responses API events, and the output items of one response."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from ... import events as ev
from ..._fields import JsonObject, dict_or_empty, refusal_of
from ...values import Usage
from .._blocks import as_list, fields_of_message, file_of, source_of, text_of
from .._openai import Calls, OpenAIEncoder, usage_form
from .._plain_json import dump_plain
from ..protocol import Frames, error_text, questions_in
from ._items import REASONING, REFUSAL, TEXT, Growing, Kind, Output
from ._request import Request

SERVER: Final = "agent"
"""The ``server_label`` of the tools that run here."""

_CUT: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Why a response is incomplete, by the finish reason of the last model."""

_RATE_LIMIT: Final = 429


class Encoder(OpenAIEncoder):
    r"""One run's encoder; `encoder` describes the options.

    >>> from streamkit import Origin
    >>> part = {"origin": Origin(), "timestamp": 0.5, "message_id": "m", "block_id": 0}
    >>> write = Encoder()
    >>> created, in_progress, item, content = write.feed(ev.TextStart(**part))
    >>> write.feed(ev.TextDelta(**part, text="Hi"))[0].endswith(b'"delta":"Hi"}\n\n')
    True
    """

    def __init__(
        self,
        request: Request | None = None,
        *,
        model: str | None = None,
        calls: Calls = "unanswered",
        private: bool = False,
    ) -> None:
        history = request.input if request else ()
        super().__init__(history, calls=calls, private=private)
        self._request = request
        self._id = request.response_id if request else f"resp_{uuid4().hex}"
        self._model = model or (request.model if request else "")
        self._created_at = 0
        self._output = Output(uuid4().hex)
        self._open: dict[tuple[str, int], Growing] = {}
        self._of_message: dict[str, list[Growing]] = {}
        self._tools: dict[str, Growing] = {}

    # --- the run

    def begin(self, event: ev.Event) -> Frames:
        self._created_at = int(event.timestamp)
        # Each of these events has the whole response; the client refuses one whose id changes.
        for type in ("created", "in_progress"):
            yield self._output.event(type, response=self._response("in_progress"))

    def run_end(self, event: ev.RunEnd) -> Frames:
        if event.status not in {"completed", "interrupted"}:
            # The protocol has a list of codes, with none for a run that was cancelled or cut off.
            error = {"code": "server_error", "message": event.status}
            return self._end("failed", event.usage, error=error)
        return self._finish(event)

    def _finish(self, event: ev.RunEnd) -> Frames:
        for call in self.unanswered() if event.status == "completed" else ():
            made = self._call(call)
            yield self._output.added(made)
            yield self._output.grow(made, call.text or "{}")
            yield from self._call_done(made, call.text or "{}")
        why = _CUT.get(self._finish_reason)
        if why:
            yield from self._end("incomplete", event.usage, incomplete_details={"reason": why})
        else:
            yield from self._end("completed", event.usage)

    def run_error(self, event: ev.RunError) -> Frames:
        is_limit = event.error.code == _RATE_LIMIT
        code = "rate_limit_exceeded" if is_limit else "server_error"
        error = {"code": code, "message": error_text(event.error)}
        return self._end("failed", event.usage, error=error)

    def _end(self, status: str, usage: Usage | None, **more: Any) -> Frames:
        tokens = usage_form(usage, "input", "output") if usage else None
        response = self._response(status, usage=tokens, **more)
        yield self._output.event(status, response=response)

    def _response(self, status: str, **more: Any) -> JsonObject:
        request = self._request
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created_at,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "instructions": request.instructions if request else None,
            "metadata": request.metadata if request else {},
            "model": self._model or "streamkit",
            "output": self._output.shown(is_over=status != "in_progress"),
            "parallel_tool_calls": True,
            "previous_response_id": request.previous_response_id if request else None,
            "tool_choice": "auto",
            "tools": [],
            "usage": None,
            **more,
        }

    # --- messages

    def _begin(self, event: ev.TextStart | ev.ReasoningStart | ev.Content, kind: Kind) -> Frames:
        made = self._output.begin(kind)
        self._open[event.message_id, event.block_id] = made
        self._of_message.setdefault(event.message_id, []).append(made)
        return self._output.begun(made, kind)

    def text_start(self, event: ev.TextStart) -> Frames:
        return self._begin(event, TEXT)

    def reasoning_start(self, event: ev.ReasoningStart) -> Frames:
        return self._begin(event, REASONING)

    def text_delta(self, event: ev.TextDelta | ev.ReasoningDelta) -> Frames:
        made = self._open.get((event.message_id, event.block_id))
        return (self._output.grow(made, event.text),) if made else ()

    reasoning_delta = text_delta

    def text_end(self, event: ev.TextEnd | ev.ReasoningEnd) -> Frames:
        made = self._open.get((event.message_id, event.block_id))
        return self._output.end(made, made.kind, event.text) if made and made.kind else ()

    reasoning_end = text_end

    def content(self, event: ev.Content) -> Frames:
        refusal, file = refusal_of(event.block), file_of(event.block)
        if refusal is not None:
            yield from self._begin(event, REFUSAL)
            made = self._open[event.message_id, event.block_id]
            yield self._output.grow(made, refusal)
            yield from self._output.end(made, REFUSAL, refusal)
        # `image_generation_call` is an output item for an image; for other files there is none.
        elif file and file.url.startswith("data:image/"):
            data = file.url.partition(",")[2]
            yield from self._whole("ig", {"type": "image_generation_call", "result": data})

    def _whole(self, prefix: str, item: JsonObject) -> Frames:
        """Write an item that has no events of its own."""
        made = self._output.add(prefix, item, "")
        yield self._output.added(made)
        yield self._output.done(made)

    def citation(self, event: ev.Citation) -> Frames:
        url, title = source_of(event.citation)
        made = self._open.get((event.message_id, event.block_id))
        if not url or not made or made.kind is not TEXT:
            return
        given = dict_or_empty(event.citation)
        ends = {name: given.get(name) or 0 for name in ("start_index", "end_index")}
        annotation = {"type": "url_citation", "url": url, "title": title or url, **ends}
        annotations = made.item["content"][0]["annotations"]
        annotations.append(annotation)
        about = {"annotation_index": len(annotations) - 1, "annotation": annotation}
        yield self._output.event("output_text.annotation.added", **made.place, **about)

    def message_end(self, event: ev.MessageEnd) -> Frames:
        self._model = self._model or event.model or ""
        if event.status == "abandoned":
            # An item that was sent stays; the response that ends the stream lacks it.
            self._withdraw(event.message_id)
        return super().message_end(event)

    def message_removed(self, event: ev.MessageRemoved) -> Frames:
        self._withdraw(event.message_id)
        return ()

    def _withdraw(self, message_id: str) -> None:
        for made in self._of_message.pop(message_id, ()):
            self._output.withdraw(made)

    def message_replaced(self, event: ev.MessageReplaced) -> Frames:
        """Write the new text of a message; the new result of a tool is in the last event."""
        content = fields_of_message(event.message).get("content")
        if event.tool_call_id in self._tools:
            self._tools[event.tool_call_id].item["output"] = _text_form(content)
        elif event.message_id in self._of_message:
            self._withdraw(event.message_id)
            made, text = self._output.begin(TEXT), text_of(content)
            self._of_message[event.message_id] = [made]
            yield from self._output.begun(made, TEXT)
            yield from self._output.end(made, TEXT, text)

    # --- calls

    def _call(self, event: ev.ToolCallStart | ev.ToolCallEnd) -> Growing:
        about = {"call_id": event.tool_call_id, "name": event.name, "arguments": ""}
        item = {"type": "function_call", **about}
        made = self._output.add("fc", item, "function_call_arguments.delta")
        self._of_message.setdefault(event.message_id, []).append(made)
        return made

    def begin_call(self, event: ev.ToolCallStart) -> Frames:
        made = self._open[event.message_id, event.block_id] = self._call(event)
        yield self._output.added(made)

    def tool_call_delta(self, event: ev.ToolCallDelta) -> Frames:
        made = self._open.get((event.message_id, event.block_id))
        return (self._output.grow(made, event.args),) if made else ()

    def tool_call_end(self, event: ev.ToolCallEnd) -> Frames:
        made = self._open.get((event.message_id, event.block_id))
        if made and not made.kind:
            return self._call_done(made, event.text, "incomplete" if event.error else "completed")
        return super().tool_call_end(event)

    def _call_done(self, made: Growing, arguments: str, status: str = "completed") -> Frames:
        made.item["arguments"] = arguments
        whole = {"name": made.item["name"], "arguments": arguments}
        yield self._output.event("function_call_arguments.done", **made.place, **whole)
        yield self._output.done(made, status)

    # --- tools that run here

    def tool_start(self, event: ev.ToolStart) -> Frames:
        super().tool_start(event)
        # A `function_call` would make the client run the tool once more.
        item = {**_of_server("mcp_call", event.name, None), "output": None, "error": None}
        made = self._output.add("mcp", item, "mcp_call_arguments.delta")
        self._tools[event.tool_call_id] = made
        arguments = _json(event.input)
        yield self._output.added(made)
        yield self._output.event("mcp_call.in_progress", **made.place)
        yield self._output.grow(made, arguments)
        made.item["arguments"] = arguments
        yield self._output.event("mcp_call_arguments.done", **made.place, arguments=arguments)

    def tool_end(self, event: ev.ToolEnd) -> Frames:
        made = self._tools.get(event.tool_call_id)
        if made and event.status == "completed":
            made.item["output"] = _text_form(event.output)
            yield self._output.event("mcp_call.completed", **made.place)
            yield self._output.done(made)
        elif made:
            yield self._output.done(made, "incomplete")

    def tool_error(self, event: ev.ToolError) -> Frames:
        made = self._tools.get(event.tool_call_id)
        if made:
            content = [{"type": "text", "text": error_text(event.error)}]
            # One of three kinds of error in `openai` 3.57: the server could not be reached, its
            # protocol failed, or the tool did.
            made.item["error"] = {"type": "mcp_tool_execution_error", "content": content}
            yield self._output.event("mcp_call.failed", **made.place)
            yield self._output.done(made, "failed")

    def interrupt(self, event: ev.Interrupt) -> Frames:
        for n, question in enumerate(questions_in(event.value, event.tool_call_id)):
            call = self.calls.find(question)
            name = question.name or (call.name if call else "")
            args = question.args if question.args is not None else call and call.args
            item = _of_server("mcp_approval_request", name, args)
            yield from self._whole("", {**item, "id": f"{event.interrupt_id}/{n}"})


def _of_server(type: str, name: str, args: object) -> JsonObject:
    arguments = "" if type == "mcp_call" else _json(args)
    return {"type": type, "name": name, "server_label": SERVER, "arguments": arguments}


def _json(value: object) -> str:
    return dump_plain(value or {}).decode()


def _text_form(output: object) -> str | None:
    """Return a tool's result as text, which is all that the protocol has for it."""
    if output is None or isinstance(output, str):
        return output
    blocks = as_list(output)
    if blocks and all(dict_or_empty(it).get("type") == "text" for it in blocks):
        return text_of(blocks)
    return dump_plain(output).decode()
