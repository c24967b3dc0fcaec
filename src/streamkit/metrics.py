"""Times, tokens and costs of a run, from its events.

    metrics = Metrics(prices={"gpt-5-mini": (0.25, 2.00)})  # dollars per million tokens
    for event in normalize(graph.stream(inputs)):
        metrics.feed(event)
    print(metrics.result().cost)

Prices are the caller's: streamkit has no price list. A time that the API does not measure is None:
a stream mode reports a tool only when it has ended, and asks no model that a reader could see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any, TypeAlias, cast

import msgspec

from ._fields import items_of, shown
from ._spans import DELTAS, Span, SpanFold
from .errors import UsageError
from .events import Custom, Event, RunEnd, RunError
from .mapping import PerRun, per_run
from .values import Usage

__all__ = [
    "Metrics",
    "ModelCall",
    "Price",
    "RunMetrics",
    "Spending",
    "Timing",
    "totals",
]


class Price(msgspec.Struct, frozen=True):
    """The price of a model, in any currency, per million tokens.

    >>> details = {"cache_read": 400_000}
    >>> usage = Usage(
    ...     input_tokens=1_000_000, output_tokens=100_000, input_token_details=details
    ... )
    >>> Price(2.0, 10.0, cache_read=0.5).of(usage)
    2.4
    """

    input: float
    """Tokens read."""
    output: float
    """Tokens written."""
    cache_read: float | None = None
    """Tokens read from the cache; None costs as ``input``."""
    cache_creation: float | None = None
    """Tokens written to the cache; None costs as ``input``."""

    def of(self, usage: Usage) -> float:
        """Return the cost of ``usage``."""
        details = usage.input_token_details
        cached = details.get("cache_read", 0), details.get("cache_creation", 0)
        prices = (self.cache_read, self.cache_creation)
        # `input_tokens` of langchain-core's `UsageMetadata` contains the cached ones.
        cost = (usage.input_tokens - sum(cached)) * self.input + usage.output_tokens * self.output
        for count, price in zip(cached, prices, strict=True):
            cost += count * (self.input if price is None else price)
        return cost / 1_000_000


Prices: TypeAlias = Mapping[str, Price | tuple[float, float]] | Callable[[str, Usage], float | None]
"""Prices by the model's name, as `Price` or ``(input, output)`` per million tokens; or a function
from the model's name and its tokens to the cost, which returns None for an unknown model."""


class Timing(msgspec.Struct, kw_only=True):
    """How often something ran, and for how long."""

    count: int = 0
    """How often."""
    failed: int = 0
    """How often it failed."""
    seconds: float = 0.0
    """How long in sum."""
    longest: float = 0.0
    """How long at most, in seconds."""


class Spending(msgspec.Struct, kw_only=True):
    """Model calls, their tokens and their cost."""

    calls: int = 0
    """How many model calls."""
    usage: Usage = Usage()
    """Their tokens."""
    cost: float | None = None
    """Their cost; None where no price is known."""


class ModelCall(msgspec.Struct, kw_only=True):
    """One model call."""

    message_id: str
    """Its message."""
    model: str
    """The model's name."""
    agent: str | None
    """The agent that asked."""
    node: str | None
    """The node that asked."""
    started: float
    """When it began, in unix seconds."""
    seconds: float
    """How long it took."""
    first_token: float | None = None
    """Seconds until the first text, reasoning or call; None where the API has no such step."""
    tokens_per_second: float | None = None
    """Tokens written per second, from the first to the last."""
    usage: Usage | None = None
    """Its tokens."""
    cost: float | None = None
    """Its cost."""
    status: str = "completed"
    """How it ended: ``abandoned`` is an attempt that was tried again."""


class RunMetrics(msgspec.Struct, kw_only=True):
    """The times, tokens and costs of a run, or the sums of several, one after the other."""

    status: str = "running"
    """How it ended."""
    seconds: float = 0.0
    """From its first event to its last."""
    first_token: float | None = None
    """Seconds until the first token of any model."""
    first_text: float | None = None
    """Seconds until the first text that a user sees: not of an internal model, not in a tool."""
    between: float = 0.0
    """Seconds in which neither a model nor a tool nor a retriever ran."""
    retries: int = 0
    """Model calls that were abandoned, and tools that ran again for the same call."""
    interrupts: int = 0
    """How often the run waits for somebody."""
    usage: Usage | None = None
    """All tokens."""
    cost: float | None = None
    """The cost of all calls whose price is known; None where none is."""
    unpriced: set[str] = msgspec.field(default_factory=set[str])
    """Models without a price."""
    calls: list[ModelCall] = msgspec.field(default_factory=list[ModelCall])
    """Every model call, in the order they ended."""
    tools: dict[str, Timing] = msgspec.field(default_factory=dict[str, Timing])
    """Tools by name."""
    nodes: dict[str, Timing] = msgspec.field(default_factory=dict[str, Timing])
    """Nodes by name."""
    retrievers: dict[str, Timing] = msgspec.field(default_factory=dict[str, Timing])
    """Retrievers by name."""
    by_model: dict[str, Spending] = msgspec.field(default_factory=dict[str, Spending])
    """Tokens and cost by model."""
    by_agent: dict[str, Spending] = msgspec.field(default_factory=dict[str, Spending])
    """Tokens and cost by agent; an empty name is no agent's."""
    by_tool_run: dict[str, Spending] = msgspec.field(default_factory=dict[str, Spending])
    """Tokens and cost of the models inside a tool, by the tool call's id, nested ones included."""


class Metrics:
    """Times, tokens and costs of a run: a fold, and also a stage that passes everything on.

    Args:
        prices: what models cost, by name or as a function.

    >>> from streamkit import normalize
    >>> metrics = Metrics()
    >>> for event in normalize(["Hel", "lo"], clock=lambda: 0.5):
    ...     metrics.feed(event)
    >>> metrics.result().status, len(metrics.result().calls)
    ('completed', 1)
    """

    def __init__(self, prices: Prices | None = None) -> None:
        _require_prices(prices)
        self._prices = prices
        self._spans = SpanFold()
        self._waiting = self._spans.waiting
        self.passes: Callable[[Event], bool] = self._spans.passes
        """Lets each delta pass; a stream asks it, as a filter, where only filters are before it."""
        self._result = RunMetrics()
        self._running = 0
        self._idle_since = 0.0
        self._answered: set[str] = set()
        self._before: Usage | None = None  # the tokens of the runs before

    def __call__(self, event: Event) -> Iterable[Event]:
        """Read one more event and pass it on."""
        if self._waiting or event.__class__ not in DELTAS:
            self.feed(event)
        return (event,)

    def feed(self, event: Event) -> None:
        """Read one more event."""
        span = self._spans.feed(event)
        if span is not None:
            if span.ended is None:
                self._start(span)
            else:
                self._end(span)

    def result(self) -> RunMetrics:
        """Return the metrics of the run so far."""
        return self._result

    def _start(self, span: Span) -> None:
        if span.kind == "run":
            self._idle_since, self._before = span.started, self._result.usage
            self._answered.clear()  # ids of calls repeat in later runs
        elif span.kind in _WORK:
            if not self._running:
                self._result.between += max(0.0, span.started - self._idle_since)
            # Tools and models of one step run at once: what counts is whether any of them runs.
            self._running += 1
        if span.kind == "tool":
            # A node that is tried again runs its tools again, under the same calls.
            self._result.retries += span.id in self._answered
            self._answered.add(span.id)

    def _end(self, span: Span) -> None:
        result, ended = self._result, span.ended or 0.0
        if span.kind in _WORK:
            self._running -= 1
            self._idle_since = ended
        # Graphs and inner steps only contain what is counted here.
        match span.kind:
            case "model":
                self._end_model(span)
            case "tool":
                _add(result.tools, span)
            case "node":
                _add(result.nodes, span)
            case "retrieval":
                _add(result.retrievers, span)
            case "interrupt":
                result.interrupts += 1
            case "run":
                result.between += max(0.0, ended - self._idle_since)
                result.status = span.status
                result.seconds += span.seconds
                # The run's own sum also has calls whose message a filter left out.
                if span.usage:
                    result.usage = self._before + span.usage if self._before else span.usage
            case _:
                pass

    def _end_model(self, span: Span) -> None:
        result = self._result
        call = _model_call(span)
        result.calls.append(call)
        # An attempt that a retry or a fallback replaced costs its tokens all the same.
        result.retries += call.status == "abandoned"
        self._first_tokens(span)
        usage = call.usage
        if usage is None:
            return
        call.cost = cost_of(self._prices, call.model, usage)
        if call.cost is None:
            result.unpriced.add(call.model)
        else:
            result.cost = (result.cost or 0.0) + call.cost
        result.usage = result.usage + usage if result.usage else usage
        # An agent inside a tool is its caller's cost too, at every depth.
        tool_runs = [outer.id for outer in span.around() if outer.kind == "tool"]
        for spendings, name in (
            (result.by_model, call.model),
            (result.by_agent, call.agent or ""),
            *((result.by_tool_run, tool_run) for tool_run in tool_runs),
        ):
            spending = spendings.setdefault(name, Spending())
            spending.calls += 1
            spending.usage += usage
            if call.cost is not None:
                spending.cost = (spending.cost or 0.0) + call.cost

    def _first_tokens(self, span: Span) -> None:
        run, result = self._spans.run, self._result
        if run is None:
            return
        result.first_token = _earlier(result.first_token, span.first_token, run.started)
        in_tool = any(outer.kind == "tool" for outer in span.around())
        # A summary of LangChain's middleware is often the first text of a run, and no user sees it.
        if not (span.origin.internal or span.origin.tool_call_id or in_tool):
            result.first_text = _earlier(result.first_text, span.first_text, run.started)


def _require_prices(prices: object) -> None:
    """Refuse what is no prices, before the first model has ended."""
    if prices is None or callable(prices):
        return
    is_table = isinstance(prices, Mapping)
    by_name = cast("Mapping[object, object]", prices) if is_table else {"": prices}
    for price in by_name.values():
        given = (price.input, price.output) if isinstance(price, Price) else price
        numbers = items_of(given)
        if len(numbers) != 2 or not all(map(is_price, numbers)):  # noqa: PLR2004
            raise UsageError(
                f"{shown(price, 60)} is no price; write a model and its two prices per million "
                'tokens, read and written: {"gpt-5-mini": (0.25, 2.00)}'
            )


def is_price(number: object) -> bool:
    """Return whether a number may be a price: one that is finite, and not below 0."""
    return isinstance(number, (int, float)) and 0 <= number < inf


def cost_of(prices: Prices | None, model: str, usage: Usage) -> float | None:
    """Return the cost of a model's tokens, or None where no price is known."""
    if prices is None:
        return None
    if callable(prices):
        cost = prices(model, usage)
        return cost if cost is not None and -inf < cost < inf else None
    # OpenAI's answers have a dated name, such as `gpt-4o-mini-2024-07-18`, whatever was asked for.
    price = prices.get(model)
    if price is None:
        return None
    return (price if isinstance(price, Price) else Price(*price)).of(usage)


_WORK = frozenset({"model", "tool", "retrieval"})


def _model_call(span: Span) -> ModelCall:
    ended = span.ended or 0.0
    # Stream modes show a model from its first chunk on: they have no moment when it was asked.
    waited = span.first_token - span.started if span.has_request and span.first_token else None
    writing = ended - span.first_token if span.first_token else 0.0
    rate = span.usage.output_tokens / writing if span.usage and writing > 0 else None
    return ModelCall(
        message_id=span.message_id or span.id,
        model=span.model or span.name,
        agent=span.agent,
        node=span.origin.node,
        started=span.started,
        seconds=span.seconds,
        first_token=waited,
        tokens_per_second=rate,
        usage=span.usage,
        status=span.status,
    )


def _add(timings: dict[str, Timing], span: Span) -> None:
    timing = timings.setdefault(span.name, Timing())
    timing.count += 1
    timing.failed += span.status == "failed"
    timing.seconds += span.seconds
    timing.longest = max(timing.longest, span.seconds)


def _earlier(known: float | None, at: float | None, start: float) -> float | None:
    if at is None:
        return known
    return at - start if known is None else min(known, at - start)


def totals(prices: Prices | None = None, *, name: str = "totals") -> PerRun[Event, Event]:
    """Return a stage that adds a `Custom` event with the running totals after each model and tool.

    Its data are ``seconds``, ``model_calls``, ``tools``, ``input_tokens``, ``output_tokens`` and
    ``cost`` (None where no price is known). The last one comes before the run ends.

    Args:
        prices: what models cost, by name or as a function.
        name: the name of the custom events.

    >>> from streamkit import normalize
    >>> stream = normalize(["Hel", "lo"], clock=lambda: 0.0).pipe(totals())
    >>> [event.data["model_calls"] for event in stream if event.type == "custom"]
    [1, 1]
    """
    return per_run(lambda: _Totals(prices, name))


class _Totals:
    """One run's stage."""

    def __init__(self, prices: Prices | None, name: str) -> None:
        self._metrics = Metrics(prices)
        self._name = name
        self._started: float | None = None

    def __call__(self, event: Event) -> Iterable[Event]:
        before = self._ended()
        self._metrics.feed(event)
        if self._started is None:
            self._started = getattr(event, "timestamp", None)
        if isinstance(event, (RunEnd, RunError)):
            return (self._total(event), event)
        return (event, self._total(event)) if self._ended() != before else (event,)

    def _ended(self) -> tuple[int, int]:
        """Count the model calls and the tools that have ended."""
        result = self._metrics.result()
        return len(result.calls), sum(timing.count for timing in result.tools.values())

    def _total(self, event: Event) -> Custom:
        result = self._metrics.result()
        usage, (calls, tools) = result.usage or Usage(), self._ended()
        data: dict[str, Any] = {
            "seconds": event.timestamp - (self._started or event.timestamp),
            "model_calls": calls,
            "tools": tools,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cost": result.cost,
        }
        return Custom(origin=event.origin, timestamp=event.timestamp, name=self._name, data=data)
