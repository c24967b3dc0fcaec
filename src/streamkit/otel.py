"""Runs as OpenTelemetry traces, by the semantic conventions for generative AI (extra ``otel``).

    stream = normalize(graph.astream_events(inputs)).pipe(spans())

    invoke_agent boss
    └─ tools
       └─ execute_tool research
          └─ invoke_agent researcher
             └─ chat gpt-5-mini        usage, finish reason, time to the first chunk

Laws of this file:

1. Every span that starts also ends: with the run, or with the stage where the reader left.
2. Prompts, texts, arguments, results and exception texts are recorded only with ``content=True``.
3. The parent of a run is the span that is current where the stream is made, or else where it is
   read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from typing import Any, cast

from ._extras import extra
from ._fields import text_or_none
from ._spans import DELTAS, Span, SpanFold, SpanKind
from .errors import UsageError
from .events import Event, RunEnd, RunError
from .mapping import PerRun, per_run
from .wire import jsonable

with extra("otel", "streamkit.otel"):
    from opentelemetry import context, metrics, trace

__all__ = ["spans"]

_NAME_LIMIT = 200
_OPERATIONS: dict[SpanKind, str] = {
    "run": "invoke_workflow",
    "graph": "invoke_agent",
    "model": "chat",
    "tool": "execute_tool",
    "retrieval": "retrieval",
}

# LangChain's ``ls_provider`` where the conventions have another name for the provider.
_PROVIDERS = {
    "amazon_bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
}
# The buckets that the conventions advise for both kinds of histogram; the SDK's own suit neither.
_BUCKETS = {"{token}": [4.0**n for n in range(14)], "s": [0.01 * 2**n for n in range(14)]}


def spans(
    tracer: trace.Tracer | None = None,
    *,
    meter: metrics.Meter | None = None,
    content: bool = False,
    steps: bool = False,
) -> PerRun[Event, Event]:
    """Return a stage that makes a trace of each run and passes every event on.

    Model calls are ``chat`` spans, tools ``execute_tool``, agents ``invoke_agent``, and a run that
    is no agent's ``invoke_workflow``; nodes are internal spans of their name.

    Args:
        tracer: what makes the spans; by default the global provider's.
        meter: what records token usage, durations and times to the first chunk; by default
            nothing does.
        content: whether to record prompts, texts, arguments, results and exception texts.
        steps: whether prompts, parsers and other inner steps are spans, too.

    Raises:
        UsageError: ``tracer`` is none.

    >>> from streamkit import normalize
    >>> normalize(["Hel", "lo"]).pipe(spans()).collect().text
    'Hello'
    """
    if tracer is not None and not isinstance(cast("Any", tracer), trace.Tracer):
        raise UsageError(
            f"got a {type(tracer).__name__}, not a tracer; "
            "write spans(provider.get_tracer(__name__))"
        )
    version = metadata.version("langchain-streamkit")
    # A backend knows the source of a span by the name and version of its instrumentation.
    used = tracer or trace.get_tracer("streamkit", version)
    instruments = _Instruments(meter) if meter else None
    return per_run(lambda: _Tracing(used, instruments, content=content, steps=steps))


class _Tracing:
    """One run's stage."""

    def __init__(
        self,
        tracer: trace.Tracer,
        instruments: _Instruments | None,
        *,
        content: bool,
        steps: bool,
    ) -> None:
        self._tracer = tracer
        self._instruments = instruments
        self._content = content
        self._steps = steps
        self._fold = SpanFold()
        self._feed = self._fold.feed
        self._waiting = self._fold.waiting
        self.passes = self._fold.passes  # (asked of deltas where only filters are before)
        # The caller may be in a span of its own, which is then around the run: where he makes the
        # stream, or else where he reads it.
        self._around = context.get_current()
        self._open: dict[int, tuple[Span, trace.Span]] = {}
        self._last = 0.0

    def __call__(self, event: Event) -> Iterable[Event]:
        if event.__class__ in DELTAS and not self._waiting:
            return (event,)
        span = self._feed(event)
        if span is None:
            return (event,)
        if span.kind == "interrupt":
            self._interrupt(span)
        elif span.ended is None:
            self._last = event.timestamp
            self._start(span)
        else:
            self._end(span)
            if isinstance(event, (RunEnd, RunError)):
                self._close()
        return (event,)

    def __del__(self) -> None:
        """End all open spans: the reader left without closing the stream."""
        self._close()

    def _close(self) -> None:
        for span, traced in reversed(self._open.values()):
            traced.set_attribute("streamkit.status", "cancelled")
            traced.end(int(1e9 * max(self._last, span.started)))
        self._open.clear()

    # --- one span

    def _start(self, span: Span) -> None:
        if span.kind == "step" and not self._steps:
            return
        run = self._fold.run
        if run and span.kind == "graph" and span.id == run.id:
            return  # the run itself, which has this name
        outer = self._traced(span.parent)
        # The conventions want CLIENT for a call of a model, and INTERNAL for what runs here.
        kind = trace.SpanKind.CLIENT if span.kind == "model" else trace.SpanKind.INTERNAL
        if run and span is not run and not span.origin.namespace:
            self._name_agent(run, span)
        self._open[id(span)] = (
            span,
            self._tracer.start_span(
                _title(span),
                trace.set_span_in_context(outer) if outer else self._surroundings(),
                kind=kind,
                attributes={name: it for name, it in _first_attributes(span) if it},
                start_time=int(span.started * 1e9),
            ),
        )

    def _surroundings(self) -> context.Context:
        around = trace.get_current_span(self._around).get_span_context()
        return self._around if around.is_valid else context.get_current()

    def _name_agent(self, run: Span, span: Span) -> None:
        """Make the run an agent's, once the first span of the root graph has the agent's name."""
        agent = span.origin.agent
        # `create_agent` writes the name into metadata, of which a stream mode shows that of the
        # runs inside the graph alone.
        if agent and not run.origin.agent and id(run) in self._open:
            traced = self._open[id(run)][1]
            run.origin = span.origin
            traced.update_name(f"invoke_agent {agent}"[:_NAME_LIMIT])
            traced.set_attributes(
                {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent}
            )

    def _end(self, span: Span) -> None:
        _, traced = self._open.pop(id(span), (None, None))
        if traced is None:
            return
        # Many providers name the model only in their answer.
        if span.kind == "model" and span.model:
            traced.update_name(_title(span))
        attributes = {name: it for name, it in _last_attributes(span) if it is not None}
        if self._content:
            attributes |= dict(_contents(span))
        traced.set_attributes(attributes)
        if span.status == "failed":
            # An exception's text may quote a prompt or a key.
            reason = span.error.message if span.error and self._content else None
            traced.set_status(trace.StatusCode.ERROR, reason)
        traced.end(int((span.ended or span.started) * 1e9))
        if self._instruments:
            self._instruments.record(span)

    def _interrupt(self, span: Span) -> None:
        traced = self._traced(span.parent)
        if traced:
            attributes = {"streamkit.interrupt_id": span.id}
            if self._content:
                attributes["streamkit.interrupt"] = json.dumps(jsonable(span.input))
            traced.add_event("interrupt", attributes, int(span.started * 1e9))

    def _traced(self, span: Span | None) -> trace.Span | None:
        """Return the innermost trace span: the run is also that of its graph, and of a step."""
        around = (span, *span.around()) if span else ()
        return next((self._open[id(it)][1] for it in around if id(it) in self._open), None)


class _Instruments:
    """The conventions' client metrics."""

    def __init__(self, meter: metrics.Meter) -> None:
        def histogram(name: str, unit: str, description: str) -> metrics.Histogram:
            return meter.create_histogram(
                f"gen_ai.client.{name}",
                unit=unit,
                description=description,
                explicit_bucket_boundaries_advisory=_BUCKETS[unit],
            )

        self._tokens = histogram("token.usage", "{token}", "Number of input and output tokens used")
        self._duration = histogram("operation.duration", "s", "GenAI operation duration")
        self._first_chunk = histogram(
            "operation.time_to_first_chunk", "s", "Time to receive the first chunk"
        )

    def record(self, span: Span) -> None:
        """Record a span that has ended."""
        if span.kind != "model":
            return
        names = ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model")
        known = {**dict(_first_attributes(span)), "gen_ai.response.model": span.model}
        labels: dict[str, Any] = {
            name: known[name] for name in (*names, "gen_ai.response.model") if known.get(name)
        }
        if span.usage:
            counts = {"input": span.usage.input_tokens, "output": span.usage.output_tokens}
            for kind, count in counts.items():
                self._tokens.record(count, {**labels, "gen_ai.token.type": kind})
        # A stream mode does not report when the model was asked.
        if span.has_request and span.first_token:
            self._first_chunk.record(span.first_token - span.started, labels)
        if span.status == "failed":
            labels["error.type"] = span.error.name if span.error else "_OTHER"
        self._duration.record(span.seconds, labels)


# --- attributes


def _title(span: Span) -> str:
    operation, name = _OPERATIONS.get(span.kind), span.name
    if span.kind == "model":
        name = span.model or _request_model(span) or span.name
    elif span.kind == "run" and span.origin.agent:
        operation, name = "invoke_agent", span.origin.agent
    return f"{operation} {name}"[:_NAME_LIMIT] if operation else name[:_NAME_LIMIT]


def _request_model(span: Span) -> str | None:
    # LangChain's parameters for LangSmith name the model that is asked, not the one that answers.
    return text_or_none(span.origin.metadata.get("ls_model_name")) or span.model


def _first_attributes(span: Span) -> Iterator[tuple[str, Any]]:
    """Return the attributes known at the start."""
    origin = span.origin
    operation = _OPERATIONS.get(span.kind)
    is_agent = span.kind == "graph" or (span.kind == "run" and origin.agent)
    yield "gen_ai.operation.name", "invoke_agent" if is_agent else operation
    yield "gen_ai.conversation.id", origin.thread_id
    yield "streamkit.node", origin.node
    yield "streamkit.namespace", "|".join(origin.namespace)
    yield "streamkit.internal", origin.internal
    if is_agent:
        yield "gen_ai.agent.name", span.name if span.kind == "graph" else origin.agent
    elif span.kind == "run":
        yield "gen_ai.workflow.name", span.name
    elif span.kind == "model":
        provider = span.provider or text_or_none(origin.metadata.get("ls_provider"))
        yield "gen_ai.provider.name", _PROVIDERS.get(provider or "", provider)
        yield "gen_ai.request.model", _request_model(span)
        yield "gen_ai.agent.name", span.agent
    elif span.kind == "tool":
        yield "gen_ai.tool.name", span.name
        yield "gen_ai.tool.call.id", span.id
        yield "gen_ai.tool.type", "function"


def _last_attributes(span: Span) -> Iterator[tuple[str, Any]]:
    """Return the attributes known at the end."""
    if span.status != "completed":
        yield "streamkit.status", span.status
    if span.status == "failed":
        yield "error.type", span.error.name if span.error else "_OTHER"
    usage = span.usage
    if usage and span.kind in {"model", "run"}:
        yield "gen_ai.usage.input_tokens", usage.input_tokens
        yield "gen_ai.usage.output_tokens", usage.output_tokens
        details = usage.input_token_details
        yield "gen_ai.usage.cache_read.input_tokens", details.get("cache_read")
        yield "gen_ai.usage.cache_creation.input_tokens", details.get("cache_creation")
        reasoning = usage.output_token_details.get("reasoning")
        yield "gen_ai.usage.reasoning.output_tokens", reasoning
    if span.kind == "model":
        yield "gen_ai.response.id", span.message_id
        yield "gen_ai.request.model", _request_model(span)
        yield "gen_ai.response.model", span.model
        if span.finish_reason:
            # A list, with one reason for each choice.
            yield "gen_ai.response.finish_reasons", (span.finish_reason,)
        if span.has_request and span.first_token:
            yield "gen_ai.response.time_to_first_chunk", span.first_token - span.started


# --- content, in the conventions' form of messages


def _contents(span: Span) -> Iterator[tuple[str, str]]:
    if span.kind == "model":
        if span.input is not None:
            asked = _messages(jsonable(span.input, private=True))
            yield "gen_ai.input.messages", json.dumps(asked)
        yield "gen_ai.output.messages", json.dumps([_answer(span)])
    elif span.kind == "tool":
        yield "gen_ai.tool.call.arguments", json.dumps(jsonable(span.input, private=True))
        yield "gen_ai.tool.call.result", json.dumps(jsonable(span.output, private=True))
    elif span.kind == "retrieval":
        query = jsonable(span.input, private=True)
        # An attribute holds a text: a query of other data is written as JSON.
        yield "gen_ai.retrieval.query.text", query if isinstance(query, str) else json.dumps(query)


def _answer(span: Span) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    if span.output:
        parts.append({"type": "text", "content": jsonable(span.output)})
    for call in span.tool_calls:
        arguments = jsonable(call.args) if call.error is None else call.text
        parts.append(
            {"type": "tool_call", "id": call.id, "name": call.name, "arguments": arguments}
        )
    # The conventions require a finish reason for each message of the output.
    return {"role": "assistant", "parts": parts, "finish_reason": span.finish_reason or "stop"}


_ROLES = {"human": "user", "ai": "assistant", "tool": "tool", "system": "system"}


def _messages(data: Any) -> list[dict[str, Any]]:
    """Return the messages in a model's input, at whatever depth upstream put them."""
    if isinstance(data, list):
        return [message for item in cast("list[object]", data) for message in _messages(item)]
    if not isinstance(data, Mapping):
        return []
    fields = cast("Mapping[str, Any]", data)
    inner: Any = fields.get("data")
    if isinstance(inner, Mapping) and "content" in inner:
        # A chunk's type is `AIMessageChunk`, where a message's is `ai`.
        role = str(fields.get("type", "user")).lower().removesuffix("messagechunk")
        return [_message(_ROLES.get(role, role), cast("Mapping[str, Any]", inner))]
    return [message for item in fields.values() for message in _messages(item)]


def _message(role: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    content: Any = fields["content"]
    if role == "tool":
        response = {"id": fields.get("tool_call_id"), "response": content}
        return {"role": role, "parts": [{"type": "tool_call_response", **response}]}
    parts: list[dict[str, Any]] = [{"type": "text", "content": content}] if content else []
    for call in fields.get("tool_calls") or ():
        arguments = {"id": call.get("id"), "name": call.get("name"), "arguments": call.get("args")}
        parts.append({"type": "tool_call", **arguments})
    return {"role": role, "parts": parts}
