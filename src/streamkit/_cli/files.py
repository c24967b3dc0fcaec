"""Commands that read a recorded run: view, replay, convert, check, stats, html."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from inspect import cleandoc
from itertools import chain
from pathlib import Path
from textwrap import indent
from typing import Any

import msgspec

from .._extras import require
from .._printable import columns, escape
from ..errors import UsageError
from ..events import Event, RunStart
from ..html import to_html
from ..metrics import Metrics, Prices, RunMetrics, Spending, Timing, is_price
from ..record import timed
from ..transcript import Transcript
from .reading import add_file, events_of, name_of, numbered_events

Encode = Callable[[Event], Iterable[bytes]]


def add_file_commands(commands: Any) -> None:
    """Add the commands that read a recorded run."""
    for command, add_options in _COMMANDS.items():
        summary, _, examples = cleandoc(command.__doc__ or "").partition("\n\n")
        parser = commands.add_parser(
            command.__name__.lstrip("_"),
            help=summary[:1].lower() + summary[1:].rstrip("."),
            description=summary,
            epilog="examples:\n" + indent(examples, "  "),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.set_defaults(command=command)
        add_file(parser)
        add_options(parser)


# --- view and replay


def _add_view(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", "--follow", action="store_true", help="read on while the file grows")
    parser.add_argument("--steps", action="store_true", help="show prompts, parsers and the like")
    parser.add_argument("--no-color", action="store_true", help="show text without colours")


def _view(arguments: argparse.Namespace) -> int:
    """Show a run as a tree of agents, nodes, models and tools, with times and tokens.

    streamkit view run.jsonl
    streamkit view --follow run.jsonl     while the run is recorded
    curl -sN URL | streamkit view -       what a server streams
    """
    require("terminal", "view")
    from ..terminal import TreeView  # noqa: PLC0415  (rich is an extra)

    color = False if arguments.no_color else None
    with TreeView(color=color, steps=arguments.steps) as view:
        for event in events_of(arguments, follow=arguments.follow):
            view.feed(event)
    return 0


def _add_replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--speed", type=_speed, default=1.0, help="2 is twice as fast as it was; 0 does not wait"
    )
    parser.add_argument("--lines", action="store_true", help="show one line an event")
    parser.add_argument("--no-color", action="store_true", help="show text without colours")


def _speed(text: str) -> float:
    with suppress(ValueError):
        if (speed := float(text)) >= 0:
            return speed
    raise argparse.ArgumentTypeError(f"write a number from 0 on, such as 2, not {text!r}")


def _replay(arguments: argparse.Namespace) -> int:
    """Show a run as it was, at its own pace.

    streamkit replay run.jsonl
    streamkit replay run.jsonl --speed 4
    streamkit replay run.jsonl --speed 0 --lines
    """
    events = timed(events_of(arguments), arguments.speed or None)
    if arguments.lines:
        lines = Transcript()
        for event in events:
            print(lines.line(event), flush=True)
        return 0
    require("terminal", "replay")
    from ..terminal import TerminalView  # noqa: PLC0415  (rich is an extra)

    with TerminalView(color=False if arguments.no_color else None) as view:
        for event in events:
            view.feed(event)
    return 0


# --- convert


_WIRES = (
    *("ag_ui", "ai_sdk", "chat", "langgraph_sse"),
    *("ndjson", "openai_chunks", "openai_responses", "sse"),
)
"""The formats to convert to: modules of `streamkit.wire`."""


def _run_lines() -> Encode:
    line = Transcript().line
    return lambda event: (line(event).encode() + b"\n",)


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--to",
        type=lambda name: name.replace("-", "_"),
        choices=sorted({*_WIRES, "lines"}),
        required=True,
        help="the format to write",
    )
    _add_output(parser)
    parser.add_argument("--private", action="store_true", help="also write what is private")


def _convert(arguments: argparse.Namespace) -> int:
    """Write a run in another format: NDJSON, SSE, or a protocol of a frontend.

    streamkit convert run.jsonl --to sse
    streamkit convert run.jsonl --to ai_sdk -o frames.txt
    streamkit convert bug.jsonl --to ndjson    a raw recording becomes events
    """
    encoder = _run_lines
    if arguments.to in _WIRES:  # imported here, as only this command needs one
        wire = import_module(f"streamkit.wire.{arguments.to}")
        encoder = wire.encoder(private=arguments.private).stage
    _write(_encoded(events_of(arguments), encoder), arguments)
    return 0


def _encoded(events: Iterable[Event], encoder: Callable[[], Encode]) -> Iterator[bytes]:
    """Return the bytes of the runs of a file, each by an encoder of its own."""
    encode = encoder()
    for number, event in enumerate(events):
        if number and isinstance(event, RunStart):
            encode = encoder()
        yield from encode(event)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", help="by default the standard output")


def _write(chunks: Iterable[bytes], arguments: argparse.Namespace) -> None:
    path = arguments.output
    if path is None:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
            # A pipe keeps what is written until its buffer is full: nothing would come before.
            sys.stdout.buffer.flush()
        return
    with suppress(OSError):
        if Path(path).samefile(arguments.file):
            raise UsageError(f"{path} is the recording itself; name another file to write")
    waiting = iter(chunks)
    first = next(waiting, b"")  # a source that cannot be read leaves the file as it is
    try:
        with Path(path).open("wb") as file:
            file.writelines(chain([first], waiting))
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


# --- check


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--filtered", action="store_true", help="blocks of messages may have been filtered out"
    )


def _check(arguments: argparse.Namespace) -> int:
    """Check the grammar of a run, and name the line that breaks it.

    streamkit check run.jsonl
    streamkit check bug.jsonl    a raw recording is read as a stream first
    """
    # The first line that breaks a rule ends it.
    from ..testing import GrammarChecker  # noqa: PLC0415  (it imports LangChain)

    number = runs = events = 0
    checker: GrammarChecker | None = None
    try:
        for number, event in numbered_events(arguments.file):  # noqa: B007  (the last one)
            if checker is None or isinstance(event, RunStart):
                if checker:
                    checker.close()
                checker, runs = GrammarChecker(filtered=arguments.filtered), runs + 1
            checker(event)
            events += 1
        if checker:
            checker.close()
    except AssertionError as error:
        print(f"{arguments.file}:{number}: {escape(str(error))}", file=sys.stderr)
        return 1
    if not events:
        print(f"streamkit: {name_of(arguments.file)} has no events", file=sys.stderr)
        return 1
    print(f"{events} events in {runs} run{'s' * (runs != 1)} keep the grammar")
    return 0


# --- stats


def _add_prices(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--price",
        action="append",
        default=[],
        type=_price,
        metavar="MODEL=IN,OUT",
        help="per million tokens; may be given again",
    )


def _price(text: str) -> tuple[str, tuple[float, float]]:
    model, _, price = text.rpartition("=")
    given, _, answered = price.partition(",")
    with suppress(ValueError):
        prices = float(given), float(answered)
        if model and all(map(is_price, prices)):
            return model, prices
    raise argparse.ArgumentTypeError(
        "write a model and its two prices per million tokens, read and written, "
        f"such as gpt-5-mini=0.25,2.00, not {text!r}"
    )


def _add_stats(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON, for another program")
    _add_prices(parser)


def _stats(arguments: argparse.Namespace) -> int:
    """Show times, tokens and costs of a run.

    streamkit stats run.jsonl
    streamkit stats run.jsonl --price gpt-5-mini=0.25,2.00
    streamkit stats run.jsonl --json
    """
    prices: Prices = dict(arguments.price)
    for metrics in _measured(events_of(arguments), prices):
        if arguments.json:
            print(json.dumps(msgspec.to_builtins(metrics)))
        else:
            print("\n".join(_table(metrics, has_prices=bool(prices))))
    return 0


def _measured(events: Iterable[Event], prices: Prices) -> Iterator[RunMetrics]:
    """Return the metrics of each run of a file."""
    metrics: Metrics | None = None
    for event in events:
        if metrics is None or isinstance(event, RunStart):
            if metrics:
                yield metrics.result()
            metrics = Metrics(prices)
        metrics.feed(event)
    if metrics:
        yield metrics.result()


def _table(metrics: RunMetrics, *, has_prices: bool) -> Iterator[str]:
    usage = metrics.usage
    tokens = f"{usage.input_tokens:,} in, {usage.output_tokens:,} out" if usage else "not reported"
    facts = {
        "status": metrics.status,
        "time": _seconds(metrics.seconds),
        "first token": _seconds(metrics.first_token),
        "first text": _seconds(metrics.first_text),
        "between": _seconds(metrics.between),
        "model calls": str(len(metrics.calls)),
        "retries": str(metrics.retries),
        "interrupts": str(metrics.interrupts),
        "tokens": tokens,
        "cost": _cost(metrics.cost),
        "no price for": ", ".join(sorted(metrics.unpriced)) if has_prices else "",
    }
    yield from (f"{name:<13} {escape(fact)}" for name, fact in facts.items() if fact)
    spendings = {"model": metrics.by_model, "agent": metrics.by_agent, "call": metrics.by_tool_run}
    for name, spending in spendings.items():
        yield from _rows(name, ("calls", "in", "out", "cost"), spending, _spending)
    timings = {"tool": metrics.tools, "node": metrics.nodes, "retriever": metrics.retrievers}
    for name, timing in timings.items():
        yield from _rows(name, ("runs", "failed", "time", "longest"), timing, _timing)
    yield ""


_NAMES = 28  # columns of the names of a table, and more for longer ones
_NAME = 60  # characters of a name that are shown


def _rows(
    title: str,
    headings: tuple[str, ...],
    rows: Mapping[str, Any],
    cells: Callable[[Any], list[str]],
) -> Iterator[str]:
    if not rows:
        return
    names = [one if len(one := escape(key)) <= _NAME else f"{one[:_NAME]}…" for key in rows]
    width = max(_NAMES, *map(columns, names))
    yield ""
    for name, row in [(title, headings), *zip(names, map(cells, rows.values()), strict=True)]:
        yield name + " " * (width - columns(name)) + "".join(f"{cell:>10}" for cell in row)


def _spending(it: Spending) -> list[str]:
    usage = it.usage
    return [str(it.calls), f"{usage.input_tokens:,}", f"{usage.output_tokens:,}", _cost(it.cost)]


def _timing(it: Timing) -> list[str]:
    return [str(it.count), str(it.failed), _seconds(it.seconds), _seconds(it.longest)]


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f} s"


def _cost(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


# --- html


def _add_html(parser: argparse.ArgumentParser) -> None:
    _add_output(parser)
    parser.add_argument("--title", help="by default the run's name")
    parser.add_argument("--private", action="store_true", help="also show what is private")
    _add_prices(parser)


def _html(arguments: argparse.Namespace) -> int:
    """Make one HTML page that shows a run.

    streamkit html run.jsonl -o run.html
    streamkit html run.jsonl -o run.html --private    with prompts and exception texts
    """
    page = to_html(
        events_of(arguments),
        title=arguments.title,
        prices=dict(arguments.price),
        private=arguments.private,
    )
    _write([page.encode()], arguments)
    return 0


_COMMANDS = {
    _view: _add_view,
    _replay: _add_replay,
    _convert: _add_convert,
    _check: _add_check,
    _stats: _add_stats,
    _html: _add_html,
}
"""The commands, each with what adds its options; their help is in their docstrings."""
