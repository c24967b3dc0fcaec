"""The page of a run: one self-contained HTML file for a browser.

    Path("run.html").write_text(to_html(replay("run.jsonl")), "utf-8")

Rows are what ran, in lanes by agent and namespace; bars are times, with a mark at a model's first
token. The page needs no network and has no foreign HTML: all data is one block of JSON, which the
page shows as text alone, and its content policy allows no script but its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any, TypeAlias, cast

import msgspec

from ._event_classes import require_event
from ._namespaces import nodes_around
from ._notebook import MAX_ROWS, folded, name_cell, short_name
from ._printable import clean
from ._spans import Span, SpanFold
from .errors import UsageError
from .events import Event, MessageReplaced, ReasoningEnd
from .metrics import Metrics, Prices, RunMetrics, cost_of
from .values import ToolCall, Usage
from .wire import jsonable
from .wire._blocks import fields_of_message

__all__ = ["to_html"]

_MAX_TEXT = 50_000
"""Characters of one text, such as a model's answer or a tool's result."""


def to_html(
    events: Iterable[Event],
    *,
    title: str | None = None,
    prices: Prices | None = None,
    private: bool = False,
) -> str:
    """Return one HTML page that shows a run.

    Args:
        events: the run, live or recorded; it is read to its end.
        title: the page's title; by default the run's name.
        prices: what models cost, as `Metrics` takes them.
        private: whether to show prompts, inputs of steps, exception texts and the text of internal
            models.

    Raises:
        UsageError: ``events`` is the name of a file, or no iterable.

    >>> from streamkit import normalize
    >>> page = to_html(normalize(["Hel", "lo"]))
    >>> page[:15], "http" in page.replace("http-equiv", "")
    ('<!doctype html>', False)
    """
    if isinstance(events, (str, os.PathLike)):
        raise UsageError(
            f"got the name of a file, {events!r}; write to_html(replay({str(events)!r}))"
        )
    if not hasattr(events, "__iter__"):
        raise UsageError(
            f"got a {type(events).__name__}, not events; write to_html(stream(graph, inputs)), or "
            "collect those of an async stream first: [it async for it in astream(graph, inputs)]"
        )
    picture, measured = _Picture(prices, private=private), Metrics(prices)
    for event in events:
        require_event(event, "to_html(normalize(stream))")
        measured.feed(event)
        picture.feed(event)
    page, css, script, policy = _assets()
    return page.format(
        policy=policy,
        title=escape(clean(title or picture.name)),
        css=css,
        totals=escape(_totals(measured.result(), picture.seconds)),
        data=_embedded(picture.data()),
        script=script,
    )


@cache
def _assets() -> tuple[str, str, str, str]:
    names = ("page.html", "page.css", "page.js")
    page, css, script = (
        files("streamkit").joinpath("_page", it).read_text("utf-8") for it in names
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # Only this script runs, known by its hash, and nothing is loaded: what a tool returned, shown
    # on the page, can neither run nor fetch anything.
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return page, css, script, policy


def _embedded(data: object) -> str:
    """Return ``data`` as JSON that cannot end the script element it stands in."""
    # `jsonable` makes null of NaN and infinity, which `JSON.parse` of a browser would refuse.
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    # HTML ends a script element at `</script`, also within a JSON string.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


Lane: TypeAlias = tuple[str, tuple[str, ...]]
"""An agent and a namespace."""


class _Row(msgspec.Struct, kw_only=True, eq=False):
    """A row of the page: a span, with the rows inside it."""

    span: Span
    depth: tuple[int, int]
    """How deep it is in its lane: without inner steps, and with them."""
    is_retry: bool = False
    inside: list[_Row] = msgspec.field(default_factory=list["_Row"])

    def tree(self) -> Iterator[_Row]:
        """Return the row and those inside it, outermost first."""
        waiting: list[_Row] = [self]
        while waiting:
            row = waiting.pop()
            yield row
            waiting.extend(reversed(row.inside))


class _Picture:
    """The rows of the page, in their lanes."""

    def __init__(self, prices: Prices | None, *, private: bool) -> None:
        self._spans = SpanFold()
        self._prices = prices
        self._private = private
        self._lanes: dict[Lane, list[_Row]] = {}
        self._rows: dict[int, _Row] = {}
        self._placed: list[Span] = []
        self._lane_of: dict[int, Lane] = {}
        self._unplaced: list[Span] = []
        self._reasoning: dict[str, list[str]] = {}
        self._seen_tools: set[str] = set()
        self._first = self._last = 0.0

    @property
    def name(self) -> str:
        """The run's name."""
        run = self._spans.run
        return run.name if run else "run"

    def feed(self, event: Event) -> None:
        """Read one more event."""
        self._last = event.timestamp
        span = self._spans.feed(event)
        if span is not None and (span.ended is None or span.kind == "interrupt"):
            self._start(span)
        elif isinstance(event, ReasoningEnd):
            self._reasoning.setdefault(event.message_id, []).append(event.text)
        elif isinstance(event, MessageReplaced) and not self._private:
            self._replace(event)

    def _start(self, span: Span) -> None:
        if span.kind == "run":
            self._first = span.started
        if span.kind in {"run", "graph"}:
            self._unplaced.append(span)  # it is in the lane of its first node
            return
        lane = _lane(span)
        for outer in reversed([it for it in span.around() if it in self._unplaced]):
            self._unplaced.remove(outer)
            self._place(outer, lane)
        self._place(span, lane)

    def _place(self, span: Span, lane: Lane) -> None:
        around = [it for it in span.around() if self._lane_of.get(id(it)) == lane]
        steps = sum(it.kind == "step" for it in around)
        row = _Row(span=span, depth=(len(around) - steps, len(around)))
        if span.kind == "tool":
            # LangGraph's `RetryPolicy` runs a node again, and its tools under the same calls.
            row.is_retry = span.id in self._seen_tools
            self._seen_tools.add(span.id)
        self._lane_of[id(span)] = lane
        self._rows[id(span)] = row
        self._placed.append(span)
        siblings = self._rows[id(around[0])].inside if around else self._lanes.setdefault(lane, [])
        siblings.append(row)

    def _replace(self, event: MessageReplaced) -> None:
        """Replace a text or a result by the one that the state holds, such as a redacted one."""
        known = {event.message_id, event.tool_call_id} - {None}
        for span in self._placed:
            if span.message_id in known or (span.kind == "tool" and span.id in known):
                span.output = fields_of_message(jsonable(event.message)).get("content", "")

    # --- what the page reads

    @property
    def seconds(self) -> float:
        """The time so far: a run whose recording was cut off has no end."""
        return max(0.0, self._last - self._first)

    def data(self) -> dict[str, Any]:
        """Return the page's data."""
        for span in self._unplaced:
            self._place(span, _lane(span))
        self._unplaced.clear()
        names: dict[str, int] = {}
        lanes: list[dict[str, Any]] = []
        for lane, rows in self._lanes.items():
            spans = [self._fields(row) for top in rows for row in top.tree()]
            lanes.append(
                {"name": _numbered(_lane_name(lane), names), "spans": spans, **_sums(spans)}
            )
        return {
            "seconds": self.seconds,
            "has_nodes": any(span.kind == "node" for span in self._placed),
            "lanes": lanes,
        }

    def _cost(self, span: Span) -> float | None:
        # The run has the sum of all calls: priced as well, each call would count twice.
        if span.usage is None or span.kind != "model":
            return None
        return cost_of(self._prices, span.model or span.name, span.usage)

    def _fields(self, row: _Row) -> dict[str, Any]:
        span = row.span
        start, end = span.started - self._first, (span.ended or self._last) - self._first
        usage = span.usage if span.kind == "model" and span.usage else Usage()
        return {
            "depth": row.depth,
            "retry": row.is_retry,
            "kind": span.kind,
            "name": short_name(span.model or span.name if span.kind == "model" else span.name),
            "start": round(start, 6),
            "end": round(max(start, end), 6),
            "first": span.first_token - self._first if span.first_token else None,
            "status": span.status,
            "input": usage.input_tokens,
            "output": usage.output_tokens,
            "cost": self._cost(span),
            # A stream mode reports a tool by one item: its times are unknown.
            "measured": span.kind != "tool" or end > start,
            "detail": {"facts": _facts(span), "texts": self._texts(span)},
        }

    def _texts(self, span: Span) -> list[list[str]]:
        private, texts = self._private, list[list[str]]()
        if span.kind == "interrupt":
            return [["waits for", _text(span.input, private=private)]]
        if span.kind == "model":
            # LangChain 1.x tags its middleware's own model calls so that no user sees their text.
            if span.origin.internal and not private:
                return [["text", "an internal model's text is private"]]
            for reasoning in self._reasoning.get(span.message_id or "", ()):
                texts.append(["reasoning", _cut(reasoning)])
            if isinstance(span.output, str) and span.output:
                texts.append(["text", _cut(span.output)])
            texts += [[f"call {short_name(it.name)}", _arguments(it)] for it in span.tool_calls]
            return texts
        # The input of a model is its prompt, and that of a node the whole state.
        if span.input is not None and (private or span.kind in {"tool", "retrieval"}):
            name = "arguments" if span.kind == "tool" else "input"
            texts.append([name, _text(span.input, private=private)])
        if span.output is not None and (private or span.kind in {"tool", "retrieval"}):
            texts.append(["output", _text(span.output, private=private)])
        if span.error:
            error = f"{span.error.name}: {span.error.message}" if private else span.error.name
            texts.append(["error", _cut(error)])
        return texts


def _lane(span: Span) -> Lane:
    return span.agent or "", span.origin.namespace


def _facts(span: Span) -> dict[str, str]:
    if span.kind == "interrupt":
        return {"id": clean(span.id)}
    facts: dict[str, Any] = {
        "agent": span.agent,
        "node": span.origin.node,
        "namespace": " / ".join(span.origin.namespace),
        "finish reason": span.finish_reason,
        "tool call": span.id if span.kind == "tool" else None,
        "run": span.origin.run_id,
    }
    if span.usage and span.kind == "model":
        # Beside its own words, `UsageMetadata` of langchain-core takes those of any provider.
        details = {**span.usage.input_token_details, **span.usage.output_token_details}
        facts |= {name: f"{count:,} tokens" for name, count in details.items() if count}
    return {clean(name): short_name(str(fact)) for name, fact in facts.items() if fact}


def _lane_name(lane: Lane) -> str:
    agent, namespace = lane
    path = " / ".join(nodes_around(namespace))
    return short_name(" · ".join(filter(None, (agent, path))) or "run")


def _numbered(name: str, names: dict[str, int]) -> str:
    names[name] = names.get(name, 0) + 1
    return name if names[name] == 1 else f"{name} ({names[name]})"


def _sums(rows: list[dict[str, Any]]) -> dict[str, Any]:
    costs = [row["cost"] for row in rows if row["cost"] is not None]
    return {
        "input": sum(row["input"] for row in rows),
        "output": sum(row["output"] for row in rows),
        "cost": sum(costs) if costs else None,
    }


def _cut(text: str) -> str:
    text = clean(text[: _MAX_TEXT + 1], lines=True)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}… (cut)"


def _text(value: object, *, private: bool) -> str:
    if issubclass(type(value), str):  # an object may raise when it is asked for its class
        return _cut(str.__str__(cast("str", value)))
    return _cut(json.dumps(jsonable(value, private=private), indent=1, ensure_ascii=False))


def _arguments(call: ToolCall) -> str:
    if call.error:
        return _cut(f"{call.text}\n{call.error}")
    return _text(call.args, private=False)


def _totals(metrics: RunMetrics, seconds: float) -> str:
    calls, usage = len(metrics.calls), metrics.usage
    parts = [metrics.status, f"{seconds:.2f} s", f"{calls} model call{'s' * (calls != 1)}"]
    if usage:
        parts.append(f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out")
    if metrics.cost is not None:
        parts.append(f"cost {metrics.cost:.4g}")
    return " · ".join(parts)


# --- notebooks


def run_html(events: Iterable[Event]) -> str:
    """Return a run as a small, folded table for a notebook: without script, and without texts."""
    spans, fold, measured = list[Span](), SpanFold(), Metrics()
    for event in events:
        measured.feed(event)
        span = fold.feed(event)
        if span is not None and span.ended is None and span.kind != "step":
            spans.append(span)
    rows = [_notebook_row(span) for span in spans[:MAX_ROWS]]
    if len(spans) > MAX_ROWS:
        rows.append(f"<tr><td colspan=4>and {len(spans) - MAX_ROWS} more</td></tr>")
    head = "<tr><th>what</th><th>agent</th><th>time</th><th>tokens</th></tr>"
    metrics = measured.result()
    totals = _totals(metrics, metrics.seconds)
    return folded(totals, f"<table>{head}{''.join(rows)}</table>")


def _notebook_row(span: Span) -> str:
    indent = "&nbsp;" * 3 * sum(1 for _ in span.around())
    tokens = f"{span.usage.total_tokens:,}" if span.usage and span.kind == "model" else ""
    name = name_cell(span.model or span.name)
    state = "" if span.status == "completed" else f" <b>{escape(span.status)}</b>"
    return (
        f"<tr><td style='text-align:left'>{indent}{span.kind} {name}{state}</td>"
        f"<td>{name_cell(span.agent or '')}</td><td>{span.seconds:.3f} s</td>"
        f"<td>{tokens}</td></tr>"
    )
